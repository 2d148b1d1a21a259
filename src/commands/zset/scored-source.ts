/**
 * One of the sorted sets or sets that a command works out a result from; the members of a set all have the score 1.
 *
 * Runs in a shard worker. Several sources are open at a time, also several on one key. Invariant: after others may have
 * run, `open` comes before anything else.
 */
import { assert } from '../../base/assert.js'
import { type MemberVisitor, type OpenSet, VISITED } from '../../store/set/open-set.js'
import { ValueType } from '../../store/value-type.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import type { ShardCall } from '../shard-call.js'

const SCORE_IN_SET = 1

/** Takes an element; its bytes are only good until the return. @returns false to end the visit */
export type ElementVisit = (bytes: Uint8Array, offset: number, length: number, score: number) => boolean

export class ScoredSource implements MemberVisitor {
  weight = 1
  size = 0

  /** Where the element in hand lies, see `visitSome`. */
  private isSet = false
  private members: OpenSet | null = null
  private sorted: SortedSet | null = null
  private visit: ElementVisit | null = null

  /** @param argument the key, @param index the number of the source among those of its command */
  constructor(
    private readonly call: ShardCall,
    private readonly argument: number,
    private readonly index: number,
  ) {}

  /** Gives back what the source has borrowed. */
  release(): void {
    if (this.sorted !== null) this.call.keyspace.sortedSets.giveBack(this.sorted)
    this.sorted = null
  }

  /** Looks the key up for the first time. @returns false when it is something that has no members */
  find(): boolean {
    const { call } = this
    if (!call.find(this.argument)) return true
    const { type } = call.db
    this.isSet = type === ValueType.set
    if (!this.isSet && type !== ValueType.zset) return false
    this.openFound()
    this.size = this.isSet ? this.members!.size : this.sorted!.count
    return true
  }

  /** Stands on the key's value, if there was one at first. */
  open(): void {
    if (this.size === 0) return
    const isThere = this.call.peek(this.argument)
    assert(isThere, 'a key that a result is worked out from has gone')
    this.openFound()
  }

  /** The member's score, NaN when there is none. */
  scoreOf(bytes: Uint8Array, offset: number, length: number): number {
    if (this.size === 0) return Number.NaN
    if (this.isSet) return this.members!.has(bytes, offset, length) ? SCORE_IN_SET : Number.NaN
    const sorted = this.sorted!
    return sorted.find(bytes, offset, length) ? sorted.score : Number.NaN
  }

  /**
   * Visits a portion of the elements.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or `VISITED`
   */
  visitSome(visit: ElementVisit, position: number): number {
    if (this.size === 0) return VISITED
    const elementsMax = this.call.portions.stepElements
    if (!this.isSet) return this.visitSorted(visit, position, elementsMax)
    this.visit = visit
    return this.members!.visitSome(this, position, elementsMax)
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.visit!(bytes, offset, length, SCORE_IN_SET)
  }

  private visitSorted(visit: ElementVisit, position: number, elementsMax: number): number {
    const { size } = this
    const sorted = this.sorted!
    const end = Math.min(size, position + elementsMax)
    sorted.seek(position)
    for (let rank = position; rank < end; rank++) {
      if (!visit(sorted.memberBytes, sorted.memberOffset, sorted.memberLength, sorted.score)) return VISITED
      sorted.next()
    }
    return end === size ? VISITED : end
  }

  private openFound(): void {
    const { db, keyspace } = this.call
    if (this.isSet) {
      this.members = keyspace.sets.source(this.index).open(db)
      return
    }
    this.sorted ??= keyspace.sortedSets.borrow()
    this.sorted.open(db)
  }
}
