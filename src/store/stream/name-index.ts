/**
 * Blocks of the arena that have names, found by name and kept in the order of their names' bytes, as Redis shows them.
 *
 * Owned by one shard's thread. One object serves many indexes, one after the other: `open` stands on the one whose state is
 * a word of its owner.
 *
 *   state   | block |                                     0: the index is empty
 *   block   | names | reference, in the order of names ... |
 *   named   | length of the name | the owner's fields | name |
 *
 * Invariant: names are different. A search is binary, an insertion moves 4 bytes for each name behind the new one.
 */
import { compareBytes, copyBytes } from '../../base/bytes.js'
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'

const HEADER_WORDS = 1
const CAPACITY_MIN = 1

export class NameIndex {
  /** After `find`: where the name is, or where it belongs. */
  index = 0

  private owner: Int32Array = new Int32Array(1)
  private ownerAt = 0

  /** @param fieldWords how many words stand in front of the name in each block, the name's length among them */
  constructor(
    private readonly arena: Arena,
    private readonly fieldWords: number,
  ) {}

  open(owner: Int32Array, at: number): void {
    this.owner = owner
    this.ownerAt = at
  }

  get size(): number {
    const block = this.block
    return block === NO_REF ? 0 : this.arena.chunkWords[chunkOf(block)]![wordIndexOf(block)]!
  }

  select(index: number): ArenaRef {
    const block = this.block
    return this.arena.chunkWords[chunkOf(block)]![wordIndexOf(block) + HEADER_WORDS + index]! as ArenaRef
  }

  /** @returns the block with this name, or `NO_REF`; `insert` may follow then */
  find(name: Uint8Array, offset: number, length: number): ArenaRef {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      const ref = this.select(middle)
      const order = compareBytes(
        name,
        offset,
        length,
        this.arena.chunkBytes[chunkOf(ref)]!,
        this.nameOffset(ref),
        this.nameLength(ref),
      )
      if (order === 0) {
        this.index = middle
        return ref
      }
      if (order > 0) low = middle + 1
      else high = middle
    }
    this.index = low
    return NO_REF
  }

  /**
   * Adds a block with the name that `find` has just not found, its fields all zeros.
   * @throws ArenaFullError before anything was changed
   */
  insert(name: Uint8Array, offset: number, length: number): ArenaRef {
    const { arena, fieldWords } = this
    const ref = arena.allocate(fieldWords * 4 + length)
    try {
      this.makeRoom()
    } catch (error) {
      arena.free(ref)
      throw error
    }
    const words = arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    words.fill(0, at, at + fieldWords)
    words[at] = length
    copyBytes(name, offset, arena.chunkBytes[chunkOf(ref)]!, (at + fieldWords) << 2, length)
    const block = this.block
    const list = arena.chunkWords[chunkOf(block)]!
    const start = wordIndexOf(block)
    const place = start + HEADER_WORDS + this.index
    list.copyWithin(place + 1, place, start + HEADER_WORDS + list[start]!)
    list[place] = ref
    list[start]!++
    return ref
  }

  /** Removes the block at `index` from the index and gives it back. */
  remove(index: number): void {
    const { arena } = this
    arena.free(this.select(index))
    const block = this.block
    const list = arena.chunkWords[chunkOf(block)]!
    const start = wordIndexOf(block)
    const place = start + HEADER_WORDS + index
    list.copyWithin(place, place + 1, start + HEADER_WORDS + list[start]!)
    list[start]!--
    if (list[start] !== 0) return
    arena.free(block)
    this.owner[this.ownerAt] = NO_REF
  }

  nameOffset(ref: ArenaRef): number {
    return (wordIndexOf(ref) + this.fieldWords) << 2
  }

  nameLength(ref: ArenaRef): number {
    return this.arena.chunkWords[chunkOf(ref)]![wordIndexOf(ref)]!
  }

  /** What the index and its blocks take of the arena. */
  get bytes(): number {
    const block = this.block
    if (block === NO_REF) return 0
    let bytes = this.arena.usableSize(block)
    for (let i = this.size - 1; i >= 0; i--) bytes += this.arena.usableSize(this.select(i))
    return bytes
  }

  private get block(): ArenaRef {
    return this.owner[this.ownerAt]! as ArenaRef
  }

  /** Makes sure that one more reference has a place. */
  private makeRoom(): void {
    const { arena, size } = this
    const old = this.block
    if (old !== NO_REF && (HEADER_WORDS + size + 1) * 4 <= arena.usableSize(old)) return
    const larger = arena.allocate((HEADER_WORDS + Math.max(CAPACITY_MIN, size * 2)) * 4)
    const words = arena.chunkWords[chunkOf(larger)]!
    const at = wordIndexOf(larger)
    words[at] = size
    for (let i = 0; i < size; i++) words[at + HEADER_WORDS + i] = this.select(i)
    this.owner[this.ownerAt] = larger
    if (old !== NO_REF) arena.free(old)
  }
}
