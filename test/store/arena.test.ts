import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { Arena, ArenaFullError } from '../../src/store/arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF } from '../../src/store/arena-ref.js'
import { CLASS_COUNT, CLASS_UNITS, CLASS_UNITS_MAX, classOfUnits } from '../../src/store/size-classes.js'

const CHUNK_BYTES = 1024 * 1024

interface Block {
  readonly ref: ArenaRef
  readonly asked: number
  readonly fill: number
}

function start(ref: ArenaRef): number {
  return chunkOf(ref) * 1e9 + byteIndexOf(ref)
}

function fill(arena: Arena, block: Block): void {
  const at = byteIndexOf(block.ref)
  arena.chunkBytes[chunkOf(block.ref)]!.fill(block.fill, at, at + arena.usableSize(block.ref))
}

/** The whole block still has the byte that it was filled with: no other block or bookkeeping lies in it. */
function isIntact(arena: Arena, block: Block): boolean {
  const at = byteIndexOf(block.ref)
  const bytes = arena.chunkBytes[chunkOf(block.ref)]!.subarray(at, at + arena.usableSize(block.ref))
  return bytes.every((byte) => byte === block.fill)
}

describe('size classes', () => {
  test('every size is served by the smallest class that holds it', () => {
    for (let units = 1; units <= CLASS_UNITS_MAX; units++) {
      const sizeClass = classOfUnits(units)
      expect(CLASS_UNITS[sizeClass]!).toBeGreaterThanOrEqual(units)
      expect(CLASS_UNITS[sizeClass - 1]!).toBeLessThan(units)
    }
    expect(CLASS_UNITS[CLASS_COUNT - 1]).toBe(CLASS_UNITS_MAX)
  })

  test('small blocks waste nothing, larger ones at most an eighth', () => {
    const arena = new Arena()
    for (let bytes = 8; bytes <= 256; bytes += 8) expect(arena.blockBytes(bytes)).toBe(bytes)
    for (let bytes = 257; bytes < 1 << 24; bytes = Math.floor(bytes * 1.01) + 1) {
      expect(arena.blockBytes(bytes)).toBeLessThanOrEqual(Math.ceil(bytes * 1.125) + 8)
    }
  })
})

