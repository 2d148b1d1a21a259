/**
 * What a database tells of its keys as keyspace events: those that the store itself knows of, and the way for the others.
 *
 * Owned by the shard's thread. Invariant: while nobody wants to know of events, each costs one test of an integer.
 */
import { ClockedRecords } from './clocked-records.js'
import type { Keyspace } from './keyspace.js'
import { EventClass, type KeyspaceEvent, keyEvents } from './keyspace-events.js'

export abstract class AnnouncedRecords extends ClockedRecords {
  /** The number of the database. Changed by `Keyspace.swapDatabases` only. */
  index: number

  constructor(index: number, keyspace: Keyspace) {
    super(keyspace)
    this.index = index
  }

  /** Something has happened to the key in hand. */
  notify(event: KeyspaceEvent): void {
    const { keyspace } = this
    if ((keyspace.eventClasses & event.eventClass) === 0) return
    keyspace.onEvent(event, this.index, this.bytes, this.keyOffset, this.keyLength)
  }

  /** The key in hand was not there before. What is in the nursery is nobody's key yet, and says so when it becomes one. */
  protected announceCreated(): void {
    if (this.index >= 0) this.notify(keyEvents.new)
  }

  /** A key that was to be read is not there. */
  protected missed(buffer: Uint8Array, offset: number, length: number): void {
    const { keyspace } = this
    keyspace.stats.misses++
    if ((keyspace.eventClasses & EventClass.missed) === 0) return
    keyspace.onEvent(keyEvents.keymiss, this.index, buffer, offset, length)
  }

  /** Whether the key in hand, or a field of it, may go because its time is over: not while a snapshot writes it in portions. */
  get mayExpire(): boolean {
    const { lazyExpireDeletes, snapshot } = this.keyspace
    return lazyExpireDeletes && (snapshot === null || !this.isPast || !snapshot.isWriting(this))
  }
}
