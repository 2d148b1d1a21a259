/**
 * The off-heap memory of one shard: large `ArrayBuffer` chunks, cut into pages, cut into blocks.
 *
 * Owned by one thread. Whatever the shard stores (records, table buckets, nodes of collections) is a block here, named
 * by an `ArenaRef`; V8's heap holds a few objects a chunk and none a key.
 *
 *   ArenaRef   | chunk, 10 bits | offset in the chunk in units of 8 bytes, 22 bits |      0 = none
 *
 *   chunk      | page descriptors, 32 bytes a page | page | page | page | ...             page = 16 KiB
 *
 *   A run of pages is free, or a slab (blocks of one size class), or a span (one block above 128 KiB). A block above a
 *   quarter of a chunk has a chunk of its own, as long as it needs.
 *
 *   descriptor | kind | run | free list | next unused | live blocks | next slab | previous slab | - |
 *
 * Invariants: a block's class is known from its reference alone, by the descriptor of its page. Memory is written to
 * only when a block in it is handed out (the free list lies in the freed blocks themselves), because the system commits
 * memory on the first write. A slab without live blocks goes back to its chunk, a chunk without runs to the system,
 * but for one that is kept so that a load that swings around the edge of a chunk does not map and unmap it each time.
 * Blocks never move. A failed allocation has changed nothing.
 */
import { assert } from "../base/assert.js";
import { acquireChunk, releaseChunk } from "./chunk-memory.js";
import {
  CLASS_COUNT,
  CLASS_SLAB_BLOCKS,
  CLASS_SLAB_PAGES,
  CLASS_UNITS,
  CLASS_UNITS_MAX,
  classOfUnits,
  PAGE_BYTES,
  PAGE_SHIFT,
  UNIT_BYTES,
  UNIT_SHIFT,
} from "./size-classes.js";

declare const arenaRefBrand: unique symbol;
/** A block: a chunk number and an offset. It may be negative, as the 32 bits are read as a signed number. */
export type ArenaRef = number & { readonly [arenaRefBrand]: true };

export const NO_REF = 0 as ArenaRef;

const CHUNK_SHIFT = 22;
const OFFSET_MASK = (1 << CHUNK_SHIFT) - 1;
export const ARENA_CHUNKS_MAX = 1024;

/**
 * 32 MiB, all that 22 bits of offset reach. It is also the least that glibc always maps on its own: below that, what
 * was once freed raises the allocator's own threshold, and chunks would be cut from its heap, where they are cleared
 * eagerly and do not return to the system. Address space is all that an unused part of a chunk costs.
 */
export const ARENA_CHUNK_BYTES = 1 << (CHUNK_SHIFT + UNIT_SHIFT);

/** malloc places a mapped block 16 bytes into a page: with 48 more, the views begin at a cache line. */
const CACHE_LINE_PADDING_BYTES = 48;

/** Where the only block of a chunk of its own begins: behind the one descriptor, at a cache line. */
const OWN_CHUNK_BLOCK_UNITS = 8;

const PAGE_UNITS_SHIFT = PAGE_SHIFT - UNIT_SHIFT;
const PAGE_IN_CHUNK_MASK = (1 << (CHUNK_SHIFT - PAGE_UNITS_SHIFT)) - 1;
const CHUNK_PAGES_SHIFT = CHUNK_SHIFT - PAGE_UNITS_SHIFT;

// The words of a page descriptor. Kinds from 1 to CLASS_COUNT - 1 are slabs of that class.
const DESCRIPTOR_SHIFT = 3;
const DESCRIPTOR_BYTES = 32;
const RUN_PAGES = 1;
const FREE_LIST = 2;
const NEXT_UNUSED = 3;
const LIVE_BLOCKS = 4;
const NEXT_SLAB = 5;
const PREVIOUS_SLAB = 6;
/** In the descriptors of a slab's second and later pages: the index of its first page's descriptor. */
const HEAD_DESCRIPTOR = 1;

