/**
 * The chunks of an arena: where they come from, and which of their pages are in use.
 *
 * Owned by the thread that owns the arena.
 *
 *   chunk        | page descriptors, 32 bytes a page | page | page | page | ...               page = 16 KiB
 *   descriptor   | kind | pages of the run | 6 words for whoever has the run |
 *
 * A run of pages in a row is free or belongs to someone; only the descriptor of its first page says so. A block that is
 * too large for that has a chunk of its own, as long as it needs.
 *
 * Invariants: descriptors of free pages have the kind `KIND_FREE`. Nothing but descriptors is written to here, because
 * the system commits memory on the first write. A chunk without runs goes back to the system, but for one that is kept
 * so that a load that swings around the edge of a chunk does not map and unmap it each time. A failed request has
 * changed nothing.
 */
import { assert } from '../base/assert.js'
import { acquireChunk, releaseChunk } from '../base/buffer-memory.js'
import { CHUNK_SHIFT, CHUNKS_MAX, UNIT_SHIFT } from './arena-ref.js'

/** 16 KiB. A block that a slab cannot serve is a run of whole pages, so this bounds what such a block wastes. */
export const PAGE_SHIFT = 14
export const PAGE_BYTES = 1 << PAGE_SHIFT
export const PAGE_UNITS_SHIFT = PAGE_SHIFT - UNIT_SHIFT

/** A page number over all chunks holds the number of its chunk above these bits. */
export const CHUNK_PAGES_SHIFT = CHUNK_SHIFT - PAGE_UNITS_SHIFT
export const PAGE_IN_CHUNK_MASK = (1 << CHUNK_PAGES_SHIFT) - 1

/**
 * 32 MiB, all that 22 bits of offset reach. It is also the least that glibc always maps on its own: below that, what
 * was once freed raises the allocator's own threshold, and chunks would be cut from its heap, where they are cleared
 * eagerly and do not return to the system. Address space is all that an unused part of a chunk costs.
 */
export const CHUNK_BYTES_MAX = 1 << (CHUNK_SHIFT + UNIT_SHIFT)

/** malloc places a mapped block 16 bytes into a page: with 48 more, the views begin at a cache line. */
const CACHE_LINE_PADDING_BYTES = 48

export const DESCRIPTOR_SHIFT = 3
const DESCRIPTOR_BYTES = 32
/** The word of a descriptor, after the kind, that says how long the run is. */
export const RUN_PAGES = 1
export const KIND_FREE = 0

export const NO_CHUNK = -1

/** How many chunks `reset` gives back before it returns: unmapping one costs 0.7 ms, and a flush should not be a pause. */
const RESET_RELEASES_MAX = 4

const noBytes = new Uint8Array(0)
const noWords = new Int32Array(0)
const noDoubles = new Float64Array(0)

export class Chunks {
  /** Views of the chunks, by chunk number. Dense, so that a lookup costs two dependent loads. */
  readonly bytes: Uint8Array[] = []
  readonly words: Int32Array[] = []
  readonly doubles: Float64Array[] = []

  /** The pages that were ever written to in the chunks now held: an upper bound of the memory they occupy. */
  touchedBytes = 0
  count = 0
  /** How many chunks went back to the system so far. */
  freed = 0

  private readonly pagesPerChunk: number
  private readonly headerPages: number
  private readonly buffers: (ArrayBuffer | null)[] = []
  /** Buffers that nothing refers to any more and that have not gone back to the system yet. */
  private readonly condemned: ArrayBuffer[] = []
  private readonly freePages = new Int32Array(CHUNKS_MAX)
  /** No page before this one is free: where a search begins. Always the first page of a run. */
  private readonly firstFreePage = new Int32Array(CHUNKS_MAX)
  /** No run of free pages is longer than this: a search that failed is not made again. */
  private readonly longestRun = new Int32Array(CHUNKS_MAX)
  private readonly touchedPages = new Int32Array(CHUNKS_MAX)
  private emptyChunk = NO_CHUNK

