/**
 * Damaged payloads of DUMP: both servers get the same, and must refuse the same, or hold the same and answer the same
 * about it, also after commands that change it.
 *
 * Only used by tests. A payload is what redis-server gives for a value of any type and encoding, or what older versions gave,
 * with a few bytes changed and the right checksum.
 */
import { Prng } from '../../src/base/prng.js'
import type { CommandGroup } from '../../src/commands/spec.js'
import { fullNameOf } from '../../src/commands/table.js'
import { LENGTH_32_BITS, LENGTH_64_BITS, RdbType } from '../../src/store/rdb/rdb-format.js'
import { damaged } from '../store/rdb/payload-damage.js'
import { recordedPayloads } from '../store/rdb/recorded-payloads.js'
import { Choice } from './choice.js'
import { drawCommand, tokensOf } from './command-arguments.js'
import { Comparison, type Tally } from './comparison.js'
import { BULK_BYTES_MAX, isHazardous, looksBetweenMembers } from './hazards.js'
import { bulkOf, elementsOf, isErrorReply } from './reply-bytes.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import { type Argv, shownBytes, shownCommand } from './step.js'
import { thresholds } from './thresholds.js'
import { valueMakers } from './value-makers.js'
import { Vocabulary } from './vocabulary.js'
import { drawnSpecs } from './workload.js'

const words = (...texts: readonly string[]): Argv => texts.map((text) => Buffer.from(text, 'latin1'))

/** The key that is restored, and one more for commands of two keys. Over several shards they are on different ones. */
const KEY = Buffer.from('k')
const OTHER_KEY = Buffer.from('other')
const COPY = Buffer.from('copy')

/** Payloads that one seed makes of its values. */
export const DAMAGED_PER_SEED = 100

/** The types of values that are loaded into a table. */
const TABLES: readonly number[] = [RdbType.set, RdbType.zset, RdbType.zset2, RdbType.hash]

/** Types of values from this number on are newer than the server compared with. */
const RDB_TYPES_OF_REDIS_7_0: number = RdbType.setListpack

/** Commands on a value that was restored. */
const COMMANDS_MAX = 12

/** What commands of a group work on, for those that work on values of another one. */
const GROUPS_OF_VALUE: Readonly<Partial<Record<CommandGroup, readonly CommandGroup[]>>> = {
  string: ['string', 'bitmap', 'hyperloglog'],
  hyperloglog: ['string', 'bitmap', 'hyperloglog'],
  'sorted-set': ['sorted-set', 'geo'],
}

const GENERIC = ['copy', 'sort', 'sort_ro', 'object|encoding', 'dump', 'type', 'rename']

const tokens = tokensOf(drawnSpecs)

/** What chooses by chance, or goes through values in an order of its own. */
const CHOOSING = ['spop', 'srandmember', 'hrandfield', 'zrandmember', 'sscan', 'hscan', 'zscan', 'lcs']

/** How a value is looked at as a whole, by its type. PFCOUNT of two keys does not believe what the value says that it counts. */
const LOOKS: Readonly<Record<string, readonly string[]>> = {
  string: ['GET k', 'STRLEN k', 'BITCOUNT k', 'PFCOUNT k', 'PFCOUNT k k'],
  list: ['LLEN k', 'LRANGE k 0 -1', 'LINDEX k -1', 'LPOS k 1 COUNT 0'],
  set: ['SCARD k', 'SMEMBERS k', 'SISMEMBER k 1'],
  hash: ['HLEN k', 'HGETALL k', 'HKEYS k', 'HVALS k', 'HGET k 1'],
  zset: ['ZCARD k', 'ZRANGE k 0 -1 WITHSCORES', 'ZREVRANGEBYSCORE k +inf -inf', 'ZCOUNT k -inf +inf', 'ZRANK k 1'],
  stream: [
    'XLEN k',
    'XRANGE k - +',
    'XREVRANGE k + -',
    'XREAD COUNT 3 STREAMS k 1-0',
    'XINFO STREAM k FULL COUNT 0',
    'XINFO GROUPS k',
    'XPENDING k g1',
  ],
}

