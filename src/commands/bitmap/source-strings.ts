/**
 * The strings that a BITOP combines: where each of them lies, read block by block.
 *
 * Runs in a shard worker, one instance. Invariant: it holds views of the arena only during a command, and only of records that
 * do not move meanwhile; whoever moves one notes it again with `moved`.
 */
import { BLOCK_WORDS } from '../../base/bitwise.js'
import type { Database } from '../../store/database.js'

const BLOCK_BYTES = BLOCK_WORDS * 4

export class SourceStrings {
  count = 0
  /** The length of the longest in bytes, and which one it is. */
  longestLength = 0
  longest = 0

  private readonly chunkBytes: Uint8Array[] = []
  private readonly chunkWords: Int32Array[] = []
  /** Byte offsets into the chunks. */
  private readonly valueOffsets: number[] = []
  private readonly byteLengths: number[] = []

  clear(): void {
    this.count = 0
    this.longestLength = 0
    this.longest = 0
    this.chunkBytes.length = 0
    this.chunkWords.length = 0
    this.valueOffsets.length = 0
    this.byteLengths.length = 0
  }

  /** Adds the string that the cursor stands on. */
  add(db: Database): void {
    if (db.valueLength > this.longestLength) {
      this.longestLength = db.valueLength
      this.longest = this.count
    }
    this.push(db.bytes, db.words, db.valueOffset, db.valueLength)
  }

  /** Adds the empty string, which a missing key stands for. */
  addEmpty(db: Database): void {
    this.push(db.bytes, db.words, 0, 0)
  }

  /** Whether the record that the cursor stands on is one of them. */
  includes(db: Database): boolean {
    for (let i = 0; i < this.count; i++) if (this.isAt(i, db.words, db.valueOffset)) return true
    return false
  }

  /** The record at one place is now that which the cursor stands on. */
  moved(words: Int32Array, valueOffset: number, db: Database): void {
    for (let i = 0; i < this.count; i++) {
      if (!this.isAt(i, words, valueOffset)) continue
      this.chunkBytes[i] = db.bytes
      this.chunkWords[i] = db.words
      this.valueOffsets[i] = db.valueOffset
    }
  }

  longestBytes(): Uint8Array {
    return this.chunkBytes[this.longest] as Uint8Array
  }

  longestOffset(): number {
    return this.valueOffsets[this.longest] as number
  }

  /** Copies block number `block` of string `i` into `target`, with zeros behind its end. */
  readBlock(i: number, block: number, target: Int32Array): void {
    const length = Math.min((this.byteLengths[i] as number) - block * BLOCK_BYTES, BLOCK_BYTES)
    if (length <= 0) {
      target.fill(0)
      return
    }
    const words = this.chunkWords[i] as Int32Array
    const first = ((this.valueOffsets[i] as number) >>> 2) + block * BLOCK_WORDS
    const wholeWords = length >>> 2
    target.set(words.subarray(first, first + wholeWords))
    if (wholeWords === BLOCK_WORDS) return
    target.fill(0, wholeWords)
    const lastBytes = length & 3
    // What stands behind a value's last byte in its word is undefined.
    if (lastBytes > 0) target[wholeWords] = (words[first + wholeWords] as number) & ((1 << (lastBytes * 8)) - 1)
  }

  private push(bytes: Uint8Array, words: Int32Array, valueOffset: number, byteLength: number): void {
    this.chunkBytes.push(bytes)
    this.chunkWords.push(words)
    this.valueOffsets.push(valueOffset)
    this.byteLengths.push(byteLength)
    this.count++
  }

  private isAt(i: number, words: Int32Array, valueOffset: number): boolean {
    return this.chunkWords[i] === words && this.valueOffsets[i] === valueOffset && (this.byteLengths[i] as number) > 0
  }
}
