/**
 * What two replies to the same command may differ in: where Redis itself gives no order and no certainty, and where
 * docs/differences.md says and explains that we answer otherwise.
 *
 * Only used by tests. Those about collections stand in collection-allowances.ts.
 */
import { type Allowance, CLOCK_MS_MAX } from './allowance.js'
import { collectionAllowances } from './collection-allowances.js'
import { bulkOf, elementsOf, integerOf, isErrorReply } from './reply-bytes.js'
import type { Argv } from './step.js'

/** Durations of a workload end within ten years, and its points in time are in the past or after the year 2100. */
const DURATION_MS_MAX = BigInt(20 * 366 * 24 * 3600 * 1000)

const EXPIRY_MS_MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** The unit of a command's reply in ms, and whether it counts from 1970. */
function clockOf(argv: Argv): { unitMs: bigint; fromMs: bigint } {
  const name = argv[0]?.toString('latin1').toLowerCase() ?? ''
  const isAbsolute = name.endsWith('expiretime')
  return { unitMs: name.startsWith('p') ? 1n : 1000n, fromMs: isAbsolute ? 0n : BigInt(Date.now()) }
}

/** Two replies of TTL or EXPIRETIME and their like as points in time in ms; undefined when one of them is no time. */
function expiriesOf(ours: Buffer, redis: Buffer, argv: Argv): { ours: bigint; redis: bigint } | undefined {
  const own = integerOf(ours)
  const other = integerOf(redis)
  if (own === undefined || other === undefined || own < 0n || other < 0n) return undefined
  const { unitMs, fromMs } = clockOf(argv)
  return { ours: fromMs + own * unitMs, redis: fromMs + other * unitMs }
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a
}

const EXPIRY_COMMANDS = ['ttl', 'pttl', 'expiretime', 'pexpiretime']