export class DamageCounts {
  restored = 0
  refused = 0
  commands = 0
  /** What Redis restores and we refuse. It reads on into the footer, and it does not check whether numbers are some. */
  refusedHereOnly = 0
  /** The longest time that a payload and all that followed it took. */
  slowestMs = 0
}

interface Payload {
  readonly group: CommandGroup
  readonly bytes: Uint8Array
}

/** Runs the payloads of a seed. @returns what differed first, undefined when nothing did */
export async function differenceOfDamage(
  pair: ServerPair,
  seed: number,
  counts: DamageCounts,
  tally: Tally,
): Promise<string | undefined> {
  await pair.reset()
  const session = new DamageSession(pair, seed, counts, tally)
  const difference = await session.run()
  return difference === undefined ? undefined : `${difference}\nseed ${seed}, ${pair.shards} shards`
}

class DamageSession {
  readonly #choice: Choice
  readonly #prng: Prng

  constructor(
    private readonly pair: ServerPair,
    seed: number,
    private readonly counts: DamageCounts,
    private readonly tally: Tally,
  ) {
    this.#choice = new Choice(seed)
    this.#prng = new Prng(seed ^ 0x5bd1e995)
  }

  async run(): Promise<string | undefined> {
    await this.pair.exchangeEach(CONTROL, [], [words('CONFIG', 'SET', 'sanitize-dump-payload', 'yes')])
    const payloads = await this.#payloads()
    await this.#both(words('FLUSHALL'), words('CONFIG', 'SET', 'rdbcompression', 'yes'))
    for (let round = 0; round < DAMAGED_PER_SEED; round++) {
      const { group, bytes } = this.#choice.of(payloads)
      const payload = Buffer.from(damaged(bytes, this.#prng))
      const startedMs = performance.now()
      const difference = await this.#round(group, payload).catch(
        (error: Error) => `${error.message}\n${this.pair.output().slice(-1500)}`,
      )
      this.counts.slowestMs = Math.max(this.counts.slowestMs, performance.now() - startedMs)
      if (difference !== undefined) return `${difference}\npayload ${payload.toString('base64')}, round ${round}`
    }
    return undefined
  }

  /** What redis-server makes of values of all kinds, and what older ones have made. */
  async #payloads(): Promise<readonly Payload[]> {
    const choice = this.#choice
    const settings: Argv[] = thresholds
      .filter(({ isFixed }) => isFixed !== true && choice.oneIn(3))
      .map(({ setting, small }) => words('CONFIG', 'SET', setting, choice.of(small)))
    await this.#both(...settings, words('CONFIG', 'SET', 'rdbcompression', choice.oneIn(4) ? 'yes' : 'no'))
    const payloads: Payload[] = []
    for (const [i, { group, make }] of valueMakers.entries()) {
      const key = Buffer.from(`made:${i}`)
      const commands = [...make(choice, key), [...words('DUMP'), key]]
      const { redis } = await this.pair.exchangeEach(CONTROL, [], commands)
      const bytes = bulkOf(redis.at(-1) as Buffer)
      if (bytes !== undefined) payloads.push({ group, bytes: Uint8Array.from(bytes) })
    }
    const old = recordedPayloads.map(({ name, payload }): Payload => {
      const type = name.split(/[, ]/)[0] as string
      return { group: (type === 'zset' ? 'sorted-set' : type) as CommandGroup, bytes: Buffer.from(payload, 'base64') }
    })
    // They may come to a server whose own settings are others.
    if (choice.oneIn(2))
      await this.#both(...thresholds.map(({ setting, usual }) => words('CONFIG', 'SET', setting, usual)))
    return [...payloads, ...payloads, ...old]
  }

