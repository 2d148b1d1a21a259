/**
 * Large values that nobody can reach any more, and whose memory goes back portion by portion.
 *
 * Owned by one shard's thread. Removing a key with millions of elements takes it out of its database at once and leaves
 * its record here; `step` is called between commands. Invariant: a record here is in no table, and its block and what its
 * value holds are given back by nobody else.
 */
import { assert } from '../base/assert.js'
import type { ArenaRef } from './arena-ref.js'
import { Database } from './database.js'
import type { Keyspace } from './keyspace.js'

/** About 50 µs of work between two looks at the clock. */
const ELEMENTS_A_PORTION = 500

export class Condemned {
  private readonly records: ArenaRef[] = []
  /** A cursor for records that belong to no database any more. */
  private readonly cursor: Database

  constructor(private readonly keyspace: Keyspace) {
    this.cursor = new Database(0, keyspace)
  }

  get count(): number {
    return this.records.length
  }

  add(ref: ArenaRef): void {
    this.records.push(ref)
  }

  /** Gives memory back for about so long. @returns true while there is more */
  step(budgetUs: number, clockUs: () => number): boolean {
    const { records, cursor, keyspace } = this
    const startedUs = clockUs()
    while (records.length > 0) {
      const ref = records[records.length - 1]
      assert(ref !== undefined, 'the list of condemned records has a hole')
      cursor.standOnDetached(ref)
      if (keyspace.kindOf(cursor.type).freeSome(cursor, ELEMENTS_A_PORTION)) {
        records.pop()
        keyspace.arena.free(ref)
      }
      if (clockUs() - startedUs >= budgetUs) break
    }
    return records.length > 0
  }

  /** The arena has been reset: there is nothing to give back. */
  forget(): void {
    this.records.length = 0
  }
}
