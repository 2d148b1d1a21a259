/**
 * The record in hand: where its key and value lie, and what its header says.
 *
 * Owned by the thread that owns the arena; one for each database, moved from record to record, so that looking at a key
 * makes no object. Invariant: the fields describe the record `ref` until the record moves or goes; whoever moves it
 * loads it again.
 */
import type { Arena } from './arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from './arena-ref.js'
import {
  CLOCK_SHIFT,
  EXPIRY_FLAG,
  expiryDoubleIndex,
  keyLengthAt,
  keyWordOffset,
  TYPE_AND_ENCODING_MASK,
  valueLengthAt,
} from './record.js'
import { NO_EXPIRY } from './value-type.js'

export class RecordCursor {
  /** The chunk that holds the record, as bytes and as 32-bit words. */
  bytes: Uint8Array = new Uint8Array(0)
  words: Int32Array = new Int32Array(0)
  /** Byte offsets into `bytes`; both are multiples of 8. */
  keyOffset = 0
  keyLength = 0
  valueOffset = 0
  valueLength = 0
  /** One of `ValueType`, and one of that type's encodings. */
  type = 0
  encoding = 0

  protected ref: ArenaRef = NO_REF
  /** Where the record begins in `words`. */
  protected at = 0
  /** The record's second word: layout flags and inline lengths. */
  protected meta = 0

  constructor(protected readonly arena: Arena) {}

  /** When the key's time is over in ms, or `NO_EXPIRY`. */
  expireAtMs(): number {
    if ((this.meta & EXPIRY_FLAG) === 0) return NO_EXPIRY
    return this.arena.chunkDoubles[chunkOf(this.ref)]![expiryDoubleIndex(this.meta, this.at)]!
  }

  protected load(ref: ArenaRef): void {
    const chunk = chunkOf(ref)
    const words = this.arena.chunkWords[chunk]!
    const at = wordIndexOf(ref)
    const header = words[at]!
    const meta = words[at + 1]!
    const keyLength = keyLengthAt(words, at)
    const keyOffset = (at + keyWordOffset(meta)) << 2
    this.ref = ref
    this.words = words
    this.bytes = this.arena.chunkBytes[chunk]!
    this.at = at
    this.meta = meta
    this.type = header & 15
    this.encoding = (header >>> 4) & 15
    this.keyLength = keyLength
    this.keyOffset = keyOffset
    this.valueOffset = keyOffset + ((keyLength + 7) & ~7)
    this.valueLength = valueLengthAt(words, at)
  }

  /** How many bytes of the record lie before its value. */
  protected get overheadBytes(): number {
    return this.valueOffset - (this.at << 2)
  }

  protected get accessClock(): number {
    return this.words[this.at]! >>> CLOCK_SHIFT
  }

  protected setAccessClock(clock: number): void {
    const header = this.words[this.at]!
    const updated = (header & TYPE_AND_ENCODING_MASK) | (clock << CLOCK_SHIFT)
    // Most reads come within the same second as the last: do not make the cache line dirty for nothing.
    if (updated !== header) this.words[this.at] = updated
  }

  protected setExpiryField(expireAtMs: number): void {
    this.arena.chunkDoubles[chunkOf(this.ref)]![expiryDoubleIndex(this.meta, this.at)] = expireAtMs
  }
}
