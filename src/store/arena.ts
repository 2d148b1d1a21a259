/**
 * The off-heap memory of one shard: blocks of any size in a few large chunks.
 *
 * Owned by one thread. Whatever the shard stores (records, table buckets, nodes of collections) is a block here, named
 * by an `ArenaRef`; V8's heap holds a few objects a chunk and none a key.
 *
 * A block of up to 128 KiB lies in a slab, a run of pages that holds blocks of one size class; a larger one is a run of
 * pages itself (a span); one above a quarter of a chunk has a chunk of its own.
 *
 *   descriptor of a slab   | class | pages | free list | next unused | live blocks | next slab | previous slab | - |
 *
 * Invariants: a block's class is known from its reference alone, by the descriptor of its page. The free list lies in
 * the freed blocks themselves, and unused blocks are not written to. A slab without live blocks goes back to its chunk.
 * Blocks never move. A failed allocation has changed nothing.
 */
import { assert } from '../base/assert.js'
import { type ArenaRef, CHUNK_SHIFT, CHUNKS_MAX, NO_REF, OFFSET_MASK, UNIT_BYTES, UNIT_SHIFT } from './arena-ref.js'
import {
  CHUNK_BYTES_MAX,
  CHUNK_PAGES_SHIFT,
  Chunks,
  DESCRIPTOR_SHIFT,
  KIND_FREE,
  NO_CHUNK,
  PAGE_BYTES,
  PAGE_IN_CHUNK_MASK,
  PAGE_UNITS_SHIFT,
  RUN_PAGES,
} from './chunks.js'
import {
  CLASS_COUNT,
  CLASS_SLAB_BLOCKS,
  CLASS_SLAB_PAGES,
  CLASS_UNITS,
  CLASS_UNITS_MAX,
  classOfUnits,
} from './size-classes.js'

/** Where the only block of a chunk of its own begins: behind the one descriptor, at a cache line. */
const OWN_CHUNK_BLOCK_UNITS = 8

// Kinds from 1 to CLASS_COUNT - 1 are slabs of that class.
const KIND_SPAN = 253
const KIND_OWN_CHUNK = 254
const KIND_INTERIOR = 255

// The words of a slab's descriptor.
const FREE_LIST = 2
const NEXT_UNUSED = 3
const LIVE_BLOCKS = 4
const NEXT_SLAB = 5
const PREVIOUS_SLAB = 6
/** In the descriptors of a slab's second and later pages: the index of its first page's descriptor. */
const HEAD_DESCRIPTOR = 1
/** In the descriptor of a chunk of its own: the size of the block. */
const OWN_CHUNK_UNITS = 1

/** The arena cannot hold more: the system gave no memory, or all references are in use. */
export class ArenaFullError extends Error {
  readonly code = 'ARENA_FULL'

  constructor(readonly bytes: number) {
    super(`no memory for a block of ${bytes} bytes`)
    this.name = 'ArenaFullError'
  }
}

/** How many units hold `bytes`; a block has at least one. Exact below 2 GiB. */
function unitsFor(bytes: number): number {
  return bytes === 0 ? 1 : (bytes + (UNIT_BYTES - 1)) >>> UNIT_SHIFT
}

export class Arena {
  /** The chunks, by chunk number, as bytes, 32-bit words and doubles. */
  readonly chunkBytes: Uint8Array[]
  readonly chunkWords: Int32Array[]
  readonly chunkDoubles: Float64Array[]

  /** The sum of all blocks' usable sizes. */
  usedBytes = 0

  private readonly chunks: Chunks
  private readonly ownChunkBytesMin: number
  private readonly classUnitsMax: number
  /** First and last slab with room of each class, as page numbers over all chunks; 0 = none. */
  private readonly firstSlab = new Int32Array(CLASS_COUNT)
  private readonly lastSlab = new Int32Array(CLASS_COUNT)

  /**
   * @param chunkBytes smaller chunks serve tests and simulations with many arenas: a power of two from 64 KiB on
   * @param chunksMax a bound on the number of chunks below that of the reference
   */
  constructor(chunkBytes: number = CHUNK_BYTES_MAX, chunksMax: number = CHUNKS_MAX) {
    this.chunks = new Chunks(chunkBytes, chunksMax)
    this.chunkBytes = this.chunks.bytes
    this.chunkWords = this.chunks.words
    this.chunkDoubles = this.chunks.doubles
    this.ownChunkBytesMin = chunkBytes >>> 2
    // A slab of eight of these takes half a chunk.
    this.classUnitsMax = Math.min(CLASS_UNITS_MAX, chunkBytes >>> (4 + UNIT_SHIFT))
  }

  /** What the chunks occupy at most: all pages that were ever written to. */
  get touchedBytes(): number {
    return this.chunks.touchedBytes
  }

