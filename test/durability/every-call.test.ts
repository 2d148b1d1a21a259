/**
 * Every call on files by itself: one after the other fails, or is the last that the process does, while a server starts,
 * rewrites its log, saves.
 *
 * `DURABILITY_CALLS=all` does not leave any out, `DURABILITY_SEED=…` begins with this seed.
 */
import { randomInt } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Choice } from '../differential/choice.js'
import type { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, testPeer } from '../support/server.js'
import { isWhole } from './amount.js'
import { checkState, type Generation } from './checker.js'
import { type FileFault, setFaults, watchingCalls } from './file-faults.js'
import { Model } from './model.js'
import { readCalls } from './recorded-disk.js'
import { ServerProcess } from './server-process.js'
import { readState } from './state-reader.js'
import { backgroundWork, DATABASES, Workload } from './workload.js'

const SEED = Number(process.env.DURABILITY_SEED ?? randomInt(2 ** 31))
const ALL = process.env.DURABILITY_CALLS === 'all'
/** Of the calls of one kind of work, so many are tried where not all are. */
const SAMPLE = isWhole ? 6 : 2
const WAIT_MS_MAX = 15_000
const SHARDS = isWhole ? SHARD_COUNTS : [2]
const OK = { simple: 'OK' }
const LOG = ['--appendonly', 'yes', '--save', '']

/** What the shards append to fails in other ways. */
const NOT_A_SEGMENT = '(?<!incr\\.aof)$'

let root: string
let directory: string
let faults: string
let traces: string
let servers: ServerProcess[]
let connections: RespConnection[]

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'shardkeep-calls-'))
  directory = path.join(root, 'data')
  traces = path.join(root, 'traces')
  faults = path.join(root, 'faults')
  mkdirSync(directory)
  mkdirSync(traces)
  servers = []
  connections = []
})

afterEach(async () => {
  for (const connection of connections) connection.close()
  for (const server of servers) await server.end()
  rmSync(root, { recursive: true })
})

/** A server whose calls are looked at. */
function spawnServer(shards: number, args: readonly string[], where = directory): ServerProcess {
  const environment = { ...watchingCalls(where), FILE_CALLS_TRACE: traces, FILE_CALLS_FAULTS: faults }
  const server = new ServerProcess({ directory: where, shards, args, environment })
  servers.push(server)
  return server
}

async function start(shards: number, args: readonly string[], where = directory): Promise<ServerProcess> {
  const server = spawnServer(shards, args, where)
  if (!(await server.ready)) throw new Error(`the server does not start:\n${server.output}`)
  return server
}

async function connect(server: ServerProcess): Promise<RespConnection> {
  const connection = await server.connect()
  connections.push(connection)
  return connection
}

async function info(connection: RespConnection, field: string): Promise<string> {
  const text = (await connection.call('INFO', 'persistence')) as string
  return new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1] ?? ''
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`it did not come: ${what}`)
    await sleep(10)
  }
}

function leftovers(where = directory): string[] {
  return readdirSync(where, { recursive: true, encoding: 'utf8' }).filter((name) => /temp|tmp/.test(name))
}

/** How often each call is made by what `work` does, apart from what shards write. */
async function callsOf(work: () => Promise<unknown>): Promise<Map<string, number>> {
  const fromMs = Number(process.hrtime.bigint()) / 1e6
  await work()
  const counts = new Map<string, number>()
  for (const { call, path, from } of readCalls(traces)) {
    if (from >= fromMs && !path.endsWith('.incr.aof')) counts.set(call, (counts.get(call) ?? 0) + 1)
  }
  return counts
}

/** Each call that could fail; some of them, by the seed, where not all are wanted. */
function places(counts: ReadonlyMap<string, number>, choice: Choice): { call: string; skip: number }[] {
  const all = [...counts].flatMap(([call, count]) => Array.from({ length: count }, (_, skip) => ({ call, skip })))
  return ALL ? all : choice.shuffled(all).slice(0, SAMPLE)
}

const WORKS = [
  { command: 'BGREWRITEAOF', status: 'aof_last_bgrewrite_status', args: LOG },
  { command: 'BGSAVE', status: 'rdb_last_bgsave_status', args: ['--save', '3600 1000000'] },
] as const

async function finishWork(connection: RespConnection, command: string): Promise<void> {
  await connection.call(command)
  await until(`the end of ${command}`, async () => (await backgroundWork(connection)) === '')
}

