/**
 * FUNCTION in a transaction: the main thread changes the libraries, and the first shard logs that, under the transaction's number
 * even where none of its keys is there. Otherwise a crash between the two could leave half of the transaction.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Manifest, readManifest } from '../../src/aof/manifest.js'
import { operationsOf } from '../../src/aof/ordered-units.js'
import { chainsOf, scanLog } from '../../src/aof/recovery.js'
import { UnitEvent, UnitReader } from '../../src/aof/units.js'
import { ServerProcess } from '../durability/server-process.js'
import type { RespConnection } from '../support/resp-value.js'
import { testPeer } from '../support/server.js'
import { APPEND_FILE_NAME } from './segments.js'

/** Of shard 1 of 2. */
const KEY = 'a'
const LIBRARY = `#!lua name=mine
redis.register_function('f', function() return 1 end)`

let root: string
let folder: string
let server: ServerProcess
let client: RespConnection

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'shardkeep-functions-'))
  folder = path.join(root, 'data', 'appendonlydir')
  mkdirSync(path.join(root, 'data'))
  const args = ['--appendonly', 'yes', '--save', '']
  server = new ServerProcess({ directory: path.join(root, 'data'), shards: 2, args })
  if (!(await server.ready)) throw new Error(server.output)
  client = await server.connect()
})

afterEach(async () => {
  client.close()
  await server.end()
  rmSync(root, { recursive: true })
})

/** Where the units and marks of a file end. */
async function endsIn(file: string): Promise<number[]> {
  const units = new UnitReader()
  const ends = [0]
  units.open(file)
  try {
    for (let event = units.next(); event <= UnitEvent.more; event = units.next()) {
      if (event === UnitEvent.more) await units.reader.fill()
      else ends.push(units.end)
    }
  } finally {
    units.close()
  }
  return ends
}

/** What a load would execute of the transaction: its two halves. */
async function recovered(where: string, manifest: Manifest): Promise<string> {
  const { cut } = await scanLog(where, manifest)
  let found = ''
  for await (const { units } of operationsOf(where, chainsOf(manifest), 0, cut)) {
    const text = units.map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join('')
    if (/set\r/i.test(text)) found += 'SET '
    if (/function\r/i.test(text)) found += 'FUNCTION '
  }
  return found
}

describe.skipIf(testPeer !== undefined)('a transaction with FUNCTION LOAD and keys of another shard', () => {
  it('has one number in both logs, and is recovered wholly or not at all', { timeout: 30_000 }, async () => {
    await client.call('WATCH', KEY)
    await client.call('MULTI')
    await client.call('SET', KEY, '1')
    await client.call('FUNCTION', 'LOAD', LIBRARY)
    expect(await client.call('EXEC')).toEqual([{ simple: 'OK' }, 'mine'])
    await server.end('SIGTERM')

    const manifest = await readManifest(folder, APPEND_FILE_NAME)
    if (manifest === null) throw new Error('there is no manifest')
    const { cut } = await scanLog(folder, manifest)
    const numbers = new Map<string, number>()
    for await (const { gsn, units } of operationsOf(folder, chainsOf(manifest), 0, cut)) {
      for (const { shard } of units) numbers.set(`shard ${shard}`, gsn)
    }
    expect([...numbers.keys()].sort()).toEqual(['shard 0', 'shard 1'])
    expect(numbers.get('shard 0')).toBe(numbers.get('shard 1'))

    const files = readdirSync(folder)
      .filter((name) => name.endsWith('.incr.aof'))
      .sort()
    const contents = files.map((name) => readFileSync(path.join(folder, name)))
    const [first = [], second = []] = await Promise.all(files.map((name) => endsIn(path.join(folder, name))))
    const cutFolder = path.join(root, 'cut')
    cpSync(folder, cutFolder, { recursive: true })
    const outcomes = new Set<string>()
    for (const a of first) {
      for (const b of second) {
        ;[a, b].forEach((end, i) => {
          writeFileSync(path.join(cutFolder, files[i] as string), (contents[i] as Buffer).subarray(0, end))
        })
        outcomes.add(await recovered(cutFolder, manifest))
      }
    }
    expect([...outcomes].sort()).toEqual(['', 'SET FUNCTION '])
  })
})