  constructor(
    private readonly chunkBytes: number,
    private readonly countMax: number,
  ) {
    assert(
      chunkBytes >= 4 * PAGE_BYTES && chunkBytes <= CHUNK_BYTES_MAX && (chunkBytes & (chunkBytes - 1)) === 0,
      'the chunk size must be a power of two from 64 KiB to 32 MiB',
    )
    assert(countMax >= 1 && countMax <= CHUNKS_MAX, 'the number of chunks must be from 1 to 1024')
    this.pagesPerChunk = chunkBytes >>> PAGE_SHIFT
    this.headerPages = Math.ceil((this.pagesPerChunk * DESCRIPTOR_BYTES) / PAGE_BYTES)
  }

  /** Takes `count` pages in a row, first fit. @returns the number of the first page, or 0 */
  takeRun(count: number): number {
    for (let chunk = 0; chunk < this.buffers.length; chunk++) {
      if (this.longestRun[chunk]! < count || chunk === this.emptyChunk) continue
      const page = this.findRun(chunk, count)
      if (page !== 0) return this.occupyRun(chunk, page, count)
      this.longestRun[chunk] = count - 1
    }
    let chunk = this.emptyChunk
    if (chunk === NO_CHUNK) {
      chunk = this.addChunk(this.chunkBytes)
      if (chunk === NO_CHUNK) return 0
      this.freePages[chunk] = this.pagesPerChunk - this.headerPages
      this.longestRun[chunk] = this.freePages[chunk]!
      this.firstFreePage[chunk] = this.headerPages
      this.touchedPages[chunk] = this.headerPages
      this.touchedBytes += this.headerPages * PAGE_BYTES
    }
    this.emptyChunk = NO_CHUNK
    return this.occupyRun(chunk, this.headerPages, count)
  }

  /** Takes the run with this descriptor back. */
  releaseRun(chunk: number, words: Int32Array, descriptor: number): void {
    const page = descriptor >>> DESCRIPTOR_SHIFT
    words[descriptor] = KIND_FREE
    const free = this.freePages[chunk]! + words[descriptor + RUN_PAGES]!
    this.freePages[chunk] = free
    this.longestRun[chunk] = free
    if (page < this.firstFreePage[chunk]!) this.firstFreePage[chunk] = page
    if (free < this.pagesPerChunk - this.headerPages) return
    if (this.emptyChunk === NO_CHUNK) this.emptyChunk = chunk
    // A portion of a large value may empty many in one go.
    else this.condemned.push(this.dropChunk(chunk))
  }

  /**
   * A chunk of `bytes` that no run is taken from.
   * @returns its number, or `NO_CHUNK`
   */
  takeWhole(bytes: number): number {
    const chunk = this.addChunk(bytes)
    if (chunk !== NO_CHUNK) this.touchedBytes += bytes
    return chunk
  }

  /** Takes a chunk of its own back. */
  releaseWhole(chunk: number): void {
    this.touchedBytes -= this.bytes[chunk]!.length
    this.giveBack(this.dropChunk(chunk))
  }

  /** Forgets all runs at once. The memory goes back to the system, the first part of it now, see `release`. */
  reset(): void {
    for (let chunk = 0; chunk < this.buffers.length; chunk++) {
      const buffer = this.buffers[chunk]!
      if (buffer !== null) this.condemned.push(buffer)
      this.clearChunk(chunk)
    }
    this.emptyChunk = NO_CHUNK
    this.touchedBytes = 0
    this.count = 0
    for (let i = 0; i < RESET_RELEASES_MAX; i++) this.release()
  }

  /** True while an empty chunk is kept. */
  hasEmpty(): boolean {
    return this.emptyChunk !== NO_CHUNK
  }

