/**
 * The root of a stream, which is the value of its key's record: what is known of the stream as a whole.
 *
 *   length, 2 | entries ever added, 2 | last ID, 4 | first ID, 4 | greatest deleted ID, 4 | nodes, 2 | groups | unused
 *
 * Owned by one shard's thread; one object serves one stream after the other. In 32-bit words. Invariants: the first ID is
 * that of the first entry, 0-0 without one; the last ID is that of the last entry ever added, or what it was set to. The
 * record does not move while the stream is in hand.
 */
import { TREE_STATE_WORDS } from './id-tree.js'
import { STREAM_ID_WORDS, type StreamId } from './stream-id.js'
import { readWide, WIDE_WORDS, writeWide } from './wide-number.js'

const LENGTH = 0
const ENTRIES_ADDED = LENGTH + WIDE_WORDS
const LAST_ID = ENTRIES_ADDED + WIDE_WORDS
const FIRST_ID = LAST_ID + STREAM_ID_WORDS
const MAX_DELETED_ID = FIRST_ID + STREAM_ID_WORDS
const NODES = MAX_DELETED_ID + STREAM_ID_WORDS
const GROUPS = NODES + TREE_STATE_WORDS

export const STREAM_ROOT_BYTES = (GROUPS + 2) * 4

export class StreamRoot {
  words: Int32Array = new Int32Array(STREAM_ROOT_BYTES / 4)
  at = 0

  /** Stands on the root that begins at this word. */
  open(words: Int32Array, at: number): void {
    this.words = words
    this.at = at
  }

  /** Where the state of the index of nodes begins in `words`. */
  get nodesAt(): number {
    return this.at + NODES
  }

  /** The word for the groups. */
  get groupsAt(): number {
    return this.at + GROUPS
  }

  get length(): number {
    return readWide(this.words, this.at + LENGTH)
  }

  set length(length: number) {
    writeWide(this.words, this.at + LENGTH, length)
  }

  get entriesAdded(): number {
    return readWide(this.words, this.at + ENTRIES_ADDED)
  }

  set entriesAdded(count: number) {
    writeWide(this.words, this.at + ENTRIES_ADDED, count)
  }

  readLastId(id: StreamId): StreamId {
    return id.load(this.words, this.at + LAST_ID)
  }

  setLastId(id: StreamId): void {
    id.save(this.words, this.at + LAST_ID)
  }

  /** As `id.compare(lastId)`. */
  compareToLastId(id: StreamId): number {
    return id.compareAt(this.words, this.at + LAST_ID)
  }

  readFirstId(id: StreamId): StreamId {
    return id.load(this.words, this.at + FIRST_ID)
  }

  setFirstId(id: StreamId): void {
    id.save(this.words, this.at + FIRST_ID)
  }

  readMaxDeletedId(id: StreamId): StreamId {
    return id.load(this.words, this.at + MAX_DELETED_ID)
  }

  setMaxDeletedId(id: StreamId): void {
    id.save(this.words, this.at + MAX_DELETED_ID)
  }
}