// The recorder is loaded into Node.js.
describe.skipIf(testPeer !== undefined).each(SHARDS)(
  'every call on files, %i shard(s)',
  { timeout: 120_000 },
  (shards) => {
    it.each(isWhole ? WORKS : WORKS.slice(0, 1))(
      'may fail during $command',
      { timeout: 300_000 },
      async ({ command, status, args }) => {
        console.log(`DURABILITY_SEED=${SEED}`)
        const choice = new Choice(SEED)
        // Otherwise an answer promises nothing about files that are copied right after it.
        const server = await start(shards, [...args, '--appendfsync', 'always'])
        const connection = await connect(server)
        for (let i = 0; i < 50; i++) await connection.call('SET', `key:${i}`, `value ${i}`)
        // The first one has the least to replace and to remove.
        await finishWork(connection, command)
        const counts = await callsOf(() => finishWork(connection, command))
        expect(counts.get('rename')).toBeGreaterThan(0)
        expect(counts.get('fsync')).toBeGreaterThan(0)
        let round = 0
        let failuresBefore = 0
        for (const { call, skip } of places(counts, choice)) {
          const name = `${call} ${skip}`
          const error = choice.of(['EIO', 'ENOSPC', 'EACCES'])
          setFaults(faults, [{ call, path: NOT_A_SEGMENT, skip, error }])
          await finishWork(connection, command)
          const outcome = await info(connection, status)
          setFaults(faults, [])
          // What cannot be removed is no fault of what was written.
          const failures = readCalls(traces).filter(({ failed }) => failed !== undefined).length
          // Not every time are there as many calls.
          if (call !== 'unlink' && failures > failuresBefore) expect(outcome, name).toBe('err')
          failuresBefore = failures
          const written = command === 'BGSAVE' && outcome === 'err' ? 'GET' : 'SET'
          const reply = await connection.call(written, 'round', ...(written === 'SET' ? [String(++round)] : []))
          if (written === 'SET') expect(reply, name).toEqual(OK)
          // What is on the disk must do, whatever has failed: with the log all that was answered, else the last snapshot.
          const copy = path.join(root, 'copy')
          cpSync(directory, copy, { recursive: true })
          const next = await start(shards, args, copy)
          const reading = await connect(next)
          expect(await reading.call('GET', 'key:49'), name).toBe('value 49')
          if (command === 'BGREWRITEAOF') expect(await reading.call('GET', 'round'), name).toBe(String(round))
          expect(leftovers(copy), name).toEqual([])
          await next.end()
          rmSync(copy, { recursive: true })
          await finishWork(connection, command)
          expect(await info(connection, status), name).toBe('ok')
          expect(leftovers(), name).toEqual([])
        }
      },
    )

    it.each(isWhole ? WORKS : WORKS.slice(0, 1))(
      'may be the last of the process during $command',
      { timeout: 300_000 },
      async ({ command, args }) => {
        const choice = new Choice(SEED + 1)
        const server = await start(shards, args)
        const connection = await connect(server)
        for (let i = 0; i < 50; i++) await connection.call('SET', `key:${i}`, `value ${i}`)
        await finishWork(connection, command)
        const counts = await callsOf(() => finishWork(connection, command))
        await server.end()
        let answered = 0
        for (const { call, skip } of places(counts, choice)) {
          const end = choice.of(['before', 'after'] as const)
          const name = `${end} ${call} ${skip}`
          setFaults(faults, [])
          const killed = await start(shards, [...args, '--appendfsync', choice.of(['always', 'everysec'])])
          const writing = await connect(killed)
          setFaults(faults, [{ call, path: NOT_A_SEGMENT, skip, end }])
          writing.write(command)
          await writing.read()
          let reply = await writing.call('SET', 'answered', answered + 1)
          while (reply !== 'closed') {
            expect(reply, name).toEqual(OK)
            answered++
            reply = await Promise.race([
              writing.call('SET', 'answered', answered + 1),
              killed.exited.then(() => 'closed' as const),
            ])
            if ((await Promise.race([sleep(1), killed.exited.then(() => 'gone')])) === 'gone') break
            if (killed.isRunning && (await isOver(killed, command))) break
          }
          await killed.end()
          setFaults(faults, [])
          const next = await start(shards, args)
          const reading = await connect(next)
          expect(await reading.call('GET', 'key:49'), name).toBe('value 49')
          if (command === 'BGREWRITEAOF') {
            const found = Number(await reading.call('GET', 'answered'))
            // The process ends by a signal, so even with everysec no more than the last 100 ms may be missing.
            expect(found, name).toBeLessThanOrEqual(answered + 1)
            answered = found
          }
          expect(leftovers(), name).toEqual([])
          await finishWork(reading, command)
          await next.end()
        }
      },
    )

    it.runIf(isWhole)(
      'may be the last of the process while it starts on what a crash has left',
      { timeout: 300_000 },
      async () => {
        const choice = new Choice(SEED + 2)
        const first = await start(shards, LOG)
        const workload = await Workload.start(first.socket, { number: 1, base: new Model(), choice, pauseMs: 2 })
        await sleep(150)
        await first.end()
        const generation = await workload.end()
        const crashed = path.join(root, 'crashed')
        cpSync(directory, crashed, { recursive: true })
        const counts = await callsOf(async () => {
          const server = await start(shards, LOG)
          await check(server, generation)
          await server.end()
        })
        for (const { call, skip } of places(counts, choice)) {
          rmSync(directory, { recursive: true })
          cpSync(crashed, directory, { recursive: true })
          const fault: FileFault = { call, path: NOT_A_SEGMENT, skip, end: choice.of(['before', 'after'] as const) }
          setFaults(faults, [fault])
          const killed = spawnServer(shards, LOG)
          await Promise.race([killed.ready, killed.exited])
          await killed.end()
          setFaults(faults, [])
          const next = await start(shards, LOG)
          await check(next, generation).catch((error: Error) => {
            throw new Error(`${JSON.stringify(fault)}: ${error.message}`)
          })
          expect(leftovers(), JSON.stringify(fault)).toEqual([])
          await next.end()
        }
      },
    )

    it.runIf(isWhole).each(['everysec', 'no'])(
      'that writes or syncs the log may fail, appendfsync %s',
      async (sync) => {
        const server = await start(shards, [...LOG, '--appendfsync', sync])
        const connection = await connect(server)
        const segment = 'incr\\.aof$'
        for (const [call, error, text] of [
          ['write', 'EIO', 'Input/output error'],
          ['write', 'ENOSPC', 'No space left on device'],
          ['fdatasync', 'EIO', 'Input/output error'],
        ] as const) {
          if (call === 'fdatasync' && sync === 'no') continue
          setFaults(faults, [{ call, path: segment, error, count: 1e9 }])
          await until(`a refusal after ${call} ${error}`, async () => {
            const reply = await connection.call('SET', 'a', error)
            if (reply === null || typeof reply !== 'object' || !('error' in reply)) return false
            expect(reply.error).toBe(`MISCONF Errors writing to the AOF file: ${text}`)
            return true
          })
          expect(await connection.call('GET', 'a')).toBe(error)
          setFaults(faults, [])
          await until('writes again', async () => 'simple' in ((await connection.call('SET', 'b', error)) as object))
          expect(await info(connection, 'aof_last_write_status')).toBe('ok')
        }
        await sleep(1200)
        await server.end()
        const next = await connect(await start(shards, LOG))
        expect(await next.call('MGET', 'a', 'b')).toEqual(sync === 'no' ? ['ENOSPC', 'ENOSPC'] : ['EIO', 'EIO'])
      },
    )

    it.each([
      ['write', 'EIO', /Can't recover from AOF write error when the AOF fsync policy is 'always'\. Exiting\.\.\./],
      [
        'fdatasync',
        'EIO',
        /Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input\/output error\. Exiting\.\.\./,
      ],
    ])('that cannot %s the log ends the server with appendfsync always', async (call, error, words) => {
      const server = await start(shards, [...LOG, '--appendfsync', 'always'])
      const connection = await connect(server)
      expect(await connection.call('SET', 'a', '1')).toEqual(OK)
      setFaults(faults, [{ call, path: 'incr\\.aof$', error, count: 1e9 }])
      expect(await connection.call('SET', 'a', '2')).toBe('closed')
      await server.exited
      expect(server.exitCode).toBe(1)
      expect(server.output).toMatch(words)
      setFaults(faults, [])
      const next = await connect(await start(shards, LOG))
      expect(['1', '2']).toContain(await next.call('GET', 'a'))
    })
  },
)

async function isOver(server: ServerProcess, command: string): Promise<boolean> {
  return new RegExp(command === 'BGSAVE' ? 'saving terminated' : 'rewrite (finished|terminated)').test(server.output)
}

/** With appendfsync everysec a kill may cost what had not been written when it came. */
async function check(server: ServerProcess, generation: Generation): Promise<void> {
  const connection = await connect(server)
  checkState(generation, await readState(connection, [...new Set(DATABASES)]), 1500)
}