  async #round(group: CommandGroup, payload: Buffer): Promise<string | undefined> {
    if (claimsMillions(payload)) {
      const [reply] = await this.#ours([...words('RESTORE', 'k', '0'), payload])
      this.counts.refused++
      return isErrorReply(reply as Buffer) ? undefined : 'more elements are restored than there are'
    }
    const restored = await this.#both([...words('RESTORE', 'k', '0'), payload])
    const [own, other] = [restored.ours[0] as Buffer, restored.redis[0] as Buffer]
    const [isOwnError, isOtherError] = [isErrorReply(own), isErrorReply(other)]
    if (!isOwnError && isOtherError && (payload[0] as number) < RDB_TYPES_OF_REDIS_7_0) return 'only redis refuses this'
    if (isOwnError && !isOtherError) this.counts.refusedHereOnly++
    if (isOwnError && isOtherError && !own.equals(other)) return shownDifference(words('RESTORE', 'k'), own, other)
    if (isOwnError) this.counts.refused++
    else this.counts.restored++
    let difference: string | undefined
    if (!isOwnError) difference = await (isOtherError ? this.#alone(group) : this.#together(group))
    if (difference !== undefined) return difference
    return this.#end()
  }

  /** Nothing may be left. */
  async #end(): Promise<string | undefined> {
    const { ours } = await this.#both(words('DEL', 'k', 'other', 'copy'), words('DBSIZE'), words('FLUSHALL'))
    const left = ours[1]?.toString()
    return left === ':0\r\n' ? undefined : `DBSIZE ${left}`
  }

  async #together(group: CommandGroup): Promise<string | undefined> {
    const { different, isKeptAsItIs } = await this.#look()
    if (different !== undefined) return `as it was restored: ${different}`
    if (isKeptAsItIs) return this.#alone(group)
    const comparison = new Comparison(this.tally)
    const argvs = this.#commands(group)
    for (const [i, argv] of argvs.entries()) {
      const { ours, redis } = await this.#both(argv)
      const [own, other] = [ours[0] as Buffer, redis[0] as Buffer]
      if (comparison.areBothRight(0, argv, own, other)) continue
      return `${after(argvs.slice(0, i))}\n${shownDifference(argv, own, other)}`
    }
    if (comparison.hasDiverged) return undefined
    const later = (await this.#look()).different ?? (await this.#copy())
    return later === undefined ? undefined : `${after(argvs)}\n${later}`
  }

  /** Where Redis does not have the same value: ours must answer, and agree with itself. */
  async #alone(group: CommandGroup): Promise<string | undefined> {
    const argvs = this.#commands(group)
    await this.#ours(...argvs)
    const difference = await this.#copy()
    return difference === undefined ? undefined : `${after(argvs)}\n${difference}`
  }

  /** DUMP and RESTORE under another name must give the same value. */
  async #copy(): Promise<string | undefined> {
    const [, dump] = await this.#ours(words('PERSIST', 'k'), words('DUMP', 'k'))
    const payload = bulkOf(dump as Buffer)
    if (payload === undefined) return undefined
    const [restored, digest, copied] = await this.#ours(
      [...words('RESTORE', 'copy', '0'), payload, ...words('REPLACE')],
      words('DEBUG', 'DIGEST-VALUE', 'k'),
      words('DEBUG', 'DIGEST-VALUE', 'copy'),
    )
    if (restored?.toString() === '+OK\r\n' && (digest as Buffer).equals(copied as Buffer)) return undefined
    return `a copy: ${restored?.toString('latin1')} ${digest?.toString('latin1')} ${copied?.toString('latin1')}`
  }

  /**
   * Compares the whole values. Redis keeps some of what is wrong as it is, where the value here is as it should be: the order
   * of a small sorted set, and the first ID of a stream. Of a HyperLogLog whose last opcode is cut off it writes the half.
   */
  async #look(): Promise<{ readonly different?: string; readonly isKeptAsItIs: boolean }> {
    const first = [words('TYPE', 'k'), words('DEBUG', 'DIGEST-VALUE', 'k'), words('OBJECT', 'ENCODING', 'k')]
    const type = (await this.#both(first[0] as Argv)).redis[0]?.toString('latin1').slice(1, -2) ?? ''
    const argvs = [...first, ...(LOOKS[type] ?? []).map((look) => words(...look.split(' ')))]
    const { ours, redis } = await this.#both(...argvs)
    const comparison = new Comparison(this.tally)
    for (const [i, argv] of argvs.entries()) {
      const [own, other] = [ours[i] as Buffer, redis[i] as Buffer]
      if (other.toString('latin1').startsWith('-INVALIDOBJ')) return { isKeptAsItIs: true }
      if (comparison.areEqualOrAllowed(argv, own, other) || isEncodingOfSmall(type, argv)) continue
      // What is asked for behind these would come of the same.
      if (haveSameElements(argv, own, other)) return { isKeptAsItIs: true }
      if (comparison.areEqualOrAllowed(argv, withoutFirstId(own), withoutFirstId(other))) return { isKeptAsItIs: true }
      return { different: shownDifference(argv, own, other), isKeptAsItIs: false }
    }
    return { isKeptAsItIs: false }
  }

  #commands(group: CommandGroup): readonly Argv[] {
    const choice = this.#choice
    const groups = GROUPS_OF_VALUE[group] ?? [group]
    const vocabulary = new Vocabulary(choice, {
      groups,
      hasBigValues: false,
      hasLargeCollections: false,
      hasOneScore: false,
      tokens,
    })
    vocabulary.key = () => (choice.oneIn(6) ? choice.of([OTHER_KEY, COPY]) : KEY)
    const specs = drawnSpecs
      .filter((spec) => groups.includes(spec.group) || GENERIC.includes(fullNameOf(spec)))
      .filter(
        (spec) =>
          !CHOOSING.includes(spec.name) &&
          !(group === 'sorted-set' && spec.name.startsWith('sort')) &&
          !spec.flags.includes('blocking'),
      )
    const argvs: Argv[] = []
    for (let left = choice.below(COMMANDS_MAX); left > 0; ) {
      const argv = drawCommand(vocabulary, choice.of(specs))
      if (isHazardous(argv, BULK_BYTES_MAX) || looksBetweenMembers(argv)) continue
      argvs.push(argv)
      left--
    }
    return argvs
  }

  #both(...argvs: readonly Argv[]): ReturnType<ServerPair['exchange']> {
    this.counts.commands += argvs.length
    return this.pair.exchange(CONTROL, argvs)
  }

  async #ours(...argvs: readonly Argv[]): Promise<readonly Buffer[]> {
    this.counts.commands += argvs.length
    return (await this.pair.exchangeEach(CONTROL, argvs, [])).ours
  }
}