  get chunkCount(): number {
    return this.chunks.count
  }

  /** How many chunks went back to the system so far. */
  get freedChunks(): number {
    return this.chunks.freed
  }

  /**
   * Hands out a block of at least `bytes`, aligned to 8, its contents undefined (see `isZeroed`).
   * @throws ArenaFullError before anything was changed
   */
  allocate(bytes: number): ArenaRef {
    const ref = this.tryAllocate(bytes)
    if (ref === NO_REF) throw new ArenaFullError(bytes)
    return ref
  }

  /** Like `allocate`, but returns `NO_REF` when there is no memory. */
  tryAllocate(bytes: number): ArenaRef {
    const units = unitsFor(bytes)
    if (units > this.classUnitsMax) return this.allocateLarge(bytes)
    const sizeClass = classOfUnits(units)
    let page = this.firstSlab[sizeClass]!
    if (page === 0) {
      page = this.addSlab(sizeClass)
      if (page === 0) return NO_REF
    }
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    const classUnits = CLASS_UNITS[sizeClass]!
    let ref = words[descriptor + FREE_LIST]!
    if (ref !== 0) {
      words[descriptor + FREE_LIST] = words[(ref & OFFSET_MASK) << 1]!
    } else {
      ref = words[descriptor + NEXT_UNUSED]!
      words[descriptor + NEXT_UNUSED] = ref + classUnits
    }
    const live = words[descriptor + LIVE_BLOCKS]! + 1
    words[descriptor + LIVE_BLOCKS] = live
    if (live === CLASS_SLAB_BLOCKS[sizeClass]!) this.unlinkSlab(sizeClass, page)
    this.usedBytes += classUnits * UNIT_BYTES
    return ref as ArenaRef
  }

