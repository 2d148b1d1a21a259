/**
 * Ranges of a sorted set as commands give them: by rank, by score or by member, and which ranks they come to.
 *
 * Runs in a shard worker; one object for the command in hand, so that ranges make no garbage.
 *
 *   by rank     start stop      from 0, negative ones from the end, both inclusive
 *   by score    1.5 (2          `(` leaves the bound itself out
 *   by member   [a (c - +       `[` or `(` in front of a member; `-` and `+` lie beyond all members
 *
 * Invariant: `first` and `count` hold for the set given to `apply` until it changes.
 */
import { parseScoreBound } from '../../base/score-text.js'
import { encodeError, errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import type { ShardCall } from '../shard-call.js'
import { longArgument } from './zset-reply.js'

const NOT_A_SCORE_RANGE = encodeError('ERR min or max is not a float')
const NOT_A_MEMBER_RANGE = encodeError('ERR min or max not valid string range item')

const OPEN = 0x28
const CLOSED = 0x5b
const LEAST = 0x2d
const GREATEST = 0x2b

export const RangeKind = { rank: 0, score: 1, member: 2 } as const
export type RangeKind = (typeof RangeKind)[keyof typeof RangeKind]

/** One end of a range. */
class Bound {
  /** A rank or a score. */
  value = 0
  /** Whether the bound itself is left out. */
  isOpen = false
  /** The argument that has the member, behind its mark. */
  argument = 0
  /** `-` or `+`: -1 or 1 for a bound beyond all members. */
  beyond = 0

  readRank(call: ShardCall, i: number): boolean {
    this.value = longArgument(call, i)
    return !Number.isNaN(this.value)
  }

  readScore(call: ShardCall, i: number): boolean {
    const offset = call.offsets[i]!
    const length = call.lengths[i]!
    this.isOpen = length > 0 && call.bytes[offset] === OPEN
    const mark = this.isOpen ? 1 : 0
    this.value = parseScoreBound(call.bytes, offset + mark, length - mark)
    return !Number.isNaN(this.value)
  }

  readMember(call: ShardCall, i: number): boolean {
    const length = call.lengths[i]!
    if (length === 0) return false
    const offset = call.offsets[i]!
    const mark = call.bytes[offset]!
    this.argument = i
    this.isOpen = mark === OPEN
    this.beyond = 0
    if (mark === OPEN || mark === CLOSED) return true
    // Redis looks at what follows as at a C string.
    if (length > 1 && call.bytes[offset + 1] !== 0) return false
    if (mark === LEAST) this.beyond = -1
    else if (mark === GREATEST) this.beyond = 1
    return this.beyond !== 0
  }

  /** How many elements lie before the bound, or with `orEqual` before it or on it. */
  countBelow(call: ShardCall, set: SortedSet, kind: RangeKind, orEqual: boolean): number {
    if (kind === RangeKind.score) return set.countBelowScore(this.value, orEqual)
    if (this.beyond !== 0) return this.beyond < 0 ? 0 : set.count
    const offset = call.offsets[this.argument]!
    return set.countBelowMember(call.bytes, offset + 1, call.lengths[this.argument]! - 1, orEqual)
  }
}

class Range {
  /** The first of the ranks, and how many they are. */
  first = 0
  count = 0

  private kind: RangeKind = RangeKind.rank
  private readonly min = new Bound()
  private readonly max = new Bound()

  /** Reads a range from two arguments. @returns false after an error reply */
  read(call: ShardCall, kind: RangeKind, minArgument: number, maxArgument: number): boolean {
    if (kind === RangeKind.rank) return this.readRanks(call, minArgument, maxArgument)
    if (kind === RangeKind.score) return this.readScores(call, minArgument, maxArgument)
    return this.readMembers(call, minArgument, maxArgument)
  }

  readRanks(call: ShardCall, start: number, stop: number): boolean {
    this.kind = RangeKind.rank
    if (this.min.readRank(call, start) && this.max.readRank(call, stop)) return true
    call.reply.error(errors.notAnInteger)
    return false
  }

  readScores(call: ShardCall, min: number, max: number): boolean {
    this.kind = RangeKind.score
    if (this.min.readScore(call, min) && this.max.readScore(call, max)) return true
    call.reply.error(NOT_A_SCORE_RANGE)
    return false
  }

  readMembers(call: ShardCall, min: number, max: number): boolean {
    this.kind = RangeKind.member
    if (this.min.readMember(call, min) && this.max.readMember(call, max)) return true
    call.reply.error(NOT_A_MEMBER_RANGE)
    return false
  }

  /** Finds the ranks of a set that are in the range. */
  apply(call: ShardCall, set: SortedSet): void {
    if (this.kind === RangeKind.rank) {
      this.applyRanks(set.count)
      return
    }
    this.first = this.min.countBelow(call, set, this.kind, this.min.isOpen)
    this.count = Math.max(0, this.max.countBelow(call, set, this.kind, !this.max.isOpen) - this.first)
  }

  /**
   * Passes over elements of the range, which begins at its other end when it is reversed, and leaves at most `limit`.
   * As in Redis, a negative offset leaves nothing and a negative limit is none.
   */
  limit(offset: number, limit: number, reverse: boolean): void {
    const left = offset < 0 ? 0 : Math.max(0, this.count - offset)
    const count = limit < 0 ? left : Math.min(limit, left)
    this.first = reverse ? this.first + left - count : this.first + this.count - left
    this.count = count
  }

  /** Turns ranks that are counted from the other end around. */
  reverse(size: number): void {
    this.first = size - this.first - this.count
  }

  private applyRanks(size: number): void {
    const first = Math.max(0, this.min.value < 0 ? size + this.min.value : this.min.value)
    const last = Math.min(size - 1, this.max.value < 0 ? size + this.max.value : this.max.value)
    this.first = first
    this.count = Math.max(0, last - first + 1)
  }
}

/** The range of the command in hand. */
export const range = new Range()
