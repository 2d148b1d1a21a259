/**
 * Saves one after the other while clients change values of all sizes in all ways that need locks: nobody may stand still, and
 * what is saved is one moment.
 *
 * `SNAPSHOT_SOAK_SECONDS` has it go on for longer, with larger values.
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const SECONDS = Number(process.env.SNAPSHOT_SOAK_SECONDS ?? 10)
const SEED = Number(process.env.SHARDKEEP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const LARGE_ELEMENTS = SECONDS > 30 ? 100_000 : 6000
const SHARDS = 4
const CLIENTS = 6
/** Of each type. */
const NAMES = 4
const SMALL_KEYS = 2000
const PAIRS = 50
/** Nothing takes so long unless it stands still. */
const STANDSTILL_MS = 40_000

type Command = readonly (string | number)[]

let folder: string
const servers: TestServer[] = []
const clients: RespConnection[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-soak-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(...args: string[]): Promise<TestServer> {
  const server = await startServer({ shards: SHARDS, args: ['--dir', folder, ...args] })
  servers.push(server)
  return server
}

async function connect({ port }: TestServer): Promise<RespConnection> {
  const client = await RespConnection.open(port)
  clients.push(client)
  return client
}

/** Makes a large value of its first key, on the shard that has it. */
const FILL = `local n, kind = tonumber(ARGV[1]), ARGV[2]
  redis.call('DEL', KEYS[1])
  for i = 1, n do
    if kind == 'zset' then redis.call('ZADD', KEYS[1], i, 'element ' .. i)
    elseif kind == 'hash' then redis.call('HSET', KEYS[1], 'element ' .. i, i)
    elseif kind == 'set' then redis.call('SADD', KEYS[1], 'element ' .. i)
    else redis.call('RPUSH', KEYS[1], 'element ' .. i) end
  end
  return n`
/** Changes keys that it does not name. */
const UNDECLARED = `redis.call('SET', 'pair:' .. ARGV[1] .. ':left', ARGV[2])
  redis.call('SADD', 'set:' .. (ARGV[1] % ${NAMES}), ARGV[2])
  return redis.call('SET', 'pair:' .. ARGV[1] .. ':right', ARGV[2])`

class Writes {
  readonly #random: Prng
  #number = 0

  constructor(seed: number) {
    this.#random = new Prng(seed)
  }

  #name(type: string): string {
    return `${type}:${this.#random.below(NAMES)}`
  }

  fill(type: string): Command {
    return ['EVAL', FILL, 1, this.#name(type), LARGE_ELEMENTS, type]
  }

  /** The next command, or all of a transaction. */
  next(): readonly Command[] {
    const random = this.#random
    const value = `v${this.#number++}`
    const element = `element ${random.below(LARGE_ELEMENTS)}`
    const pair = random.below(PAIRS)
    const types = ['zset', 'hash', 'set', 'list'] as const
    const type = types[random.below(types.length)] as string
    const choice = random.below(1000)
    if (choice < 500) return [['SET', `small:${random.below(SMALL_KEYS)}`, value]]
    if (choice < 600) return [['SET', `small:${random.below(SMALL_KEYS)}`, value, 'PX', 1 + random.below(500)]]
    if (choice < 650) return [['ZADD', this.#name('zset'), random.below(1000), element]]
    if (choice < 700) return [['HSET', this.#name('hash'), element, value]]
    if (choice < 750) return [['SADD', this.#name('set'), value]]
    if (choice < 800) return [['LPUSH', this.#name('list'), value]]
    if (choice < 850)
      return [
        ['MULTI'],
        ['SET', `pair:${pair}:left`, value],
        ['ZADD', this.#name('zset'), 5, element],
        ['SET', `pair:${pair}:right`, value],
        ['EXEC'],
      ]
    if (choice < 880) return [['EVAL', UNDECLARED, 0, pair, value]]
    if (choice < 900) return [['SUNIONSTORE', this.#name('set'), this.#name('set'), 'one', 'two']]
    if (choice < 920) return [['RENAME', this.#name(type), this.#name(type)]]
    if (choice < 970) {
      const from = random.below(NAMES)
      const to = (from + 1 + random.below(NAMES - 1)) % NAMES
      return [['COPY', `${type}:${from}`, `${type}:${to}`, 'REPLACE']]
    }
    if (choice < 980) return [['PEXPIRE', this.#name(type), 300]]
    if (choice < 994) return [['DEL', this.#name(type), this.#name(type)]]
    if (choice < 999) return [this.fill(type)]
    return random.below(8) === 0 ? [['FLUSHALL']] : [['DBSIZE']]
  }
}

/** What is known of a server that stands still. */
async function stateOf({ port, process: { pid } }: TestServer): Promise<string> {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => {
    // The state and the time that it has used, behind the name.
    const fields = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').replace(/^.*\)/s, '').split(' ')
    return `thread ${thread}: ${fields[1]}, ${fields[12]} ticks`
  })
  const client = await RespConnection.open(port)
  const asked = Promise.all([client.call('INFO', 'everything'), client.call('CLIENT', 'LIST')])
  const replies = await Promise.race([asked, sleep(5000, ['it does not answer'])])
  client.close()
  return [...threads, ...replies.map((reply) => (typeof reply === 'string' ? reply : JSON.stringify(reply)))].join('\n')
}

/** Waits for something of the server, and says what state that is in when it does not come. */
async function inTime<T>(server: TestServer, what: string, wanted: Promise<T>): Promise<T> {
  const isLate = Symbol()
  const ended = new AbortController()
  const first = await Promise.race([wanted, sleep(STANDSTILL_MS, isLate, { signal: ended.signal }).catch(() => isLate)])
  ended.abort()
  if (first === isLate) throw new Error(`${what} stands still\n${await stateOf(server)}`)
  return first as T
}

async function info(client: RespConnection, field: string): Promise<string> {
  const reply = await client.call('INFO', 'persistence')
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(String(reply))?.[1] ?? ''
}

const hasFailed = (reply: RespValue | 'closed'): boolean =>
  reply === 'closed' ||
  (reply !== null && typeof reply === 'object' && 'error' in reply && reply.error !== 'ERR no such key')

it(`saves beside commands of every kind, seed ${SEED}`, { timeout: (SECONDS + 180) * 1000 }, async () => {
  const server = await start()
  const saver = await connect(server)
  const first = new Writes(SEED)
  for (const type of ['zset', 'hash', 'set', 'list'])
    for (let i = 0; i < NAMES; i++) await saver.call(...first.fill(type))
  for (let i = 0; i < SMALL_KEYS; i++) void saver.call('SET', `small:${i}`, i)

  const endMs = Date.now() + SECONDS * 1000
  let written = 0
  const writing = Array.from({ length: CLIENTS }, async (_, number) => {
    const client = await connect(server)
    const writes = new Writes(SEED + 1 + number)
    while (Date.now() < endMs) {
      const commands = Array.from({ length: 20 }, () => writes.next()).flat()
      const replies = await inTime(server, 'a client', Promise.all(commands.map((command) => client.call(...command))))
      expect(replies.filter(hasFailed)).toEqual([])
      written += commands.length
    }
  })

  const waitForSave = async (): Promise<void> => {
    while ((await info(saver, 'rdb_bgsave_in_progress')) === '1') await sleep(5)
  }
  let saves = 0
  const saving = (async () => {
    while (Date.now() < endMs) {
      expect(await inTime(server, 'BGSAVE', saver.call('BGSAVE'))).toHaveProperty('simple')
      await inTime(server, 'a save', waitForSave())
      saves++
    }
  })()
  await Promise.all([...writing, saving])
  expect(await info(saver, 'rdb_last_bgsave_status')).toBe('ok')
  expect(saves).toBeGreaterThan(1)
  expect(written).toBeGreaterThan(100)

  // One that was made beside the writes has all of each transaction, or nothing.
  copyFileSync(path.join(folder, 'dump.rdb'), path.join(folder, 'meanwhile.rdb'))
  const meanwhile = await connect(await start('--dbfilename', 'meanwhile.rdb'))
  for (let pair = 0; pair < PAIRS; pair++) {
    const [left, right] = (await meanwhile.call('MGET', `pair:${pair}:left`, `pair:${pair}:right`)) as RespValue[]
    expect(left).toEqual(right)
  }
  // And nothing is left of locks: all of the data is reached, and saved as it is.
  for (const type of ['zset', 'hash', 'set', 'list']) await saver.call('DEL', ...[1, 2, 3].map((i) => `${type}:${i}`))
  const digest = await inTime(server, 'DEBUG DIGEST', saver.call('DEBUG', 'DIGEST'))
  await saver.call('BGSAVE')
  await inTime(server, 'the last save', waitForSave())
  copyFileSync(path.join(folder, 'dump.rdb'), path.join(folder, 'last.rdb'))
  const last = await connect(await start('--dbfilename', 'last.rdb'))
  expect(await last.call('DEBUG', 'DIGEST')).toEqual(digest)
})
