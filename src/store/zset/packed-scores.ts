/**
 * A small sorted set: a listpack of members and scores in turn, in the order of (score, member).
 *
 * Owned by one shard's thread; stands on the value of a key like any `RecordListpack`. As in Redis, a score that is an
 * integer up to 2^62 is kept as one, so that a negative zero loses its sign here, and others as the text `%.17g`.
 * Invariant: the entry in hand is valid until the listpack is changed.
 */
import { compareBytes } from '../../base/bytes.js'
import { INT64_TEXT_BYTES_MAX, writeBigInt } from '../../base/integer.js'
import { readScore, SCORE_TEXT_BYTES_MAX, writeScore } from '../../base/score-text.js'
import { LISTPACK_FIRST } from '../listpack.js'
import { RecordListpack } from '../record-listpack.js'

/** Entries for each element: its member and its score. */
const PAIR = 2

/** Redis keeps no greater score as an integer: it halves the int64 range to be on the safe side of rounding. */
const INTEGER_SCORE_MAX = 2 ** 62

/** Longer listpacks are refused, as in Redis: a quarter of what their header can say. */
const BYTES_MAX = 1024 * 1024 * 1024

export class PackedScores extends RecordListpack {
  /** Where the member in hand stands, and its score. */
  at = LISTPACK_FIRST
  score = 0

  private readonly text = new Uint8Array(Math.max(SCORE_TEXT_BYTES_MAX, INT64_TEXT_BYTES_MAX))

  get size(): number {
    return this.count >>> 1
  }

  /** Whether there is room for a member of this length by the format itself. */
  hasRoomFor(length: number): boolean {
    return this.totalBytes + length < BYTES_MAX
  }

  /** Stands on the element with this member. @returns false when there is none */
  findMember(buffer: Uint8Array, offset: number, length: number): boolean {
    const at = this.putSought(buffer, offset, length) ? this.find(LISTPACK_FIRST, PAIR) : -1
    if (at < 0) return false
    this.at = at
    this.score = this.scoreAt(this.next(at))
    return true
  }

  /** Stands on the element with this rank, which must be there. */
  seekRank(rank: number): void {
    this.at = this.seek(rank * PAIR)
    this.score = this.scoreAt(this.next(this.at))
  }

  /** Moves to the element behind. @returns false when there is none */
  nextElement(): boolean {
    const at = this.next(this.next(this.at))
    if (this.isEnd(at)) return false
    this.at = at
    this.score = this.scoreAt(this.next(at))
    return true
  }

  /** Moves to the element before. @returns false when there is none */
  previousElement(): boolean {
    const scoreAt = this.previous(this.at)
    if (scoreAt < 0) return false
    this.at = this.previous(scoreAt)
    this.score = this.scoreAt(scoreAt)
    return true
  }

  /** The rank of the element in hand. */
  rank(): number {
    let rank = 0
    for (let at = LISTPACK_FIRST; at !== this.at; at = this.next(this.next(at))) rank++
    return rank
  }

  /** How many elements have a lower score, or with `orEqual` a lower or equal one. */
  countBelowScore(score: number, orEqual: boolean): number {
    let rank = 0
    for (let at = LISTPACK_FIRST; !this.isEnd(at); rank++) {
      const scoreAt = this.next(at)
      const other = this.scoreAt(scoreAt)
      if (orEqual ? other > score : other >= score) break
      at = this.next(scoreAt)
    }
    return rank
  }

  /** How many elements, counted from the first, have a lower member, or with `orEqual` a lower or equal one. */
  countBelowMember(buffer: Uint8Array, offset: number, length: number, orEqual: boolean): number {
    let rank = 0
    for (let at = LISTPACK_FIRST; !this.isEnd(at); rank++) {
      const order = this.compareAt(at, buffer, offset, length)
      if (orEqual ? order > 0 : order >= 0) break
      at = this.next(this.next(at))
    }
    return rank
  }

  /**
   * Adds an element whose member is not there.
   * @throws ArenaFullError before anything was changed
   */
  add(buffer: Uint8Array, offset: number, length: number, score: number): void {
    const at = this.placeOf(buffer, offset, length, score)
    this.clearPut()
    this.putElement(buffer, offset, length, score)
    this.insertPut(at)
  }

  /**
   * Gives the element in hand, whose member is passed once more, another score.
   * @throws ArenaFullError before anything was changed
   */
  update(buffer: Uint8Array, offset: number, length: number, score: number): void {
    const old = this.at
    const at = this.placeOf(buffer, offset, length, score)
    this.clearPut()
    this.putElement(buffer, offset, length, score)
    // First the new one, as only adding can fail for lack of memory.
    this.insertPut(at)
    this.remove(at <= old ? old + this.putBytes : old, PAIR)
  }

  /** Encodes an element behind what was put before. */
  putElement(buffer: Uint8Array, offset: number, length: number, score: number): void {
    this.put(buffer, offset, length)
    this.putScore(score)
  }

  /** Removes so many elements from the one in hand on. */
  removeElements(count: number): void {
    this.remove(this.at, count * PAIR)
  }

  /** Where an element belongs that is not there. */
  private placeOf(buffer: Uint8Array, offset: number, length: number, score: number): number {
    const { end } = this
    const last = this.previous(end)
    // Scores often grow with time: then the place is at the end.
    if (last < 0 || this.scoreAt(last) < score) return end
    let at = LISTPACK_FIRST
    while (at !== end) {
      const scoreAt = this.next(at)
      const other = this.scoreAt(scoreAt)
      if (other > score || (other === score && this.compareAt(at, buffer, offset, length) > 0)) break
      at = this.next(scoreAt)
    }
    return at
  }

  private compareAt(at: number, buffer: Uint8Array, offset: number, length: number): number {
    this.read(at)
    return compareBytes(this.valueBytes, this.valueOffset, this.valueLength, buffer, offset, length)
  }

  private scoreAt(at: number): number {
    // The integers from 0 to 127 are their own encoding.
    const first = this.bytes[this.base + at]!
    if (first < 0x80) return first
    this.read(at)
    return this.isInteger ? this.number : readScore(this.valueBytes, this.valueOffset, this.valueLength)
  }

  private putScore(score: number): void {
    if (Number.isSafeInteger(score)) {
      this.putInteger(score)
      return
    }
    const { text } = this
    const isInteger = Number.isInteger(score) && Math.abs(score) <= INTEGER_SCORE_MAX
    const length = isInteger ? writeBigInt(text, 0, BigInt(score)) : writeScore(text, 0, score)
    this.put(text, 0, length)
  }
}
