/**
 * The random steps of a simulation: what clients ask, and who goes on when. Everything follows from the seed.
 *
 * Only used by the simulation. Keys are few, so that commands conflict all the time.
 */
import { Prng } from '../../src/base/prng.js'

export type Step =
  | { readonly do: 'issue'; readonly client: number; readonly argv: readonly string[]; readonly silent?: true }
  | { readonly do: 'exec'; readonly client: number; readonly commands: readonly (readonly string[])[] }
  | { readonly do: 'watch'; readonly client: number; readonly keys: readonly string[] }
  | { readonly do: 'unwatch'; readonly client: number }
  | { readonly do: 'unblock'; readonly client: number; readonly withError: boolean }
  | { readonly do: 'disconnect'; readonly client: number }
  | { readonly do: 'publish' }
  | { readonly do: 'drain'; readonly shard: number; readonly frames: number }
  /** A slice of long work. */
  | { readonly do: 'slice'; readonly shard: number }
  | { readonly do: 'poll' }
  /** Frames are published, every shard works off what it has, and the replies are taken in. */
  | { readonly do: 'turn' }
  | { readonly do: 'clock'; readonly ms: number }

/** What the runs of one seed are like. */
export interface Profile {
  readonly seed: number
  readonly shards: number
  readonly databases: number
  readonly clients: number
  /** Requests that a client may have on their way. */
  readonly pipeline: number
  readonly keys: readonly string[]
  /** Keys of lists, which clients wait for; none in runs without lists. */
  readonly listKeys: readonly string[]
  /** Keys of sets; none in runs without sets. */
  readonly setKeys: readonly string[]
  /** Whether commands over several sets, and large records on their way, are cut into slices. */
  readonly isSliced: boolean
  /**
   * Clients wait for lists with a destination. Then a request makes no more than one list, as it would depend on which
   * thread is faster in which order two of them are moved on.
   */
  readonly hasFlows: boolean
  /** Values larger than a frame may be in the ring, and some that are larger than a reply that stays whole. */
  readonly hasBigValues: boolean
  /** So many values of some kilobytes at once that both rings fill and frames back up. */
  readonly isFlood: boolean
  readonly hasExpiry: boolean
  /** Whether commands on the keyspace as a whole come often: they hide much, because everything waits for them. */
  readonly hasWholeKeyspace: boolean
}

export function profileOf(seed: number, shards?: number): Profile {
  const random = new Prng(seed ^ 0x5eed)
  const isFlood = random.below(4) === 0
  // Drawn also where it is given, so that everything else is the same then.
  const shardsDrawn = 1 + random.below(5)
  return {
    seed,
    shards: shards ?? shardsDrawn,
    databases: 3,
    clients: 2 + random.below(6),
    pipeline: isFlood ? 50 : 1 + random.below(6),
    keys: Array.from({ length: 2 + random.below(10) }, (_, i) => `k${i}`),
    hasBigValues: random.below(4) === 0,
    isFlood,
    hasExpiry: random.below(3) > 0,
    hasWholeKeyspace: random.below(2) === 0,
    listKeys: random.below(2) === 0 ? [] : Array.from({ length: 1 + random.below(5) }, (_, i) => `l${i}`),
    hasFlows: random.below(2) === 0,
    setKeys: random.below(2) === 0 ? [] : Array.from({ length: 2 + random.below(4) }, (_, i) => `s${i}`),
    isSliced: random.below(3) > 0,
  }
}

export function stepsOf(profile: Profile, count: number): Step[] {
  return new Workload(profile).steps(count)
}

/** A value of `bytes` bytes is written `~bytes:letter` in a step, which would be unreadable otherwise. */
export function expanded(argv: readonly string[]): readonly string[] {
  return argv.map((text) => {
    const [, bytes, letter] = /^~(\d+):(.)$/.exec(text) ?? []
    return letter === undefined ? text : letter.repeat(Number(bytes))
  })
}