describe('the arena', () => {
  const size = fc.oneof(
    { weight: 8, arbitrary: fc.nat(300) },
    { weight: 3, arbitrary: fc.nat(20_000) },
    { weight: 1, arbitrary: fc.nat(400_000) },
  )
  const step = fc.record({ bytes: size, victim: fc.nat(), frees: fc.boolean() })

  test('blocks never overlap, keep their contents, and all memory comes back', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300, size: 'max' }), (steps) => {
        const arena = new Arena(CHUNK_BYTES)
        const blocks: Block[] = []
        let used = 0
        steps.forEach((one, i) => {
          if (one.frees && blocks.length > 0) {
            const [block] = blocks.splice(one.victim % blocks.length, 1) as [Block]
            expect(isIntact(arena, block)).toBe(true)
            used -= arena.usableSize(block.ref)
            arena.free(block.ref)
          } else {
            const block = { ref: arena.allocate(one.bytes), asked: one.bytes, fill: 1 + (i % 255) }
            expect(block.ref).not.toBe(NO_REF)
            expect(byteIndexOf(block.ref) % 8).toBe(0)
            expect(arena.usableSize(block.ref)).toBeGreaterThanOrEqual(one.bytes)
            expect(arena.usableSize(block.ref)).toBe(arena.blockBytes(one.bytes))
            used += arena.usableSize(block.ref)
            blocks.push(block)
            fill(arena, block)
          }
          expect(arena.usedBytes).toBe(used)
        })
        const sorted = [...blocks].sort((a, b) => start(a.ref) - start(b.ref))
        for (let i = 1; i < sorted.length; i++) {
          const before = sorted[i - 1]!.ref
          expect(start(sorted[i]!.ref)).toBeGreaterThanOrEqual(start(before) + arena.usableSize(before))
        }
        for (const block of blocks) expect(isIntact(arena, block)).toBe(true)
        expect(arena.touchedBytes).toBeGreaterThanOrEqual(used)
        for (const block of blocks) arena.free(block.ref)
        expect(arena.usedBytes).toBe(0)
        expect(arena.chunkCount).toBeLessThanOrEqual(1)
      }),
      { numRuns: 60 },
    )
  })

  test('a long random life keeps the chunks in proportion to what is used', () => {
    const seed = 20260101
    const prng = new Prng(seed)
    const arena = new Arena(CHUNK_BYTES)
    const blocks: Block[] = []
    for (let i = 0; i < 60_000; i++) {
      // The number of blocks swings between a few hundred and some twenty thousand.
      const growing = Math.floor(i / 10_000) % 2 === 0
      if (blocks.length > 0 && prng.below(10) < (growing ? 1 : 9)) {
        const last = blocks.pop()!
        const victim = prng.below(blocks.length + 1)
        const block = victim === blocks.length ? last : blocks[victim]!
        if (victim < blocks.length) blocks[victim] = last
        arena.free(block.ref)
      } else {
        const bytes = prng.below(20) === 0 ? prng.below(5000) : 8 + prng.below(120)
        const block = { ref: arena.allocate(bytes), asked: bytes, fill: 1 + (i % 255) }
        fill(arena, block)
        blocks.push(block)
      }
    }
    for (const block of blocks) expect(isIntact(arena, block), `seed ${seed}`).toBe(true)
    for (const block of blocks) arena.free(block.ref)
    expect(arena.usedBytes).toBe(0)
    expect(arena.chunkCount).toBeLessThanOrEqual(1)
    expect(arena.freedChunks).toBeGreaterThan(0)
  })

  test('an empty chunk is kept, a second one goes back to the system', () => {
    const arena = new Arena(CHUNK_BYTES)
    const refs: ArenaRef[] = []
    while (arena.chunkCount < 4) refs.push(arena.allocate(10_000))
    const views = [...arena.chunkWords]
    for (const ref of refs) arena.free(ref)
    expect(arena.chunkCount).toBe(1)
    // One at a time, because each takes a while.
    for (let released = 0; released < 3; released++) {
      expect(arena.freedChunks).toBe(released)
      expect(arena.hasCondemned()).toBe(true)
      arena.release()
    }
    expect(arena.hasCondemned()).toBe(false)
    // The memory of the other three is gone already, not at some later garbage collection.
    expect(views.filter((view) => view.length === 0)).toHaveLength(3)
    // Freed chunk numbers are used again.
    while (arena.chunkCount < 4) arena.allocate(10_000)
    expect(arena.chunkWords).toHaveLength(4)
  })

  test('blocks above a quarter of a chunk have a chunk of their own, cleared and as long as needed', () => {
    const arena = new Arena(CHUNK_BYTES)
    const bytes = 5 * CHUNK_BYTES + 3
    const ref = arena.allocate(bytes)
    expect(arena.isZeroed(ref)).toBe(true)
    expect(arena.usableSize(ref)).toBe(bytes + 5)
    const at = byteIndexOf(ref)
    const view = arena.chunkBytes[chunkOf(ref)]!
    expect(view.subarray(at, at + bytes).every((byte) => byte === 0)).toBe(true)
    view[at + bytes - 1] = 7
    arena.free(ref)
    expect(arena.chunkCount).toBe(0)
    expect(arena.touchedBytes).toBe(0)
    expect(view).toHaveLength(0)
  })

  test('without memory an allocation fails and nothing has changed', () => {
    const arena = new Arena(64 * 1024, 2)
    const refs: ArenaRef[] = []
    for (let ref = arena.tryAllocate(56); ref !== NO_REF; ref = arena.tryAllocate(56)) refs.push(ref)
    const { usedBytes, touchedBytes } = arena
    expect(() => arena.allocate(56)).toThrow(ArenaFullError)
    expect(() => arena.allocate(20_000_000)).toThrow(expect.objectContaining({ code: 'ARENA_FULL' }))
    expect(arena.usedBytes).toBe(usedBytes)
    expect(arena.touchedBytes).toBe(touchedBytes)
    arena.free(refs.pop()!)
    arena.allocate(56)
  })

  test('reset forgets everything and gives the memory back in bounded steps', () => {
    const arena = new Arena(64 * 1024)
    for (let i = 0; i < 40 * 1024; i++) arena.allocate(64)
    const chunks = arena.chunkCount
    arena.reset()
    expect(arena.chunkCount).toBe(0)
    expect(arena.usedBytes).toBe(0)
    expect(arena.touchedBytes).toBe(0)
    expect(arena.hasCondemned()).toBe(true)
    while (arena.hasCondemned()) arena.release()
    expect(arena.freedChunks).toBe(chunks)
    arena.allocate(64)
    expect(arena.usedBytes).toBe(64)
  })

  test('a block that is freed twice is noticed at the latest when its page is free', () => {
    const arena = new Arena(CHUNK_BYTES)
    const ref = arena.allocate(100)
    arena.free(ref)
    expect(() => arena.free(ref)).toThrow('a block was freed on a page that is free')
  })
})
