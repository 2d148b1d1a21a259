/**
 * Large values and cleared databases that nobody can reach any more, and whose memory goes back portion by portion.
 *
 * Owned by one shard's thread. Removing a key with millions of elements takes it out of its database at once and leaves
 * its record here; clearing a database leaves its tables here; `step` is called between commands. Invariants: a record here
 * is in no table that is in use, and its block and what its value holds are given back by nobody else. Records go before
 * databases, so that a database that is given back leaves no more than a portion of them here.
 */
import { assert } from '../base/assert.js'
import type { ArenaRef } from './arena-ref.js'
import { Database } from './database.js'
import type { Keyspace } from './keyspace.js'

/** About 50 µs of work between two looks at the clock. */
const ELEMENTS_A_PORTION = 500

export class Condemned {
  private readonly records: ArenaRef[] = []
  private readonly databases: Database[] = []
  /** A cursor for records that belong to no database any more. */
  private readonly cursor: Database

  constructor(private readonly keyspace: Keyspace) {
    this.cursor = new Database(0, keyspace)
  }

  /** How many values there are. */
  get count(): number {
    let count = this.records.length
    for (const database of this.databases) count += database.size
    return count
  }

  get isEmpty(): boolean {
    return this.records.length === 0 && this.databases.length === 0
  }

  add(ref: ArenaRef): void {
    this.records.push(ref)
  }

  addDatabase(cleared: Database): void {
    this.databases.push(cleared)
  }

  /** Gives memory back for about so long. @returns true while there is more */
  step(budgetUs: number, clockUs: () => number): boolean {
    const startedUs = clockUs()
    while (!this.isEmpty) {
      if (this.records.length > 0) this.freeSomeOfRecord()
      else this.freeSomeOfDatabase()
      if (clockUs() - startedUs >= budgetUs) break
    }
    return !this.isEmpty
  }

  /** The arena has been reset: there is nothing to give back. */
  forget(): void {
    this.records.length = 0
    this.databases.length = 0
  }

  private freeSomeOfRecord(): void {
    const { records, cursor, keyspace } = this
    const ref = records[records.length - 1]
    assert(ref !== undefined, 'the list of condemned records has a hole')
    cursor.standOnDetached(ref)
    if (!keyspace.kindOf(cursor.type).freeSome(cursor, ELEMENTS_A_PORTION)) return
    records.pop()
    keyspace.arena.free(ref)
  }

  private freeSomeOfDatabase(): void {
    const { databases, keyspace } = this
    const database = databases[databases.length - 1]
    assert(database !== undefined, 'the list of cleared databases has a hole')
    // Whatever has elements comes back here as a record.
    keyspace.freesLazily = true
    if (database.freeSome(ELEMENTS_A_PORTION)) databases.pop()
    keyspace.freesLazily = false
  }
}