const KIND_FREE = 0;
const KIND_SPAN = 253;
const KIND_OWN_CHUNK = 254;
const KIND_INTERIOR = 255;

const NO_CHUNK = -1;

/** How many chunks `reset` gives back before it returns: unmapping one costs 0.7 ms, and a flush should not be a pause. */
const RESET_RELEASES_MAX = 16;

/** The arena cannot hold more: the system gave no memory, or all references are in use. */
export class ArenaFullError extends Error {
  readonly code = "ARENA_FULL";

  constructor(readonly bytes: number) {
    super(`no memory for a block of ${bytes} bytes`);
    this.name = "ArenaFullError";
  }
}

/** The chunk that holds the block: an index into `chunkBytes`, `chunkWords` and `chunkDoubles`. */
export function chunkOf(ref: number): number {
  return ref >>> CHUNK_SHIFT;
}

/** Where the block begins in its chunk's bytes. */
export function byteIndexOf(ref: number): number {
  return (ref & OFFSET_MASK) << UNIT_SHIFT;
}

/** Where the block begins in its chunk's 32-bit words. */
export function wordIndexOf(ref: number): number {
  return (ref & OFFSET_MASK) << 1;
}

const noBytes = new Uint8Array(0);
const noWords = new Int32Array(0);
const noDoubles = new Float64Array(0);

export class Arena {
  /** Views of the chunks, by chunk number. Dense, so that a lookup costs two dependent loads. */
  readonly chunkBytes: Uint8Array[] = [];
  readonly chunkWords: Int32Array[] = [];
  readonly chunkDoubles: Float64Array[] = [];

  /** The sum of all blocks' usable sizes. */
  usedBytes = 0;
  /** The pages that were ever written to in the chunks now held: an upper bound of the memory they occupy. */
  touchedBytes = 0;
  chunkCount = 0;
  /** How many chunks went back to the system so far. */
  freedChunks = 0;

  private readonly chunkBytesMax: number;
  private readonly pagesPerChunk: number;
  private readonly headerPages: number;
  private readonly ownChunkBytesMin: number;
  private readonly classUnitsMax: number;
  private readonly chunksMax: number;

  private readonly buffers: (ArrayBuffer | null)[] = [];
  /** Buffers that nothing refers to any more and that have not gone back to the system yet. */
  private readonly condemned: ArrayBuffer[] = [];
  /** First and last slab with room of each class, as page numbers over all chunks; 0 = none. */
  private readonly firstSlab = new Int32Array(CLASS_COUNT);
  private readonly lastSlab = new Int32Array(CLASS_COUNT);
  private readonly freePages = new Int32Array(ARENA_CHUNKS_MAX);
  /** No page before this one is free. Always the first page of a run. */
  private readonly firstFreePage = new Int32Array(ARENA_CHUNKS_MAX);
  /** No run of free pages is longer than this: a search that failed is not made again. */
  private readonly longestRun = new Int32Array(ARENA_CHUNKS_MAX);
  private readonly touchedPages = new Int32Array(ARENA_CHUNKS_MAX);
  private emptyChunk = NO_CHUNK;

  /**
   * @param chunkBytes smaller chunks serve tests and simulations with many arenas: a power of two from 64 KiB on
   * @param chunksMax a bound on the number of chunks below that of the reference
   */
  constructor(chunkBytes: number = ARENA_CHUNK_BYTES, chunksMax: number = ARENA_CHUNKS_MAX) {
    assert(
      chunkBytes >= 4 * PAGE_BYTES && chunkBytes <= ARENA_CHUNK_BYTES && (chunkBytes & (chunkBytes - 1)) === 0,
      "the chunk size must be a power of two from 64 KiB to 32 MiB",
    );
    assert(chunksMax >= 1 && chunksMax <= ARENA_CHUNKS_MAX, "the number of chunks must be from 1 to 1024");
    this.chunkBytesMax = chunkBytes;
    this.chunksMax = chunksMax;
    this.pagesPerChunk = chunkBytes >>> PAGE_SHIFT;
    this.headerPages = Math.ceil((this.pagesPerChunk * DESCRIPTOR_BYTES) / PAGE_BYTES);
    this.ownChunkBytesMin = chunkBytes >>> 2;
    // A slab of eight of these takes half a chunk.
    this.classUnitsMax = Math.min(CLASS_UNITS_MAX, chunkBytes >>> (4 + UNIT_SHIFT));
  }

