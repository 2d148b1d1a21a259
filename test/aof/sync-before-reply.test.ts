/**
 * `appendfsync always`: no reply comes before what it answers is on the disk, with the marks of all shards that make it
 * count. Seen in the calls of the server on its files, with syncs that are slow.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setFaults, watchingCalls } from '../durability/file-faults.js'
import { type FileCall, readCalls } from '../durability/recorded-disk.js'
import { ServerProcess } from '../durability/server-process.js'
import type { RespConnection, RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, testPeer } from '../support/server.js'

const SYNC_DELAY_MS = 8
/** After a reply, what came too late has come by then. */
const SETTLE_MS = 40

let root: string
let traces: string
let server: ServerProcess
let client: RespConnection

async function start(shards: number, sync: string): Promise<void> {
  const directory = path.join(root, 'data')
  const faults = path.join(root, 'faults')
  const environment = { ...watchingCalls(directory), FILE_CALLS_TRACE: traces, FILE_CALLS_FAULTS: faults }
  mkdirSync(directory)
  setFaults(faults, [{ call: 'fdatasync', path: 'incr\\.aof$', count: 1e9, delayMs: SYNC_DELAY_MS }])
  // Marks that the cron asks for would hide what is not asked for in time.
  const args = ['--appendonly', 'yes', '--appendfsync', sync, '--save', '', '--hz', '1']
  server = new ServerProcess({ directory, shards, args, environment })
  if (!(await server.ready)) throw new Error(server.output)
  client = await server.connect()
}

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'shardkeep-sync-'))
  traces = path.join(root, 'traces')
  mkdirSync(traces)
})

afterEach(async () => {
  client.close()
  await server.end()
  rmSync(root, { recursive: true })
})

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

interface Answered {
  readonly command: string
  readonly reply: RespValue | 'closed'
  readonly sentMs: number
  readonly doneMs: number
}

const answered: Answered[] = []

/** Commands go out together; what counts is when the last reply is there. */
async function send(...commands: readonly string[][]): Promise<RespValue | 'closed'> {
  const sentMs = nowMs()
  for (const command of commands) client.write(...command)
  let reply: RespValue | 'closed' = 'closed'
  for (const _ of commands) reply = await client.read()
  answered.push({ command: commands.map((command) => command.join(' ')).join('; '), reply, sentMs, doneMs: nowMs() })
  await sleep(SETTLE_MS)
  return reply
}

/** What is wrong with the answers: those that came before their records counted, or that have none. */
function faults(shards: number): string[] {
  const calls = segmentCalls(shards)
  const found: string[] = []
  let before = lastNumber(calls, answered[0]?.sentMs ?? 0)
  for (const [i, { command, reply, doneMs }] of answered.entries()) {
    const recorded = lastNumber(calls, answered[i + 1]?.sentMs ?? Number.POSITIVE_INFINITY)
    if (recorded <= before) found.push(`${command}: no record, ${JSON.stringify(reply)}`)
    const complete = completeUpTo(calls, doneMs)
    if (complete < recorded) found.push(`${command}: is number ${recorded}, on the disk is up to ${complete}`)
    before = recorded
  }
  return found
}

function segmentCalls(shards: number): FileCall[] {
  const calls = readCalls(traces).filter((call) => call.path.endsWith('.incr.aof'))
  expect(new Set(calls.map((call) => call.path)).size).toBe(shards)
  return calls
}

/** Up to which number every segment is on the disk at a moment. */
function completeUpTo(calls: readonly FileCall[], atMs: number): number {
  return Math.min(...segments(calls).map((segment) => lastMark(segment, atMs)))
}

/** The calls of each segment. */
function segments(calls: readonly FileCall[]): FileCall[][] {
  const files = [...new Set(calls.map((call) => call.path))]
  return files.map((file) => calls.filter((call) => call.path === file))
}

const textOf = ({ data = '' }: FileCall): string => Buffer.from(data, 'base64').toString('latin1')

