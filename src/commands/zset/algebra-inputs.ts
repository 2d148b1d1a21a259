/**
 * What ZUNION, ZINTER, ZDIFF and their like are given: the keys, weights, how scores are combined, and the other options.
 *
 * Runs in a shard worker. Invariant: inputs that `read` returns are given back with `release`.
 */
import { parseDouble } from '../../base/float.js'
import { encodeError, errors } from '../../resp/errors.js'
import type { ShardCall } from '../shard-call.js'
import { ScoredSource } from './scored-source.js'
import { longArgument } from './zset-reply.js'

const WEIGHT_NOT_A_FLOAT = encodeError('ERR weight value is not a float')
const NEGATIVE_LIMIT = encodeError("ERR LIMIT can't be negative")

/** What a command does with its inputs, and whether it stores, replies or only counts the result. */
export interface AlgebraCommand {
  readonly operation: 'union' | 'intersection' | 'difference'
  readonly result: 'stored' | 'replied' | 'counted'
}

type Aggregate = 'sum' | 'min' | 'max'

export class AlgebraInputs {
  readonly sources: ScoredSource[] = []
  withScores = false
  /** The number at which counting ends, 0 for none. */
  limit = 0
  private aggregate: Aggregate = 'sum'

  constructor(
    private readonly call: ShardCall,
    private readonly command: AlgebraCommand,
  ) {}

  /** How many elements all inputs have together. */
  get size(): number {
    let size = 0
    for (const source of this.sources) size += source.size
    return size
  }

  /** Reads the arguments from the number of keys on. @returns false after an error reply, with nothing to release */
  read(numberAt: number): boolean {
    const count = this.readCount(numberAt)
    if (count === 0) return false
    const error = this.findSources(numberAt + 1, count) ?? this.readOptions(numberAt + 1 + count)
    if (error === undefined) return true
    this.release()
    this.call.reply.error(error)
    return false
  }

  release(): void {
    for (const source of this.sources) source.release()
    this.call.keyspace.sets.releaseSources()
  }

  /** The smallest first. Equal ones stay in their order, because sums of doubles depend on it. */
  sortBySize(): void {
    this.sources.sort((a, b) => a.size - b.size)
  }

  /** One score from two. Infinities of both signs come to 0 together. */
  combined(score: number, other: number): number {
    if (this.aggregate === 'min') return other < score ? other : score
    if (this.aggregate === 'max') return other > score ? other : score
    const sum = score + other
    return Number.isNaN(sum) ? 0 : sum
  }

  /** @returns 0 after an error reply */
  private readCount(numberAt: number): number {
    const { call } = this
    const count = longArgument(call, numberAt)
    if (Number.isNaN(count)) call.reply.error(errors.notAnInteger)
    else if (count < 1) call.reply.errorText(`ERR at least 1 input key is needed for '${call.spec.name}' command`)
    else if (count > call.argc - numberAt - 1) call.reply.error(errors.syntax)
    else return count
    return 0
  }

  /** @returns an error */
  private findSources(firstKey: number, count: number): Uint8Array | undefined {
    for (let i = 0; i < count; i++) {
      const source = new ScoredSource(this.call, firstKey + i, i)
      this.sources.push(source)
      if (!source.find()) return errors.wrongType
    }
    return undefined
  }

  /** @returns an error */
  private readOptions(from: number): Uint8Array | undefined {
    const { call, sources } = this
    const { operation, result } = this.command
    const combines = operation !== 'difference' && result !== 'counted'
    let i = from
    while (i < call.argc) {
      const left = call.argc - i
      if (combines && left > sources.length && call.is(i, 'WEIGHTS')) {
        if (!this.readWeights(i + 1)) return WEIGHT_NOT_A_FLOAT
        i += 1 + sources.length
      } else if (combines && left >= 2 && call.is(i, 'AGGREGATE')) {
        if (!this.readAggregate(i + 1)) return errors.syntax
        i += 2
      } else if (result === 'replied' && call.is(i, 'WITHSCORES')) {
        this.withScores = true
        i++
      } else if (result === 'counted' && left >= 2 && call.is(i, 'LIMIT')) {
        this.limit = longArgument(call, i + 1)
        if (!(this.limit >= 0)) return NEGATIVE_LIMIT
        i += 2
      } else {
        return errors.syntax
      }
    }
    return undefined
  }

  private readWeights(from: number): boolean {
    const { bytes, offsets, lengths } = this.call
    for (const [i, source] of this.sources.entries()) {
      source.weight = parseDouble(bytes, offsets[from + i]!, lengths[from + i]!)
      if (Number.isNaN(source.weight)) return false
    }
    return true
  }

  private readAggregate(i: number): boolean {
    const { call } = this
    if (call.is(i, 'SUM')) this.aggregate = 'sum'
    else if (call.is(i, 'MIN')) this.aggregate = 'min'
    else if (call.is(i, 'MAX')) this.aggregate = 'max'
    else return false
    return true
  }
}
