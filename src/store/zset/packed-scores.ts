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
import type { RecordStore } from '../record-store.js'

/** Entries for each element: its member and its score. */
const PAIR = 2

/** Redis keeps no greater score as an integer: it halves the int64 range to be on the safe side of rounding. */
const INTEGER_SCORE_MAX = 2 ** 62

/** Longer listpacks are refused, as in Redis: a quarter of what their header can say. */
const BYTES_MAX = 1024 * 1024 * 1024

export class PackedScores {
  private readonly record = new RecordListpack()
  readonly listpack = this.record.listpack

  /** Where the member in hand stands, and its score. */
  at = LISTPACK_FIRST
  score = 0

  private readonly text = new Uint8Array(Math.max(SCORE_TEXT_BYTES_MAX, INT64_TEXT_BYTES_MAX))

  /** Stands on the value of the record in hand. */
  open(store: RecordStore): void {
    this.record.open(store)
  }

  get size(): number {
    return this.listpack.count >>> 1
  }

  /** Whether there is room for a member of this length by the format itself. */
  hasRoomFor(length: number): boolean {
    return this.listpack.totalBytes + length < BYTES_MAX
  }

  /** Stands on the element with this member. @returns false when there is none */
  findMember(buffer: Uint8Array, offset: number, length: number): boolean {
    const { listpack } = this
    const at = listpack.putSought(buffer, offset, length) ? listpack.find(LISTPACK_FIRST, PAIR) : -1
    if (at < 0) return false
    this.at = at
    this.score = this.scoreAt(listpack.next(at))
    return true
  }

  /** Stands on the element with this rank, which must be there. */
  seekRank(rank: number): void {
    const { listpack } = this
    this.at = listpack.seek(rank * PAIR)
    this.score = this.scoreAt(listpack.next(this.at))
  }

  /** Moves to the element behind. @returns false when there is none */
  nextElement(): boolean {
    const { listpack } = this
    const at = listpack.next(listpack.next(this.at))
    if (listpack.isEnd(at)) return false
    this.at = at
    this.score = this.scoreAt(listpack.next(at))
    return true
  }

  /** Moves to the element before. @returns false when there is none */
  previousElement(): boolean {
    const { listpack } = this
    const scoreAt = listpack.previous(this.at)
    if (scoreAt < 0) return false
    this.at = listpack.previous(scoreAt)
    this.score = this.scoreAt(scoreAt)
    return true
  }

  /** The rank of the element in hand. */
  rank(): number {
    const { listpack } = this
    let rank = 0
    for (let at = LISTPACK_FIRST; at !== this.at; at = listpack.next(listpack.next(at))) rank++
    return rank
  }

  /** How many elements have a lower score, or with `orEqual` a lower or equal one. */
  countBelowScore(score: number, orEqual: boolean): number {
    const { listpack } = this
    let rank = 0
    for (let at = LISTPACK_FIRST; !listpack.isEnd(at); rank++) {
      const scoreAt = listpack.next(at)
      const other = this.scoreAt(scoreAt)
      if (orEqual ? other > score : other >= score) break
      at = listpack.next(scoreAt)
    }
    return rank
  }

  /** How many elements, counted from the first, have a lower member, or with `orEqual` a lower or equal one. */
  countBelowMember(buffer: Uint8Array, offset: number, length: number, orEqual: boolean): number {
    const { listpack } = this
    let rank = 0
    for (let at = LISTPACK_FIRST; !listpack.isEnd(at); rank++) {
      const order = this.compareAt(at, buffer, offset, length)
      if (orEqual ? order > 0 : order >= 0) break
      at = listpack.next(listpack.next(at))
    }
    return rank
  }

  /**
   * Adds an element whose member is not there.
   * @throws ArenaFullError before anything was changed
   */
  add(buffer: Uint8Array, offset: number, length: number, score: number): void {
    const { listpack } = this
    const at = this.placeOf(buffer, offset, length, score)
    listpack.clearPut()
    this.putElement(buffer, offset, length, score)
    listpack.insertPut(at)
  }

  /**
   * Gives the element in hand, whose member is passed once more, another score.
   * @throws ArenaFullError before anything was changed
   */
  update(buffer: Uint8Array, offset: number, length: number, score: number): void {
    const { listpack } = this
    const old = this.at
    const at = this.placeOf(buffer, offset, length, score)
    listpack.clearPut()
    this.putElement(buffer, offset, length, score)
    // First the new one, as only adding can fail for lack of memory.
    listpack.insertPut(at)
    listpack.remove(at <= old ? old + listpack.putBytes : old, PAIR)
  }

  /** Encodes an element behind what was put before. */
  putElement(buffer: Uint8Array, offset: number, length: number, score: number): void {
    this.listpack.put(buffer, offset, length)
    this.putScore(score)
  }

  /** Removes so many elements from the one in hand on. */
  removeElements(count: number): void {
    this.listpack.remove(this.at, count * PAIR)
  }

  /** Where an element belongs that is not there. */
  private placeOf(buffer: Uint8Array, offset: number, length: number, score: number): number {
    const { listpack } = this
    const { end } = listpack
    const last = listpack.previous(end)
    // Scores often grow with time: then the place is at the end.
    if (last < 0 || this.scoreAt(last) < score) return end
    let at = LISTPACK_FIRST
    while (at !== end) {
      const scoreAt = listpack.next(at)
      const other = this.scoreAt(scoreAt)
      if (other > score || (other === score && this.compareAt(at, buffer, offset, length) > 0)) break
      at = listpack.next(scoreAt)
    }
    return at
  }

  private compareAt(at: number, buffer: Uint8Array, offset: number, length: number): number {
    const { listpack } = this
    listpack.read(at)
    return compareBytes(listpack.valueBytes, listpack.valueOffset, listpack.valueLength, buffer, offset, length)
  }

  private scoreAt(at: number): number {
    const { listpack } = this
    // The integers from 0 to 127 are their own encoding.
    const first = listpack.bytes[listpack.base + at]!
    if (first < 0x80) return first
    listpack.read(at)
    return listpack.isInteger
      ? listpack.number
      : readScore(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
  }

  private putScore(score: number): void {
    const { listpack } = this
    if (Number.isSafeInteger(score)) {
      listpack.putInteger(score)
      return
    }
    const { text } = this
    const isInteger = Number.isInteger(score) && Math.abs(score) <= INTEGER_SCORE_MAX
    const length = isInteger ? writeBigInt(text, 0, BigInt(score)) : writeScore(text, 0, score)
    listpack.put(text, 0, length)
  }
}