/** The number of the last record that is written before a moment. */
function lastNumber(calls: readonly FileCall[], beforeMs: number): number {
  const written = calls.filter(({ call, from }) => call === 'write' && from < beforeMs)
  const numbers = written.flatMap((call) => [...textOf(call).matchAll(/#G:(\d+)\r\n/g)].map(([, n]) => Number(n)))
  return Math.max(0, ...numbers)
}

/** The number of the record that sets a key; 0 if there is none. */
function numberOfRecord(calls: readonly FileCall[], key: string): number {
  for (const segment of segments(calls)) {
    const text = segment
      .filter(({ call }) => call === 'write')
      .map(textOf)
      .join('')
    const at = text.indexOf(`\r\n$${key.length}\r\n${key}\r\n`)
    if (at >= 0) return Number([...text.slice(0, at).matchAll(/#G:(\d+)\r\n/g)].at(-1)?.[1])
  }
  return 0
}

/** The last mark of a file that is on the disk at a moment. */
function lastMark(calls: readonly FileCall[], atMs: number): number {
  const syncs = calls.filter(({ call, to }) => call === 'fdatasync' && to <= atMs)
  const certain = calls.filter(({ call, to }) => call === 'write' && syncs.some(({ from }) => from >= to))
  const marks = certain.flatMap((call) => [...textOf(call).matchAll(/#M:(\d+)\r\n/g)].map(([, n]) => Number(n)))
  return Math.max(0, ...marks)
}

const library = (name: string): string =>
  `#!lua name=${name}\nredis.register_function('${name}_f', function(keys) return redis.call('INCR', keys[1]) end)`
const words = (text: string): string[] => text.split(' ')

// The recorder is loaded into Node.js.
describe.skipIf(testPeer !== undefined).each(SHARD_COUNTS)(
  'with appendfsync always, %i shard(s)',
  { timeout: 120_000 },
  (shards) => {
    beforeEach(() => {
      answered.length = 0
    })

    it('what a command of any kind has done is on the disk before its reply', async () => {
      await start(shards, 'always')
      for (const text of [
        'SET a 1',
        'MSET a 1 b 2 c 3 d 4 e 5 f 6',
        'RENAME a z',
        'COPY b y',
        'SADD s 1 2 3',
        'SMOVE s t 1',
        'SUNIONSTORE u s t',
        'SORT s STORE sorted',
        'LPUSH l 1 2 3',
        'BLMOVE l m LEFT LEFT 1',
        'XADD x * a b',
        'DEL b c d e f',
        'SWAPDB 0 1',
        'SWAPDB 0 1',
        'FLUSHDB',
      ]) {
        await send(words(text))
      }
      const script = "redis.call('SET', KEYS[1], 1) return redis.call('SET', KEYS[2], 1)"
      await send(['EVAL', script, '2', 'a', 'b'])
      await send(['MULTI'], words('SET a 2'), words('SET b 2'), words('SET c 2'), ['EXEC'])
      await send(['MULTI'], words('RENAME a z'), words('SET b 2'), ['EXEC'])
      expect(await send(['FUNCTION', 'LOAD', library('one')])).toBe('one')
      expect(await send(['FUNCTION', 'LOAD', 'REPLACE', library('one')])).toBe('one')
      await send(['FUNCTION', 'LOAD', library('two')])
      const dump = (await client.call('FUNCTION', 'DUMP')) as string
      await sleep(SETTLE_MS)
      await send(words('FCALL one_f 1 a'))
      await send(words('FUNCTION DELETE two'))
      await send(words('FUNCTION FLUSH'))
      expect(await send(['FUNCTION', 'RESTORE', dump])).toEqual({ simple: 'OK' })
      await send(['MULTI'], words('FUNCTION DELETE two'), ['EXEC'])
      await send(['MULTI'], words('SET a 3'), words('FUNCTION DELETE one'), words('SET b 3'), ['EXEC'])
      await send(['MULTI'], words('RENAME a b'), ['FUNCTION', 'LOAD', library('three')], words('SET c 3'), ['EXEC'])
      await send(words('FLUSHALL'))
      expect(faults(shards)).toEqual([])
    })

    it('from the answer to CONFIG SET on', async () => {
      await start(shards, 'everysec')
      await client.call('SET', 'before', '1')
      expect(await client.call('CONFIG', 'SET', 'appendfsync', 'always')).toEqual({ simple: 'OK' })
      await send(words('SET a 1'))
      await send(words('MSET a 2 b 2 c 2'))
      expect(faults(shards)).toEqual([])
    })

    it('also for what was sent before CONFIG SET was answered', async () => {
      await start(shards, 'no')
      const others = await Promise.all(Array.from({ length: 4 }, () => server.connect()))
      for (const [i, other] of others.entries()) for (let j = 0; j < 50; j++) other.write('SET', `k:${i}:${j}`, '1')
      await send(words('CONFIG SET appendfsync always'), words('SET last 1'))
      // What the others have sent may come behind it.
      const calls = segmentCalls(shards)
      const number = numberOfRecord(calls, 'last')
      expect(number).toBeGreaterThan(0)
      expect(completeUpTo(calls, answered[0]?.doneMs ?? 0)).toBeGreaterThanOrEqual(number)
      for (const other of others) other.close()
    })
  },
)
