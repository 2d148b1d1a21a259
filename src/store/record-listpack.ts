/**
 * The listpack that is the value of a record in hand.
 *
 * Owned by one shard's thread. `open` it whenever the cursor has moved. Invariant: after an edit both the listpack and the
 * database's cursor stand on the value where it is then. An edit is not a modification by itself: `db.modified` says so.
 */

import { Listpack, type ListpackRoom } from './listpack.js'
import type { RecordStore } from './record-store.js'

export class RecordListpack implements ListpackRoom {
  readonly listpack: Listpack
  private store: RecordStore | null = null

  constructor(isTwoWay = true) {
    this.listpack = new Listpack(isTwoWay, this)
  }

  /** Stands on the value of the record in hand. */
  open(store: RecordStore): void {
    this.store = store
    this.listpack.stand(store.bytes, store.valueOffset)
  }

  splice(position: number, removed: number, inserted: number): void {
    const store = this.store!
    store.spliceValue(position, removed, inserted)
    this.listpack.stand(store.bytes, store.valueOffset)
  }
}