/** Of the commands on lists the first, and of the others on its key. */
function withOneList(commands: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const isOnList = (argv: readonly string[]): boolean => argv[1]?.startsWith('l') === true
  const first = commands.find(isOnList)
  return commands.filter((argv) => !isOnList(argv) || (argv[1] === first?.[1] && argv[2]?.startsWith('l') !== true))
}

/** Everybody asks and hardly anybody works. */
const FLOOD_WEIGHTS = [40, 4, 1, 1, 0, 1]

class Workload {
  readonly #random: Prng
  readonly #profile: Profile
  /** How likely asking, publishing, draining, polling, whole turns and the clock are; drawn anew from time to time. */
  #weights: readonly number[] = []

  constructor(profile: Profile) {
    this.#profile = profile
    this.#random = new Prng(profile.seed)
  }

  steps(count: number): Step[] {
    const steps: Step[] = []
    for (let i = 0; i < count; i++) {
      if (i % 100 === 0) this.#drawWeights()
      steps.push(this.#step())
    }
    return steps
  }

  #drawWeights(): void {
    if (this.#profile.isFlood && this.#oneIn(2)) this.#weights = FLOOD_WEIGHTS
    else this.#weights = [...Array.from({ length: 5 }, () => (this.#oneIn(3) ? 1 : 1 + this.#below(20))), 1]
  }

  #below(bound: number): number {
    return this.#random.below(bound)
  }

