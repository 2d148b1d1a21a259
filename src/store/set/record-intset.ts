/**
 * The intset that is the value of a record in hand.
 *
 * Owned by one shard's thread. `open` it whenever the cursor has moved. Invariant: after an edit both this object and the
 * database's cursor stand on the value where it is then. An edit is not a modification by itself: `db.modified` says so.
 */
import { Intset } from '../intset.js'
import type { RecordStore } from '../record-store.js'

export class RecordIntset extends Intset {
  private store: RecordStore | null = null

  /** Stands on the value of the record in hand. */
  open(store: RecordStore): void {
    this.store = store
    this.stand(store.bytes, store.valueOffset)
  }

  protected splice(position: number, removed: number, inserted: number): void {
    const store = this.store!
    store.spliceValue(position, removed, inserted)
    this.stand(store.bytes, store.valueOffset)
  }
}