  /**
   * Hands out a block of at least `bytes`, aligned to 8, its contents undefined (see `isZeroed`).
   * @throws ArenaFullError before anything was changed
   */
  allocate(bytes: number): ArenaRef {
    const ref = this.tryAllocate(bytes);
    if (ref === NO_REF) throw new ArenaFullError(bytes);
    return ref;
  }

  /** Like `allocate`, but returns `NO_REF` when there is no memory. */
  tryAllocate(bytes: number): ArenaRef {
    const units = bytes < UNIT_BYTES ? 1 : Math.ceil(bytes / UNIT_BYTES);
    if (units > this.classUnitsMax) return this.allocateLarge(bytes);
    const sizeClass = classOfUnits(units);
    let page = this.firstSlab[sizeClass]!;
    if (page === 0) {
      page = this.addSlab(sizeClass);
      if (page === 0) return NO_REF;
    }
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    const classUnits = CLASS_UNITS[sizeClass]!;
    let ref = words[descriptor + FREE_LIST]!;
    if (ref !== 0) {
      words[descriptor + FREE_LIST] = words[(ref & OFFSET_MASK) << 1]!;
    } else {
      ref = words[descriptor + NEXT_UNUSED]!;
      words[descriptor + NEXT_UNUSED] = ref + classUnits;
    }
    const live = words[descriptor + LIVE_BLOCKS]! + 1;
    words[descriptor + LIVE_BLOCKS] = live;
    if (live === CLASS_SLAB_BLOCKS[sizeClass]!) this.unlinkSlab(sizeClass, page);
    this.usedBytes += classUnits * UNIT_BYTES;
    return ref as ArenaRef;
  }