  #oneIn(n: number): boolean {
    return this.#random.below(n) === 0
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T
  }

  #step(): Step {
    switch (this.#weighted()) {
      case 0:
        return this.#ask()
      case 1:
        return { do: 'publish' }
      case 2:
        return {
          do: 'drain',
          shard: this.#below(this.#profile.shards),
          frames: 1 + this.#below(this.#oneIn(3) ? 50 : 3),
        }
      case 3:
        return this.#oneIn(2) ? { do: 'poll' } : { do: 'slice', shard: this.#below(this.#profile.shards) }
      case 4:
        return { do: 'turn' }
      default:
        return { do: 'clock', ms: this.#oneIn(4) ? this.#below(2000) : this.#below(20) }
    }
  }

  /** The index of a weight, chosen in proportion to the weights. */
  #weighted(): number {
    const weights = this.#weights
    let left = this.#below(weights.reduce((sum, weight) => sum + weight, 0))
    for (let i = 0; ; i++) {
      left -= weights[i] as number
      if (left < 0) return i
    }
  }

  #ask(): Step {
    const client = this.#below(this.#profile.clients)
    const n = this.#below(20)
    if (n < 2) return { do: 'watch', client, keys: this.#keys(1 + this.#below(2)) }
    if (n === 2) return { do: 'unwatch', client }
    if (n === 3 && this.#profile.listKeys.length > 0) {
      if (this.#oneIn(2)) return { do: 'disconnect', client }
      return { do: 'unblock', client, withError: this.#oneIn(2) }
    }
    if (n < 8) {
      const commands = Array.from({ length: this.#below(6) }, () => this.#command(true))
      return { do: 'exec', client, commands: this.#profile.hasFlows ? withOneList(commands) : commands }
    }
    const argv = this.#command(false)
    return this.#oneIn(20) && argv[0] !== 'scan' && argv[0]?.startsWith('b') === false
      ? { do: 'issue', client, argv, silent: true }
      : { do: 'issue', client, argv }
  }

  #key(): string {
    return this.#pick(this.#profile.keys)
  }

  #keys(count: number): string[] {
    return Array.from({ length: count }, () => this.#key())
  }

  #value(): string {
    if (this.#profile.isFlood && this.#oneIn(2)) return `~${500 + this.#below(3500)}:${this.#pick(['d', 'e'])}`
    if (this.#profile.hasBigValues && this.#oneIn(3)) {
      const bytes = this.#oneIn(20) ? 400_000 : this.#pick([1000, 3900, 4080, 4100, 9000, 20_000])
      return `~${bytes}:${this.#pick(['a', 'b', 'c'])}`
    }
    return this.#oneIn(2) ? String(this.#below(1000)) : `v${this.#below(1000)}`
  }

  #database(): string {
    return String(this.#below(this.#profile.databases))
  }

  #pairs(count: number): string[] {
    return this.#keys(count).flatMap((key) => [key, this.#value()])
  }

  #command(inTransaction: boolean): readonly string[] {
    const { hasExpiry, hasWholeKeyspace } = this.#profile
    const n = this.#below(inTransaction ? 12 : 11)
    if (this.#profile.listKeys.length > 0 && this.#oneIn(2)) return this.#onLists(inTransaction)
    if (this.#profile.setKeys.length > 0 && this.#oneIn(2)) return this.#onSets()
    if (n < 3) return this.#dependent()
    if (n < 5) return this.#overShards()
    if (n === 5 && hasExpiry) return this.#expiry()
    if (n === 6 && (hasWholeKeyspace || this.#oneIn(5))) return this.#wholeKeyspace(inTransaction)
    if (n === 10 && this.#oneIn(3)) return this.#onMain()
    if (n === 11) return this.#onMain()
    return this.#onOneKey()
  }

  #onLists(inTransaction: boolean): readonly string[] {
    const { listKeys, hasFlows } = this.#profile
    const [key, other] = [this.#pick(listKeys), this.#pick(listKeys)]
    const side = (): string => this.#pick(['LEFT', 'RIGHT'])
    const timeout = this.#oneIn(2) ? '0' : String((1 + this.#below(400)) / 1000)
    switch (this.#below(hasFlows ? 14 : 12)) {
      case 0:
      case 1:
      case 2:
        return ['rpush', key, ...Array.from({ length: 1 + this.#below(3) }, () => this.#value())]
      case 3:
        return ['lpush', key, this.#value()]
      case 4:
        return [this.#pick(['lpop', 'rpop']), key]
      case 5:
        return inTransaction && hasFlows ? ['lrange', key, '0', '-1'] : ['lmove', key, other, side(), side()]
      case 6:
        return this.#oneIn(4) ? ['set', key, 'x'] : ['lrange', key, '0', '-1']
      case 7:
        return this.#pick([
          ['del', key, other],
          ['rename', key, other],
          ['copy', key, other],
          ['pexpire', key, '10'],
        ])
      case 8:
      case 9:
        return [this.#pick(['blpop', 'brpop']), key, timeout]
      case 10:
      case 11: {
        const keys = Array.from({ length: 1 + this.#below(3) }, () => this.#pick(listKeys))
        return ['blpop', ...keys, timeout]
      }
      default:
        return ['blmove', key, other, side(), side(), timeout]
    }
  }

  #onSets(): readonly string[] {
    const { setKeys } = this.#profile
    const [key, other] = [this.#pick(setKeys), this.#pick(setKeys)]
    const members = (count: number): string[] => Array.from({ length: count }, () => `m${this.#below(20)}`)
    const sources = (): string[] => Array.from({ length: 1 + this.#below(6) }, () => this.#pick(setKeys))
    switch (this.#below(12)) {
      case 0:
      case 1:
      case 2:
        return ['sadd', key, ...members(1 + this.#below(10))]
      case 3:
        return ['srem', key, ...members(1 + this.#below(3))]
      case 4:
        return ['smembers', key]
      case 5:
        return [this.#pick(['sunion', 'sinter', 'sdiff']), ...sources()]
      case 6:
        return this.#pick([
          ['del', key, other],
          ['rename', key, other],
          ['copy', key, other, 'REPLACE'],
          ['pexpire', key, '10'],
          ['set', key, 'x'],
        ])
      default:
        return [this.#pick(['sunionstore', 'sinterstore', 'sdiffstore']), key, ...sources()]
    }
  }

  #onMain(): readonly string[] {
    if (this.#oneIn(3)) return ['select', this.#oneIn(10) ? '99' : this.#database()]
    return [this.#pick(['ping', 'info'])]
  }

  #onOneKey(): readonly string[] {
    const key = this.#key()
    switch (this.#below(9)) {
      case 0:
      case 1:
        return ['get', key]
      case 2:
        return ['append', key, 'x']
      case 3:
        return ['incr', key]
      case 4:
        return ['getdel', key]
      case 5:
        return ['strlen', key]
      case 6:
        return ['set', key, this.#value(), ...this.#pick([[], ['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['BAD']])]
      case 7:
        return this.#oneIn(2) ? ['move', key, this.#database()] : ['set', key, this.#value()]
      default:
        return ['set', key, this.#value()]
    }
  }

  #expiry(): readonly string[] {
    const key = this.#key()
    switch (this.#below(6)) {
      case 0:
        return ['pexpire', key, String(this.#below(40) - 2), ...this.#pick([[], [], ['NX'], ['GT']])]
      case 1:
        return ['expire', key, '1']
      case 2:
        return ['persist', key]
      case 3:
        return ['pttl', key]
      case 4:
        return [
          'msetex',
          '2',
          ...this.#pairs(2),
          ...this.#pick([[], ['NX'], ['XX']]),
          'PX',
          String(1 + this.#below(30)),
        ]
      default:
        return ['set', key, this.#value(), 'PX', String(1 + this.#below(30))]
    }
  }

  #overShards(): readonly string[] {
    const keys = this.#keys(1 + this.#below(4))
    switch (this.#below(6)) {
      case 0:
        return ['mget', ...keys]
      case 1:
        return [this.#pick(['exists', 'touch']), ...keys]
      case 2:
        return [this.#pick(['del', 'unlink']), ...keys]
      default: {
        const pairs = this.#pairs(1 + this.#below(4))
        return ['mset', ...(this.#oneIn(20) && pairs.length > 2 ? pairs.slice(0, -1) : pairs)]
      }
    }
  }

  #dependent(): readonly string[] {
    const [from, to] = [this.#key(), this.#key()]
    switch (this.#below(6)) {
      case 0:
        return ['rename', from, to]
      case 1:
        return ['renamenx', from, to]
      case 2:
      case 3:
        return ['copy', from, to, ...this.#copyOptions()]
      case 4: {
        const pairs = this.#pairs(1 + this.#below(3))
        return ['msetnx', ...(this.#oneIn(20) && pairs.length > 2 ? pairs.slice(0, -1) : pairs)]
      }
      default:
        // The work of LCS is the product of the lengths.
        return this.#profile.hasBigValues || this.#profile.isFlood ? ['rename', from, to] : ['lcs', from, to, 'LEN']
    }
  }

  #copyOptions(): readonly string[] {
    const n = this.#below(10)
    if (n === 0) return ['DB', this.#database(), 'DB', this.#database()]
    if (n === 1) return this.#pick([['DB', '99'], ['DB', 'x'], ['BAD'], ['DB']])
    if (n < 4) return ['DB', this.#database(), 'REPLACE']
    return n < 7 ? ['REPLACE'] : []
  }

  #wholeKeyspace(inTransaction: boolean): readonly string[] {
    switch (this.#below(10)) {
      case 0:
        return ['dbsize']
      case 1:
        return ['randomkey']
      case 2:
        return ['keys', this.#pick(['*', 'k1*'])]
      case 3:
        return [this.#oneIn(4) ? 'flushall' : 'flushdb']
      case 4:
      case 5:
        // It makes many lists ready at once, see hasFlows.
        if (this.#profile.listKeys.length > 0 && this.#profile.hasFlows) return ['dbsize']
        return ['swapdb', this.#database(), this.#database()]
      default:
        return ['scan', inTransaction ? '0' : 'next', 'COUNT', String(1 + this.#below(3))]
    }
  }
}