  /** Takes a block back. Nothing may be read through its reference afterwards. */
  free(ref: ArenaRef): void {
    const words = this.chunkWords[ref >>> CHUNK_SHIFT]!
    let descriptor = ((ref >>> PAGE_UNITS_SHIFT) & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    let kind = words[descriptor]!
    if (kind === KIND_INTERIOR) {
      descriptor = words[descriptor + HEAD_DESCRIPTOR]!
      kind = words[descriptor]!
    }
    if (kind >= CLASS_COUNT) {
      this.freeLarge(ref, words, descriptor, kind)
      return
    }
    assert(kind !== KIND_FREE, 'a block was freed on a page that is free')
    words[(ref & OFFSET_MASK) << 1] = words[descriptor + FREE_LIST]!
    words[descriptor + FREE_LIST] = ref
    const live = words[descriptor + LIVE_BLOCKS]! - 1
    words[descriptor + LIVE_BLOCKS] = live
    this.usedBytes -= CLASS_UNITS[kind]! * UNIT_BYTES
    if (live === 0) {
      this.releaseSlab(ref >>> CHUNK_SHIFT, words, descriptor, kind)
    } else if (live === CLASS_SLAB_BLOCKS[kind]! - 1) {
      this.linkSlab(kind, ((ref >>> CHUNK_SHIFT) << CHUNK_PAGES_SHIFT) | (descriptor >>> DESCRIPTOR_SHIFT))
    }
  }

  /** How many bytes the block really has, which is at least what was asked for. */
  usableSize(ref: ArenaRef): number {
    const words = this.chunkWords[ref >>> CHUNK_SHIFT]!
    let descriptor = ((ref >>> PAGE_UNITS_SHIFT) & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    if (words[descriptor] === KIND_INTERIOR) descriptor = words[descriptor + HEAD_DESCRIPTOR]!
    const kind = words[descriptor]!
    if (kind < CLASS_COUNT) return CLASS_UNITS[kind]! * UNIT_BYTES
    if (kind === KIND_SPAN) return words[descriptor + RUN_PAGES]! * PAGE_BYTES
    return words[descriptor + OWN_CHUNK_UNITS]! * UNIT_BYTES
  }

  /** The usable size of the block that `allocate(bytes)` would hand out. */
  blockBytes(bytes: number): number {
    const units = unitsFor(bytes)
    if (bytes > this.ownChunkBytesMin) return units * UNIT_BYTES
    if (units > this.classUnitsMax) return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
    return CLASS_UNITS[classOfUnits(units)]! * UNIT_BYTES
  }

  /**
   * True when the block has never been written to since it was allocated and its memory came from the system, so that
   * it needs no clearing. Only to be asked right after `allocate`.
   */
  isZeroed(ref: ArenaRef): boolean {
    return this.chunkWords[ref >>> CHUNK_SHIFT]![0] === KIND_OWN_CHUNK
  }

  /** Forgets all blocks at once: all references become invalid. The memory goes back to the system, see `release`. */
  reset(): void {
    this.chunks.reset()
    this.firstSlab.fill(0)
    this.lastSlab.fill(0)
    this.usedBytes = 0
  }

  /** True while an empty chunk is kept for the next allocations. */
  hasEmptyChunk(): boolean {
    return this.chunks.hasEmpty()
  }

  releaseEmptyChunk(): void {
    this.chunks.releaseEmpty()
  }

  /** True while chunks that `reset` left have not gone back to the system. */
  hasCondemned(): boolean {
    return this.chunks.hasCondemned()
  }

  /** Gives one chunk that `reset` left back to the system. */
  release(): void {
    this.chunks.release()
  }

  /** A span of pages, or a chunk of its own, for a block that no slab serves. */
  private allocateLarge(bytes: number): ArenaRef {
    if (bytes > this.ownChunkBytesMin) return this.allocateOwnChunk(bytes)
    const pages = Math.ceil(bytes / PAGE_BYTES)
    const page = this.chunks.takeRun(pages)
    if (page === 0) return NO_REF
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    words[(page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT] = KIND_SPAN
    this.usedBytes += pages * PAGE_BYTES
    return (page << PAGE_UNITS_SHIFT) as ArenaRef
  }

  private allocateOwnChunk(bytes: number): ArenaRef {
    const units = unitsFor(bytes)
    const chunk = this.chunks.takeWhole((units + OWN_CHUNK_BLOCK_UNITS) * UNIT_BYTES)
    if (chunk === NO_CHUNK) return NO_REF
    const words = this.chunkWords[chunk]!
    words[0] = KIND_OWN_CHUNK
    words[OWN_CHUNK_UNITS] = units
    this.usedBytes += units * UNIT_BYTES
    return ((chunk << CHUNK_SHIFT) | OWN_CHUNK_BLOCK_UNITS) as ArenaRef
  }

  private freeLarge(ref: ArenaRef, words: Int32Array, descriptor: number, kind: number): void {
    const chunk = ref >>> CHUNK_SHIFT
    if (kind === KIND_OWN_CHUNK) {
      this.usedBytes -= words[OWN_CHUNK_UNITS]! * UNIT_BYTES
      this.chunks.releaseWhole(chunk)
      return
    }
    this.usedBytes -= words[descriptor + RUN_PAGES]! * PAGE_BYTES
    this.chunks.releaseRun(chunk, words, descriptor)
  }

  /** @returns the page number of a new slab that heads its class's list, or 0 */
  private addSlab(sizeClass: number): number {
    const pages = CLASS_SLAB_PAGES[sizeClass]!
    const page = this.chunks.takeRun(pages)
    if (page === 0) return 0
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    words[descriptor] = sizeClass
    words[descriptor + FREE_LIST] = 0
    words[descriptor + NEXT_UNUSED] = page << PAGE_UNITS_SHIFT
    words[descriptor + LIVE_BLOCKS] = 0
    for (let i = 1; i < pages; i++) {
      const interior = descriptor + (i << DESCRIPTOR_SHIFT)
      words[interior] = KIND_INTERIOR
      words[interior + HEAD_DESCRIPTOR] = descriptor
    }
    this.linkSlab(sizeClass, page)
    return page
  }

  private releaseSlab(chunk: number, words: Int32Array, descriptor: number, sizeClass: number): void {
    this.unlinkSlab(sizeClass, (chunk << CHUNK_PAGES_SHIFT) | (descriptor >>> DESCRIPTOR_SHIFT))
    const pages = CLASS_SLAB_PAGES[sizeClass]!
    for (let i = 1; i < pages; i++) words[descriptor + (i << DESCRIPTOR_SHIFT)] = KIND_FREE
    this.chunks.releaseRun(chunk, words, descriptor)
  }

  /**
   * Puts a slab with room at the end of its class's list. New blocks come from the slab at the head until that is full,
   * so that slabs at the end, which have become sparse, get the time to become empty.
   */
  private linkSlab(sizeClass: number, page: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    const last = this.lastSlab[sizeClass]!
    words[descriptor + NEXT_SLAB] = 0
    words[descriptor + PREVIOUS_SLAB] = last
    this.lastSlab[sizeClass] = page
    if (last === 0) this.firstSlab[sizeClass] = page
    else this.setSlabWord(last, NEXT_SLAB, page)
  }

  private unlinkSlab(sizeClass: number, page: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT
    const next = words[descriptor + NEXT_SLAB]!
    const previous = words[descriptor + PREVIOUS_SLAB]!
    if (previous === 0) this.firstSlab[sizeClass] = next
    else this.setSlabWord(previous, NEXT_SLAB, next)
    if (next === 0) this.lastSlab[sizeClass] = previous
    else this.setSlabWord(next, PREVIOUS_SLAB, previous)
  }

  private setSlabWord(page: number, word: number, value: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!
    words[((page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT) + word] = value
  }
}
