/**
 * The intersection, union or difference of the sets under some keys of a command, worked out portion by portion.
 *
 * Runs in a shard worker; one object for each command. Each way of working it out goes through the members of some of the
 * sets and passes those on that others have, or that others do not have:
 *
 *   intersection     the smallest set's members      that all others have
 *   difference 1     the first set's members         that none of the others has
 *   difference 2     the first set's members         less those of each other set, in a set that is being made
 *   union            each set's members              that none before it has, or into a set that is being made
 *
 * Invariants: between two portions the keys are locked, so that their sets do not change, but the objects that stand on
 * them do. Sets are in the order in which they are gone through or asked.
 */
import { assert } from '../../base/assert.js'
import { errors } from '../../resp/errors.js'
import { type MemberVisitor, type OpenSet, VISITED } from '../../store/set/open-set.js'
import type { PendingSet } from '../../store/set/pending-set.js'
import { ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'

export type Operation = 'intersection' | 'union' | 'difference'

/** A set that exists: the argument that is its key, and how large it is. */
interface Source {
  readonly key: number
  readonly size: number
}

/** Up to so many sets the members of a union are looked for in the sets before; with more, in a set that is being made. */
const UNION_SOURCES_ASKED_MAX = 4

export class SetCombination implements MemberVisitor {
  /** How many members are looked at, about. */
  work = 0
  /** How many members there will be, as far as is known before. */
  expected = 1
  /** Whether the members only become right in a set that is being made. */
  needsPending = false

  private operation: Operation = 'union'
  private readonly sources: Source[] = []
  private firstExists = false
  private subtracts = false
  private isEmpty = false

  /** The set that is gone through, and how far. */
  private walked = 0
  private position = 0
  /** The sets that are asked about each of its members. */
  private askedFrom = 0
  private askedTo = 0
  private hasEnough = false

  private readonly asked: OpenSet[] = []
  private result: MemberVisitor | null = null
  private pending: PendingSet | null = null

  constructor(private readonly call: ShardCall) {}

  /**
   * Looks the keys from argument `first` up to `end` up and decides how to go on.
   * @returns false after an error reply
   */
  begin(operation: Operation, first: number, end: number): boolean {
    const { call, sources } = this
    const { db } = call
    this.operation = operation
    for (let i = first; i < end; i++) {
      if (!call.find(i)) continue
      if (db.type !== ValueType.set) {
        call.reply.error(errors.wrongType)
        return false
      }
      sources.push({ key: i, size: call.keyspace.sets.open(db).size })
      if (i === first) this.firstExists = true
    }
    if (operation === 'intersection') this.beginIntersection(end - first)
    else if (operation === 'union') this.beginUnion()
    else this.beginDifference()
    return true
  }

  /** Says where the members go. `pending` is the same, if that is a set that is being made. */
  into(result: MemberVisitor, pending: PendingSet | null): void {
    assert(pending !== null || !this.needsPending, 'a combination without the set that it needs')
    this.result = result
    this.pending = pending
  }

  /**
   * Looks at a portion of the members, about so many.
   * @returns true when all is done
   */
  step(membersMax: number): boolean {
    if (this.isEmpty || this.walked >= this.sources.length) return true
    this.openSets()
    const set = this.sourceAt(this.walked)
    this.position = set.visitSome(this, this.position, membersMax)
    if (this.hasEnough) return true
    if (this.position !== VISITED) return false
    this.position = 0
    this.walked++
    if (this.operation === 'intersection') return true
    if (this.operation === 'difference') {
      // Nothing can be taken away from nothing.
      if (!this.subtracts || this.pending!.size === 0) return true
    } else if (this.pending === null) {
      this.askedTo++
    }
    return this.walked === this.sources.length
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.subtracts && this.walked > 0) {
      this.pending!.remove(bytes, offset, length)
      return true
    }
    const wanted = this.operation === 'intersection'
    for (let i = this.askedFrom; i < this.askedTo; i++) {
      if (this.asked[i]!.has(bytes, offset, length) !== wanted) return true
    }
    if (this.result!.member(bytes, offset, length)) return true
    this.hasEnough = true
    return false
  }

  private beginIntersection(sets: number): void {
    const { sources } = this
    this.isEmpty = sources.length < sets
    if (this.isEmpty) return
    sources.sort((a, b) => a.size - b.size)
    this.askedFrom = 1
    this.askedTo = sources.length
    this.work = (sources[0] as Source).size * sources.length
  }

  private beginUnion(): void {
    this.work = this.total()
    this.expected = this.work
    // Otherwise `askedTo` grows with each set that has been gone through.
    this.needsPending = this.sources.length > UNION_SOURCES_ASKED_MAX
  }

  private beginDifference(): void {
    const { sources } = this
    this.isEmpty = !this.firstExists
    if (this.isEmpty) return
    const first = sources[0] as Source
    // As Redis weighs them: the first way is given some advantage, because it stops at the first set that has a member.
    const asking = (first.size * sources.length) / 2
    const total = this.total()
    this.subtracts = asking > total
    this.needsPending = this.subtracts
    this.work = Math.min(asking, total)
    if (this.subtracts) return
    // The larger a set, the likelier it has a member. The first stays the first.
    sources.shift()
    sources.sort((a, b) => b.size - a.size)
    sources.unshift(first)
    this.askedFrom = 1
    this.askedTo = sources.length
  }

  private total(): number {
    let total = 0
    for (const { size } of this.sources) total += size
    return total
  }

  /** Other commands may have run since the last portion. */
  private openSets(): void {
    const { sets } = this.call.keyspace
    this.pending?.reopen()
    for (let i = this.askedFrom; i < this.askedTo; i++) this.asked[i] = this.openAt(sets.source(i + 1), i)
  }

  private sourceAt(i: number): OpenSet {
    return this.openAt(this.call.keyspace.sets.source(0), i)
  }

  private openAt(set: OpenSet, i: number): OpenSet {
    const { call } = this
    const isThere = call.peek((this.sources[i] as Source).key)
    assert(isThere && call.db.type === ValueType.set, 'a set that is looked at has gone')
    return set.open(call.db)
  }
}
