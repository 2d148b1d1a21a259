/**
 * What the log gets of each write command is what Redis's gets, but where the test says otherwise; and Redis takes what ours
 * gets, and is then in the same state.
 */
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { combineDigests, hexadecimal, keyspaceDigest } from '../../src/commands/digest.js'
import { type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { sequences } from '../commands/command-sequences.js'
import { RespConnection } from '../support/resp-value.js'
import { RandomWrites } from './random-writes.js'
import { type Recorded, RecordingServer, readLog, shownWords, type Words } from './recording-server.js'

/** Two clocks, and what it takes to send a command. */
const TOLERANCE_MS = 3000

let oracle: RedisOracle
let redis: RespConnection
let ours: RecordingServer
let readUpTo = 0
let database = 0

beforeAll(async () => {
  oracle = await startRedisOracle(
    '--appendonly',
    'yes',
    '--aof-use-rdb-preamble',
    'no',
    '--appendfsync',
    'no',
    '--enable-debug-command',
    'yes',
  )
  redis = await RespConnection.open(oracle.client.options.path as string)
})

afterAll(async () => {
  redis.close()
  await oracle.stop()
})

beforeEach(async () => {
  await redis.call('select', 0)
  await redis.call('flushall')
  recordedByRedis()
  ours = new RecordingServer(3, Date.now())
  ours.record()
})

afterEach(() => ours.close())

/** What Redis has recorded since the last time. */
function recordedByRedis(): Recorded[] {
  const directory = path.join(path.dirname(oracle.client.options.path as string), 'appendonlydir')
  const name = fs.readdirSync(directory).find((file) => file.endsWith('.incr.aof')) as string
  const bytes = fs.readFileSync(path.join(directory, name))
  const read = readLog(bytes.subarray(readUpTo), database)
  readUpTo = bytes.length
  database = read.database
  return read.commands
}

function isNear(left: string, right: string): boolean {
  if (left === right) return true
  const [leftMs, rightMs] = [left, right].map((text) =>
    /^\d{13}(-\d+)?$/.test(text) ? Number.parseInt(text, 10) : Number.NaN,
  )
  return Math.abs((leftMs as number) - (rightMs as number)) < TOLERANCE_MS
}

/** Whether two logs say the same, times apart. Names of commands and options have any case. */
function isSame(left: readonly Recorded[], right: readonly Recorded[]): boolean {
  return (
    left.length === right.length &&
    left.every((one, i) => {
      const other = right[i] as Recorded
      return (
        one.database === other.database &&
        one.argv.length === other.argv.length &&
        one.argv.every((word, k) =>
          isNear(word.toString('latin1').toLowerCase(), (other.argv[k] as Buffer).toString('latin1').toLowerCase()),
        )
      )
    })
  )
}

function shownLog(log: readonly Recorded[]): string {
  return log.map(({ database: index, argv }) => `  ${index}> ${shownWords(argv)}`).join('\n')
}

/** Where ours says more or less than Redis on purpose: names of commands, and what is left out of both logs. */
const DIFFERENT: Readonly<Record<string, (log: readonly Recorded[]) => readonly Recorded[]>> = {
  // Each server has its own idea of what is random, and ours puts the members into one SREM, as Redis 7.2 does.
  spop: (log) => (log.length === 0 || nameOf(log[0]) === 'del' ? log : membersCounted(log)),
  // Redis also says that nothing was emptied.
  flushall: () => [],
  flushdb: () => [],
  // Ours says how many entries the group has read, and that a pending one was delivered once more.
  xreadgroup: (log) => log.filter(({ argv }) => nameOf({ argv }) !== 'xgroup' && String(argv[9]) === '1'),
  // Redis leaves a LIMIT, which it would refuse from clients.
  xadd: (log) => log.map(withoutLimit),
  xtrim: (log) => log.map(withoutLimit),
  // What was found deleted is acknowledged.
  xclaim: (log) => log.map(asClaim),
  xautoclaim: (log) => log.map(asClaim),
}

function nameOf(recorded: Pick<Recorded, 'argv'> | undefined): string {
  return (recorded?.argv[0] ?? '').toString().toLowerCase()
}

function membersCounted(log: readonly Recorded[]): Recorded[] {
  const members = log.reduce((sum, { argv }) => sum + argv.length - 2, 0)
  const [{ database: index, argv }] = log as [Recorded]
  return [{ database: index, argv: [...argv.slice(0, 2), Buffer.from(String(members))] }]
}

function withoutLimit({ database: index, argv }: Recorded): Recorded {
  const at = argv.findIndex((word) => word.toString().toLowerCase() === 'limit')
  return { database: index, argv: at < 0 ? argv : [...argv.slice(0, at), ...argv.slice(at + 2)] }
}

/** Key, group and ID of an XACK or XCLAIM. */
function asClaim({ database: index, argv }: Recorded): Recorded {
  const id = argv[nameOf({ argv }) === 'xack' ? 3 : 5] as Buffer
  return { database: index, argv: [...argv.slice(1, 3), id] }
}

async function expectSameLogs(words: Words): Promise<string | undefined> {
  ours.nowMs = Date.now()
  if (ours.call(0, ...words) === undefined) return undefined
  await redis.call(...words)
  const logs = [ours.recorded(), recordedByRedis()] as const
  const asComparable = DIFFERENT[String(words[0]).toLowerCase()] ?? ((log) => log)
  if (isSame(asComparable(logs[0]), asComparable(logs[1]))) return undefined
  return `${shownWords(words)}\n ours\n${shownLog(logs[0])}\n redis\n${shownLog(logs[1])}`
}

const LONG_AGO_S = 1000

/** Commands whose effects are others, beyond those of the sequences. */
const others: readonly Words[] = [
  ['set', 'a', 1, 'get'],
  ['set', 'a', 2, 'GET', 'keepttl'],
  ['set', 'a', 2, 'nx', 'get'],
  ['set', 'b', 1, 'NX', 'EX', 100],
  ['set', 'b', 1, 'exat', LONG_AGO_S],
  ['set', 'b', 1, 'XX'],
  ['set', 'b', 1, 'px', 100_000],
  ['expire', 'b', 50, 'gt'],
  ['expire', 'b', 200, 'gt'],
  ['expire', 'b', 200, 'nx'],
  ['expire', 'b', -1],
  ['pexpireat', 'a', 4102444800000],
  ['incrbyfloat', 'a', '1.5'],
  ['hincrbyfloat', 'h', 'f', '1.5'],
  ['getset', 'a', 'x'],
  ['psetex', 'a', 100_000, 'x'],
  ['getex', 'a', 'exat', LONG_AGO_S],
  ['rpush', 'l', 1, 2, 3, 4, 5, 6, 7, 8],
  ['blpop', 'nothing', 'l', 0],
  ['brpop', 'l', 0],
  ['lmpop', 2, 'nothing', 'l', 'left', 'count', 2],
  ['blmpop', 0, 1, 'l', 'right'],
  ['blmove', 'l', 'm', 'left', 'right', 0],
  ['brpoplpush', 'l', 'm', 0],
  ['lmpop', 1, 'l', 'left', 'count', 100],
  ['zadd', 'z', 1, 'a', 2, 'b', 3, 'c', 4, 'd', 5, 'e'],
  ['bzpopmin', 'nothing', 'z', 0],
  ['bzpopmax', 'z', 0],
  ['zmpop', 1, 'z', 'max'],
  ['bzmpop', 0, 1, 'z', 'min', 'count', 10],
  ['sadd', 's', 1, 2, 3],
  ['spop', 's', 3],
  ['xadd', 'x', '*', 'f', 1],
  ['xadd', 'x', 'maxlen', '~', 1, 'limit', 0, '*', 'f', 2],
  ['xadd', 'x', 'nomkstream', 'MINID', '~', 5, '99999999999999-*', 'f', 2],
  ['xadd', 'x', 'maxlen', '=', 2, '*', 'f', 2],
  ['xadd', 'x', 'maxlen', 1, '*', 'f', 2],
  ['xtrim', 'x', 'maxlen', '~', 0],
  ['xtrim', 'x', 'maxlen', '0'],
  ['xtrim', 'x', 'maxlen', '0'],
  ['xadd', 'x', '*', 'f', 1],
  ['xgroup', 'create', 'x', 'g', 0],
  ['xgroup', 'create', 'y', 'g', '$', 'mkstream'],
  ['xreadgroup', 'group', 'g', 'me', 'noack', 'streams', 'x', '>'],
  ['xreadgroup', 'group', 'g', 'me', 'streams', 'x', '>'],
  ['xadd', 'x', '*', 'f', 1],
  ['xreadgroup', 'group', 'g', 'you', 'streams', 'x', '>'],
  ['xautoclaim', 'x', 'g', 'me', 0, 0],
  ['xgroup', 'setid', 'x', 'g', '$'],
  ['xgroup', 'createconsumer', 'x', 'g', 'me'],
  ['xgroup', 'createconsumer', 'x', 'g', 'they'],
  ['xsetid', 'x', '999999999999999-0'],
  ['geoadd', 'g', 'nx', 13.3, 38.1, 'x', 15, 37.5, 'y'],
  ['georadius', 'g', 15, 37, 200, 'km', 'store', 'near'],
  ['pfadd', 'p', 1],
  ['pfcount', 'p'],
  ['pfcount', 'p'],
  ['swapdb', 0, 1],
  ['swapdb', 0, 1],
  ['move', 'g', 3],
]

describe('beside Redis, the log of writes', () => {
  it.each(Object.entries({ ...sequences, 'other effects': others }))('is the same: %s', async (_name, commands) => {
    const different: string[] = []
    for (const words of commands as readonly Words[]) {
      const difference = await expectSameLogs(words)
      if (difference !== undefined) different.push(difference)
    }
    expect(different.join('\n')).toBe('')
  })

  it('takes payloads with a time', async () => {
    await redis.call('rpush', 'l', 1, 2)
    const payload = await oracle.client.dumpBuffer('l')
    recordedByRedis()
    for (const options of [['replace'], ['REPLACE', 'IDLETIME', 7], ['replace', 'absttl']]) {
      for (const ttl of [0, 100_000]) {
        expect(await expectSameLogs(['restore', 'l', ttl, payload, ...options])).toBeUndefined()
      }
    }
  })
})

/** Commands of hashes and options of streams that Redis 7.0 does not know, and that are no others in the log. */
const NEWER = /^(hexpire|hpexpire|hexpireat|hpexpireat|hpersist|hsetex|hgetex|xdelex|xackdel|keepref|delref|acked)$/i

/** Beyond the time of Redis's clock, so that nothing is over there that is not over here. */
const LATER_MS = 4_200_000_000_000

const STEPS = 2000
/** A failure names the seed and the step; the environment variable `STREAM_SEED` repeats it, `COMPARE_EVERY=1` finds the step. */
const COMPARE_EVERY = Number(process.env.COMPARE_EVERY ?? 20)

/** As it came; in which order Redis puts elements that are equal in what they are sorted by depends on where they lie. */
const SORT = /^sort$/i

describe('what was recorded', () => {
  it('is taken by Redis, which is then in the same state', async () => {
    const seed = Number(process.env.STREAM_SEED ?? Math.floor(Math.random() * 2 ** 31))
    const writes = new RandomWrites(seed, LATER_MS)
    ours.nowMs = LATER_MS
    const log: string[] = []
    for (let step = 0; step < STEPS; step++) {
      const words = writes.next()
      if (words.some((word) => NEWER.test(String(word))) || SORT.test(String(words[0]))) continue
      ours.call(0, ...words)
      if (writes.choice.oneIn(3)) ours.pass(writes.choice.below(100))
      writes.nowMs = ours.nowMs
      for (const { database: index, argv } of ours.recorded()) {
        await redis.call('select', index)
        const reply = await redis.call(...argv)
        log.push(`${index}> ${shownWords(argv)}`)
        const isError = typeof reply === 'object' && reply !== null && 'error' in reply
        if (isError)
          expect.fail(`seed ${seed}, step ${step}: ${shownWords(words)} as ${shownWords(argv)}: ${reply.error}`)
      }
      if (step % COMPARE_EVERY !== 0) continue
      const digest = hexadecimal(combineDigests(ours.keyspaces.map(keyspaceDigest)))
      const recent = log.slice(-30).join('\n')
      expect(await redis.call('debug', 'digest'), `seed ${seed}, step ${step}:\n${recent}`).toEqual({ simple: digest })
    }
  })
})