  /** Takes a block back. Nothing may be read through its reference afterwards. */
  free(ref: ArenaRef): void {
    const words = this.chunkWords[ref >>> CHUNK_SHIFT]!;
    let descriptor = ((ref >>> PAGE_UNITS_SHIFT) & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    let kind = words[descriptor]!;
    if (kind === KIND_INTERIOR) {
      descriptor = words[descriptor + HEAD_DESCRIPTOR]!;
      kind = words[descriptor]!;
    }
    if (kind >= CLASS_COUNT) {
      this.freeLarge(ref, words, descriptor, kind);
      return;
    }
    assert(kind !== KIND_FREE, "a block was freed on a page that is free");
    words[(ref & OFFSET_MASK) << 1] = words[descriptor + FREE_LIST]!;
    words[descriptor + FREE_LIST] = ref;
    const live = words[descriptor + LIVE_BLOCKS]! - 1;
    words[descriptor + LIVE_BLOCKS] = live;
    this.usedBytes -= CLASS_UNITS[kind]! * UNIT_BYTES;
    if (live === 0) {
      this.releaseSlab(ref >>> CHUNK_SHIFT, words, descriptor, kind);
    } else if (live === CLASS_SLAB_BLOCKS[kind]! - 1) {
      this.linkSlab(kind, ((ref >>> CHUNK_SHIFT) << CHUNK_PAGES_SHIFT) | (descriptor >>> DESCRIPTOR_SHIFT));
    }
  }

  /** How many bytes the block really has, which is at least what was asked for. */
  usableSize(ref: ArenaRef): number {
    const words = this.chunkWords[ref >>> CHUNK_SHIFT]!;
    let descriptor = ((ref >>> PAGE_UNITS_SHIFT) & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    if (words[descriptor] === KIND_INTERIOR) descriptor = words[descriptor + HEAD_DESCRIPTOR]!;
    const kind = words[descriptor]!;
    if (kind < CLASS_COUNT) return CLASS_UNITS[kind]! * UNIT_BYTES;
    if (kind === KIND_SPAN) return words[descriptor + RUN_PAGES]! * PAGE_BYTES;
    return words[descriptor + RUN_PAGES]! * UNIT_BYTES;
  }

  /** The usable size of the block that `allocate(bytes)` would hand out. */
  blockBytes(bytes: number): number {
    const units = bytes < UNIT_BYTES ? 1 : Math.ceil(bytes / UNIT_BYTES);
    if (bytes > this.ownChunkBytesMin) return units * UNIT_BYTES;
    if (units > this.classUnitsMax) return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    return CLASS_UNITS[classOfUnits(units)]! * UNIT_BYTES;
  }

  /**
   * True when the block has never been written to since it was allocated and its memory came from the system, so that
   * it needs no clearing. Only to be asked right after `allocate`.
   */
  isZeroed(ref: ArenaRef): boolean {
    return this.chunkWords[ref >>> CHUNK_SHIFT]![0] === KIND_OWN_CHUNK;
  }

  /** Forgets all blocks at once. All references become invalid; the memory goes back to the system, see `release`. */
  reset(): void {
    for (let chunk = 0; chunk < this.buffers.length; chunk++) {
      const buffer = this.buffers[chunk]!;
      if (buffer !== null) this.condemned.push(buffer);
      this.clearChunk(chunk);
    }
    this.firstSlab.fill(0);
    this.lastSlab.fill(0);
    this.emptyChunk = NO_CHUNK;
    this.usedBytes = 0;
    this.touchedBytes = 0;
    this.chunkCount = 0;
    for (let i = 0; i < RESET_RELEASES_MAX; i++) this.release();
  }

  /** True while chunks that `reset` left have not gone back to the system. */
  hasCondemned(): boolean {
    return this.condemned.length > 0;
  }

  /** Gives one chunk that `reset` left back to the system. */
  release(): void {
    const buffer = this.condemned.pop();
    if (buffer === undefined) return;
    releaseChunk(buffer);
    this.freedChunks++;
  }

  /** A span of pages, or a chunk of its own, for a block that no slab serves. */
  private allocateLarge(bytes: number): ArenaRef {
    if (bytes > this.ownChunkBytesMin) return this.allocateOwnChunk(bytes);
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const page = this.takeRun(pages);
    if (page === 0) return NO_REF;
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    words[(page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT] = KIND_SPAN;
    this.usedBytes += pages * PAGE_BYTES;
    return (page << PAGE_UNITS_SHIFT) as ArenaRef;
  }

  private allocateOwnChunk(bytes: number): ArenaRef {
    const units = Math.ceil(bytes / UNIT_BYTES);
    const chunk = this.addChunk((units + OWN_CHUNK_BLOCK_UNITS) * UNIT_BYTES);
    if (chunk === NO_CHUNK) return NO_REF;
    const words = this.chunkWords[chunk]!;
    words[0] = KIND_OWN_CHUNK;
    words[RUN_PAGES] = units;
    this.usedBytes += units * UNIT_BYTES;
    this.touchedBytes += units * UNIT_BYTES;
    return ((chunk << CHUNK_SHIFT) | OWN_CHUNK_BLOCK_UNITS) as ArenaRef;
  }

  private freeLarge(ref: ArenaRef, words: Int32Array, descriptor: number, kind: number): void {
    const chunk = ref >>> CHUNK_SHIFT;
    if (kind === KIND_OWN_CHUNK) {
      const bytes = words[RUN_PAGES]! * UNIT_BYTES;
      this.usedBytes -= bytes;
      this.touchedBytes -= bytes;
      this.dropChunk(chunk);
      return;
    }
    this.usedBytes -= words[descriptor + RUN_PAGES]! * PAGE_BYTES;
    this.releaseRun(chunk, words, descriptor);
  }

  /** @returns the page number of a new slab that heads its class's list, or 0 */
  private addSlab(sizeClass: number): number {
    const pages = CLASS_SLAB_PAGES[sizeClass]!;
    const page = this.takeRun(pages);
    if (page === 0) return 0;
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    words[descriptor] = sizeClass;
    words[descriptor + FREE_LIST] = 0;
    words[descriptor + NEXT_UNUSED] = page << PAGE_UNITS_SHIFT;
    words[descriptor + LIVE_BLOCKS] = 0;
    for (let i = 1; i < pages; i++) {
      const interior = descriptor + (i << DESCRIPTOR_SHIFT);
      words[interior] = KIND_INTERIOR;
      words[interior + HEAD_DESCRIPTOR] = descriptor;
    }
    this.linkSlab(sizeClass, page);
    return page;
  }

  private releaseSlab(chunk: number, words: Int32Array, descriptor: number, sizeClass: number): void {
    this.unlinkSlab(sizeClass, (chunk << CHUNK_PAGES_SHIFT) | (descriptor >>> DESCRIPTOR_SHIFT));
    const pages = CLASS_SLAB_PAGES[sizeClass]!;
    for (let i = 1; i < pages; i++) words[descriptor + (i << DESCRIPTOR_SHIFT)] = KIND_FREE;
    this.releaseRun(chunk, words, descriptor);
  }

  /**
   * Puts a slab with room at the end of its class's list. New blocks come from the slab at the head until that is full,
   * so that slabs at the end, which have become sparse, get the time to become empty.
   */
  private linkSlab(sizeClass: number, page: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    const last = this.lastSlab[sizeClass]!;
    words[descriptor + NEXT_SLAB] = 0;
    words[descriptor + PREVIOUS_SLAB] = last;
    this.lastSlab[sizeClass] = page;
    if (last === 0) this.firstSlab[sizeClass] = page;
    else this.setSlabWord(last, NEXT_SLAB, page);
  }

  private unlinkSlab(sizeClass: number, page: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    const descriptor = (page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT;
    const next = words[descriptor + NEXT_SLAB]!;
    const previous = words[descriptor + PREVIOUS_SLAB]!;
    if (previous === 0) this.firstSlab[sizeClass] = next;
    else this.setSlabWord(previous, NEXT_SLAB, next);
    if (next === 0) this.lastSlab[sizeClass] = previous;
    else this.setSlabWord(next, PREVIOUS_SLAB, previous);
  }

  private setSlabWord(page: number, word: number, value: number): void {
    const words = this.chunkWords[page >>> CHUNK_PAGES_SHIFT]!;
    words[((page & PAGE_IN_CHUNK_MASK) << DESCRIPTOR_SHIFT) + word] = value;
  }

  /** Takes `count` pages in a row, first fit. @returns the number of the first page, or 0 */
  private takeRun(count: number): number {
    for (let chunk = 0; chunk < this.buffers.length; chunk++) {
      if (this.longestRun[chunk]! < count || chunk === this.emptyChunk) continue;
      const page = this.findRun(chunk, count);
      if (page !== 0) return this.occupyRun(chunk, page, count);
      this.longestRun[chunk] = count - 1;
    }
    let chunk = this.emptyChunk;
    if (chunk === NO_CHUNK) {
      chunk = this.addChunk(this.chunkBytesMax);
      if (chunk === NO_CHUNK) return 0;
      this.freePages[chunk] = this.pagesPerChunk - this.headerPages;
      this.longestRun[chunk] = this.freePages[chunk]!;
      this.firstFreePage[chunk] = this.headerPages;
      this.touchedPages[chunk] = this.headerPages;
      this.touchedBytes += this.headerPages * PAGE_BYTES;
    }
    this.emptyChunk = NO_CHUNK;
    return this.occupyRun(chunk, this.headerPages, count);
  }

  /** @returns the first page within the chunk of `count` free ones in a row, or 0 */
  private findRun(chunk: number, count: number): number {
    const words = this.chunkWords[chunk]!;
    const end = this.pagesPerChunk;
    let page = this.firstFreePage[chunk]!;
    let free = 0;
    while (page < end) {
      const descriptor = page << DESCRIPTOR_SHIFT;
      if (words[descriptor] === KIND_FREE) {
        free++;
        page++;
        if (free === count) return page - count;
      } else {
        free = 0;
        page += words[descriptor + RUN_PAGES]!;
      }
    }
    return 0;
  }

  private occupyRun(chunk: number, page: number, count: number): number {
    this.chunkWords[chunk]![(page << DESCRIPTOR_SHIFT) + RUN_PAGES] = count;
    this.freePages[chunk] = this.freePages[chunk]! - count;
    const end = page + count;
    if (page === this.firstFreePage[chunk]) this.firstFreePage[chunk] = end;
    const touched = this.touchedPages[chunk]!;
    if (end > touched) {
      this.touchedBytes += (end - touched) * PAGE_BYTES;
      this.touchedPages[chunk] = end;
    }
    return (chunk << CHUNK_PAGES_SHIFT) | page;
  }

  private releaseRun(chunk: number, words: Int32Array, descriptor: number): void {
    const page = descriptor >>> DESCRIPTOR_SHIFT;
    words[descriptor] = KIND_FREE;
    const free = this.freePages[chunk]! + words[descriptor + RUN_PAGES]!;
    this.freePages[chunk] = free;
    this.longestRun[chunk] = free;
    if (page < this.firstFreePage[chunk]!) this.firstFreePage[chunk] = page;
    if (free < this.pagesPerChunk - this.headerPages) return;
    if (this.emptyChunk === NO_CHUNK) this.emptyChunk = chunk;
    else this.dropChunk(chunk);
  }

  /** @returns the number of a new chunk of `bytes`, or `NO_CHUNK` */
  private addChunk(bytes: number): number {
    let chunk = 0;
    while (chunk < this.buffers.length && this.buffers[chunk] !== null) chunk++;
    if (chunk >= this.chunksMax) return NO_CHUNK;
    // Whoever fills memory right after a flush must not need both the old and the new.
    this.release();
    const buffer = acquireChunk(Math.max(bytes, this.chunkBytesMax) + CACHE_LINE_PADDING_BYTES);
    if (buffer === null) return NO_CHUNK;
    const bytesView = new Uint8Array(buffer, CACHE_LINE_PADDING_BYTES, bytes);
    const wordsView = new Int32Array(buffer, CACHE_LINE_PADDING_BYTES, bytes / 4);
    const doublesView = new Float64Array(buffer, CACHE_LINE_PADDING_BYTES, bytes / 8);
    this.buffers[chunk] = buffer;
    this.chunkBytes[chunk] = bytesView;
    this.chunkWords[chunk] = wordsView;
    this.chunkDoubles[chunk] = doublesView;
    this.chunkCount++;
    return chunk;
  }

  /** Gives a chunk in which no block lives back to the system. */
  private dropChunk(chunk: number): void {
    const buffer = this.buffers[chunk]!;
    assert(buffer !== null, "a chunk was dropped twice");
    this.touchedBytes -= this.touchedPages[chunk]! * PAGE_BYTES;
    this.clearChunk(chunk);
    this.chunkCount--;
    this.freedChunks++;
    releaseChunk(buffer);
  }

  private clearChunk(chunk: number): void {
    this.buffers[chunk] = null;
    this.chunkBytes[chunk] = noBytes;
    this.chunkWords[chunk] = noWords;
    this.chunkDoubles[chunk] = noDoubles;
    this.freePages[chunk] = 0;
    this.longestRun[chunk] = 0;
    this.touchedPages[chunk] = 0;
  }
}