export const allowances: readonly Allowance[] = [
  ...collectionAllowances,
  {
    name: 'clock',
    reason:
      'the servers run a command at different times: a time to live, and a point in time made of one, are as far apart',
    commands: EXPIRY_COMMANDS,
    allows(ours, redis, argv) {
      const expiries = expiriesOf(ours, redis, argv)
      if (expiries === undefined || distance(expiries.ours, expiries.redis) > CLOCK_MS_MAX) return false
      // A point in time that was given as such is the same on both.
      const isRelative = expiries.redis - BigInt(Date.now()) < DURATION_MS_MAX
      return isRelative || !(argv[0] as Buffer).toString('latin1').toLowerCase().endsWith('expiretime')
    },
  },
  {
    name: 'last expiry',
    reason: 'expiry times end at 2^53 - 1 ms here',
    commands: EXPIRY_COMMANDS,
    allows(ours, redis, argv) {
      const expiries = expiriesOf(ours, redis, argv)
      return (
        expiries !== undefined &&
        expiries.redis > EXPIRY_MS_MAX &&
        distance(expiries.ours, EXPIRY_MS_MAX) <= CLOCK_MS_MAX
      )
    },
  },
  {
    name: 'order of last expiries',
    reason:
      'expiry times beyond 2^53 - 1 ms are all the same here, so that none of them is earlier or later than another',
    commands: ['expire', 'pexpire', 'expireat', 'pexpireat'],
    allows(ours, redis, argv) {
      const name = (argv[0] as Buffer).toString('latin1').toLowerCase()
      const unitMs = name.startsWith('p') ? 1 : 1000
      const compares = argv.slice(3).some((option) => /^[gl]t$/i.test(option.toString('latin1')))
      const isLast = Number(argv[2]) * unitMs + (name.endsWith('at') ? 0 : Date.now()) >= Number.MAX_SAFE_INTEGER
      return compares && isLast && [ours, redis].every((reply) => [0n, 1n].includes(integerOf(reply) ?? -1n))
    },
  },
  {
    name: 'time',
    reason: 'TIME tells the time',
    commands: ['time'],
    allows: (ours, redis) => elementsOf(ours)?.length === 2 && elementsOf(redis)?.length === 2,
  },
  {
    name: 'idle time',
    reason: 'clocks are read at different times, and the integers that Redis shares share their access clock',
    commands: ['object|idletime'],
    allows: (ours, redis) => (integerOf(ours) ?? -1n) >= 0n && (integerOf(redis) ?? -1n) >= 0n,
  },
  {
    name: 'access frequency',
    reason: 'whether an access makes the counter greater is left to chance',
    commands: ['object|freq'],
    allows: (ours, redis) => (integerOf(ours) ?? -1n) >= 0n && (integerOf(redis) ?? -1n) >= 0n,
  },
  {
    name: 'part of a scan',
    reason: "cursors, and how many elements come with one, are each server's own",
    commands: ['scan', 'sscan', 'hscan', 'zscan'],
    allows: (ours, redis) => [ours, redis].every((reply) => isScanReply(reply)),
  },
  {
    name: 'random key',
    reason: 'RANDOMKEY chooses',
    commands: ['randomkey'],
    allows: (ours, redis) => bulkOf(ours) !== undefined && bulkOf(redis) !== undefined,
  },
  {
    name: 'identity',
    reason: "the version and the id of the connection are each server's own",
    commands: ['hello'],
    allows: (ours, redis) => withoutIdentity(ours)?.equals(withoutIdentity(redis) ?? Buffer.alloc(0)) === true,
  },
  {
    name: 'checks of HELLO',
    reason: 'as in newer versions HELLO looks at all its options before it acts on one of them',
    commands: ['hello'],
    allows: (ours, redis) => isErrorReply(ours) && redis.toString('latin1', 0, 10) === '-WRONGPASS',
  },
  {
    name: 'name of a command in a script',
    reason: 'a command that another shard runs for a script comes there without the name as the script has written it',
    commands: ['xread', 'xreadgroup'],
    allows(ours, redis) {
      const [own, other] = [ours, redis].map((reply) => reply.toString('latin1').toLowerCase())
      return own === other && own?.includes('is not allowed with block option from scripts') === true
    },
  },
  {
    name: 'name of GEOSEARCH',
    reason: 'errors have the name in lower case, because it does not travel to the shard',
    commands: ['geosearch', 'geosearchstore'],
    allows(ours, redis) {
      const [own, other] = [ours, redis].map((reply) => reply.toString('latin1').toLowerCase())
      return own === other && own?.includes('can be specified for geosearch') === true
    },
  },
  {
    name: 'shared integers',
    reason: 'every small integer counts as shared here; in Redis not after COPY',
    commands: ['object|refcount'],
    allows: (ours, redis) => integerOf(ours) === 2147483647n && integerOf(redis) === 1n,
  },
  {
    name: 'references of queued commands',
    reason: 'until EXEC is over, the arguments that Redis stored as values are also those of the queued commands',
    commands: ['object|refcount'],
    allows: (ours, redis) => integerOf(ours) === 1n && (integerOf(redis) ?? 0n) > 1n && (integerOf(redis) ?? 0n) < 100n,
  },
]

function isScanReply(reply: Buffer): boolean {
  const [cursor, keys] = elementsOf(reply) ?? []
  return cursor !== undefined && keys !== undefined && bulkOf(cursor) !== undefined && elementsOf(keys) !== undefined
}

/** HELLO's reply without the values of `version` and `id`; undefined when it is none. */
function withoutIdentity(reply: Buffer): Buffer | undefined {
  const elements = isErrorReply(reply) ? undefined : elementsOf(reply)
  if (elements === undefined) return undefined
  const kept = elements.filter(
    (_, i) => !['version', 'id'].includes(bulkOf(elements[i - 1] ?? Buffer.from('_'))?.toString() ?? ''),
  )
  return Buffer.concat([reply.subarray(0, 1), ...kept])
}