  /** Gives the empty chunk that is kept back to the system. */
  releaseEmpty(): void {
    if (this.emptyChunk === NO_CHUNK) return
    const chunk = this.emptyChunk
    this.emptyChunk = NO_CHUNK
    this.giveBack(this.dropChunk(chunk))
  }

  /** True while chunks that were given up have not gone back to the system. */
  hasCondemned(): boolean {
    return this.condemned.length > 0
  }

  /** Gives one chunk that was given up back to the system. */
  release(): void {
    const buffer = this.condemned.pop()
    if (buffer !== undefined) this.giveBack(buffer)
  }

  private giveBack(buffer: ArrayBuffer): void {
    releaseChunk(buffer)
    this.freed++
  }

  /** @returns the first page within the chunk of `count` free ones in a row, or 0 */
  private findRun(chunk: number, count: number): number {
    const words = this.words[chunk]!
    const end = this.pagesPerChunk
    let page = this.firstFreePage[chunk]!
    while (page < end && words[page << DESCRIPTOR_SHIFT] !== KIND_FREE)
      page += words[(page << DESCRIPTOR_SHIFT) + RUN_PAGES]!
    // The next search need not pass over these runs again.
    this.firstFreePage[chunk] = page
    let free = 0
    while (page < end) {
      const descriptor = page << DESCRIPTOR_SHIFT
      if (words[descriptor] === KIND_FREE) {
        free++
        page++
        if (free === count) return page - count
      } else {
        free = 0
        page += words[descriptor + RUN_PAGES]!
      }
    }
    return 0
  }

  private occupyRun(chunk: number, page: number, count: number): number {
    this.words[chunk]![(page << DESCRIPTOR_SHIFT) + RUN_PAGES] = count
    this.freePages[chunk] = this.freePages[chunk]! - count
    const end = page + count
    if (page === this.firstFreePage[chunk]) this.firstFreePage[chunk] = end
    const touched = this.touchedPages[chunk]!
    if (end > touched) {
      this.touchedBytes += (end - touched) * PAGE_BYTES
      this.touchedPages[chunk] = end
    }
    return (chunk << CHUNK_PAGES_SHIFT) | page
  }

  /** @returns the number of a new chunk of `bytes`, or `NO_CHUNK` */
  private addChunk(bytes: number): number {
    let chunk = 0
    while (chunk < this.buffers.length && this.buffers[chunk] !== null) chunk++
    if (chunk >= this.countMax) return NO_CHUNK
    // Whoever fills memory right after a flush must not need both the old and the new.
    this.release()
    const buffer = acquireChunk(Math.max(bytes, this.chunkBytes) + CACHE_LINE_PADDING_BYTES)
    if (buffer === null) return NO_CHUNK
    const bytesView = new Uint8Array(buffer, CACHE_LINE_PADDING_BYTES, bytes)
    const wordsView = new Int32Array(buffer, CACHE_LINE_PADDING_BYTES, bytes / 4)
    const doublesView = new Float64Array(buffer, CACHE_LINE_PADDING_BYTES, bytes / 8)
    this.buffers[chunk] = buffer
    this.bytes[chunk] = bytesView
    this.words[chunk] = wordsView
    this.doubles[chunk] = doublesView
    this.count++
    return chunk
  }

  /** Gives up a chunk in which no block lives. @returns its memory */
  private dropChunk(chunk: number): ArrayBuffer {
    const buffer = this.buffers[chunk]!
    assert(buffer !== null, 'a chunk was dropped twice')
    this.touchedBytes -= this.touchedPages[chunk]! * PAGE_BYTES
    this.clearChunk(chunk)
    this.count--
    return buffer
  }

  private clearChunk(chunk: number): void {
    this.buffers[chunk] = null
    this.bytes[chunk] = noBytes
    this.words[chunk] = noWords
    this.doubles[chunk] = noDoubles
    this.freePages[chunk] = 0
    this.longestRun[chunk] = 0
    this.touchedPages[chunk] = 0
  }
}