/** Whether a count of 32 bits or more begins a collection. Redis makes a table for so many, and takes seconds or all memory. */
function claimsMillions(payload: Buffer): boolean {
  const length = payload[1]
  return TABLES.includes(payload[0] as number) && (length === LENGTH_32_BITS || length === LENGTH_64_BITS)
}

function after(argvs: readonly Argv[]): string {
  return `after ${argvs.map(shownCommand).join('\n      ')}`
}

function shownDifference(argv: Argv, ours: Buffer, redis: Buffer): string {
  return `${shownCommand(argv)}\nours:  ${shownBytes(ours)}\nredis: ${shownBytes(redis)}`
}

/** Whether a value's length counts for how a collection is kept that is restored, see docs/differences.md. */
function isEncodingOfSmall(type: string, argv: Argv): boolean {
  return argv[0]?.toString() === 'OBJECT' && ['hash', 'zset'].includes(type)
}

/** Whether the elements of a sorted set are the same in another order. */
function haveSameElements(argv: Argv, ours: Buffer, redis: Buffer): boolean {
  if (argv[0]?.toString() !== 'ZRANGE') return false
  const [own, other] = [ours, redis].map((reply) => (elementsOf(reply) ?? []).map(String).sort().join())
  return own === other && own !== ''
}

function withoutFirstId(reply: Buffer): Buffer {
  const text = reply.toString('latin1')
  return Buffer.from(text.replace(/(recorded-first-entry-id\r\n)\$\d+\r\n[-\d]+/, '$1$3\r\n0-0'), 'latin1')
}
