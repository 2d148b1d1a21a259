/**
 * Which records a snapshot has yet to write: the flag in each record that says so, and what it means at present.
 *
 * Owned by the shard's thread. A snapshot begins by exchanging the two meanings of `EPOCH_FLAG`, so that at one stroke every
 * record is one that it has yet to write. Records made from then on have the flag as it is at present, and so have those
 * that were written. Invariant: while no snapshot is in hand, all records have the flag as it is at present.
 */
import type { Arena } from './arena.js'
import { EPOCH_FLAG } from './record.js'
import { RecordCursor } from './record-cursor.js'

/** One for all databases of a keyspace. */
export interface Epoch {
  /** What records have as `EPOCH_FLAG` that no snapshot has to write. */
  present: number
  /** There is a snapshot in hand: others may be there. */
  isCut: boolean
}

export abstract class EpochRecords extends RecordCursor {
  constructor(
    arena: Arena,
    protected readonly epoch: Epoch,
  ) {
    super(arena)
  }

  /** The record in hand is about to change or to go, and the snapshot in hand has yet to write it. */
  protected abstract writeToSnapshot(): void

  /** Whether the snapshot in hand has yet to write the record in hand. */
  get isPast(): boolean {
    return this.epoch.isCut && (this.meta & EPOCH_FLAG) !== this.epoch.present
  }

  /** The snapshot in hand need not write the record in hand any more. */
  leavePast(): void {
    this.setMeta((this.meta & ~EPOCH_FLAG) | this.epoch.present)
  }

  protected setMeta(meta: number): void {
    this.words[this.at + 1] = meta
    this.meta = meta
  }
}
