/** The index by stream ID against a sorted array, with IDs in order, in reverse and at random, and its memory. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arena, ArenaFullError } from '../../../src/store/arena.js'
import { IdTree, LEAF_ENTRIES_MAX } from '../../../src/store/stream/id-tree.js'
import { StreamId } from '../../../src/store/stream/stream-id.js'

const CHUNK_BYTES = 256 * 1024

function idOf(n: bigint): StreamId {
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, n >> shift))
  return new StreamId().set(word(96n), word(64n), word(32n), word(0n))
}

function numberOf(id: StreamId): bigint {
  const words = [id.msHigh, id.msLow, id.seqHigh, id.seqLow].map((word) => BigInt(word >>> 0))
  return words.reduce((sum, word) => (sum << 32n) | word, 0n)
}

/** A tree with two words of payload, and what should be in it. */
class Checked {
  readonly arena: Arena
  readonly state = new Int32Array(5)
  readonly tree: IdTree
  readonly model = new Map<bigint, number>()

  constructor(chunksMax = 1024) {
    this.arena = new Arena(CHUNK_BYTES, chunksMax)
    this.tree = new IdTree(this.arena, 2)
    this.tree.open(this.state, 3)
  }

  insert(n: bigint, payload: number): void {
    expect(this.tree.insert(idOf(n))).toBe(!this.model.has(n))
    this.tree.words[this.tree.payloadAt] = payload
    this.tree.words[this.tree.payloadAt + 1] = ~payload
    this.model.set(n, payload)
  }

  remove(n: bigint): void {
    const found = this.tree.find(idOf(n))
    expect(found).toBe(this.model.delete(n))
    if (found) this.tree.remove()
  }

  get current(): bigint {
    return numberOf(this.tree.readId(new StreamId()))
  }

  check(): void {
    const { tree, model } = this
    const sorted = [...model.keys()].sort((a, b) => (a < b ? -1 : 1))
    expect(tree.size).toBe(sorted.length)
    const forwards: bigint[] = []
    for (let more = tree.first(); more; more = tree.next()) {
      forwards.push(this.current)
      expect(tree.words[tree.payloadAt]).toBe(model.get(this.current))
      expect(tree.words[tree.payloadAt + 1]).toBe(~(model.get(this.current) as number))
    }
    expect(forwards).toEqual(sorted)
    const backwards: bigint[] = []
    for (let more = tree.last(); more; more = tree.previous()) backwards.push(this.current)
    expect(backwards).toEqual(sorted.reverse())
  }

  checkSeek(n: bigint): void {
    const sorted = [...this.model.keys()].sort((a, b) => (a < b ? -1 : 1))
    const ceiling = sorted.find((key) => key >= n)
    const floor = sorted.findLast((key) => key <= n)
    expect(this.tree.seekCeiling(idOf(n)) ? this.current : undefined).toBe(ceiling)
    expect(this.tree.seekFloor(idOf(n)) ? this.current : undefined).toBe(floor)
  }
}

/** IDs near each other in one word or another, so that every word decides now and then. */
const someId = fc
  .tuple(fc.nat(20), fc.nat(3), fc.constantFrom(0n, 32n, 64n, 96n, 31n, 63n))
  .map(([a, b, shift]) => (BigInt(a) << shift) + BigInt(b))

const step = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant('insert' as const), someId) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('remove' as const), someId) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('seek' as const), someId) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('rise' as const, 'fall' as const, 'thin' as const, 'front' as const, 'back' as const),
      fc.nat(300).map(BigInt),
    ),
  },
)

describe('the index by stream ID', () => {
  it('does what a sorted array does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const checked = new Checked()
        let payload = 1
        for (const [kind, n] of steps) {
          if (kind === 'insert') checked.insert(n, payload++)
          else if (kind === 'remove') checked.remove(n)
          else if (kind === 'seek') checked.checkSeek(n)
          else if (kind === 'rise') for (let i = 0n; i < n; i++) checked.insert((5n << 64n) + i * 3n, payload++)
          else if (kind === 'fall') for (let i = n; i > 0n; i--) checked.insert((5n << 64n) + i * 5n, payload++)
          else {
            const sorted = [...checked.model.keys()].sort((a, b) => (a < b ? -1 : 1))
            if (kind === 'front') for (const key of sorted.slice(0, Number(n))) checked.remove(key)
            else if (kind === 'back') for (const key of sorted.reverse().slice(0, Number(n))) checked.remove(key)
            else for (const key of sorted.filter((_, i) => i % 7 !== Number(n) % 7)) checked.remove(key)
          }
        }
        checked.check()
        checked.tree.clear()
        expect(checked.arena.usedBytes).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  it('holds many in few levels, and gives back what it does not need', () => {
    const checked = new Checked()
    const count = 40_000
    for (let i = 0; i < count; i++) checked.insert(BigInt(i) << 20n, i)
    checked.check()
    const { blocks } = checked.tree.measure()
    const leaves = Math.ceil(count / LEAF_ENTRIES_MAX)
    expect(blocks).toBeGreaterThanOrEqual(leaves)
    expect(blocks).toBeLessThan(leaves * 1.05)
    expect(checked.tree.measure().bytes).toBe(checked.arena.usedBytes)
    // Every leaf keeps a few: they are merged.
    for (let i = 0; i < count; i++) if (i % 16 !== 0) checked.remove(BigInt(i) << 20n)
    checked.check()
    expect(checked.tree.measure().blocks).toBeLessThan(blocks / 4)
    while (checked.tree.dropFirstLeaf()) expect(checked.tree.size).toBeGreaterThan(0)
    expect(checked.tree.size).toBe(0)
    expect(checked.arena.usedBytes).toBe(0)
  })

  it('is unchanged when there is no memory for an entry', () => {
    const checked = new Checked(1)
    const arena = checked.arena
    const filler: ReturnType<Arena['tryAllocate']>[] = []
    for (let i = 0; i < 3000; i++) checked.insert(BigInt((i * 7919) % 4001), i)
    for (let size = 32768; size >= 8; size >>>= 1) {
      for (let ref = arena.tryAllocate(size); ref !== 0; ref = arena.tryAllocate(size)) filler.push(ref)
    }
    let refused = 0
    for (let i = 0; i < 4001; i++) {
      if (checked.model.has(BigInt(i))) continue
      const used = arena.usedBytes
      try {
        checked.insert(BigInt(i), i)
      } catch (error) {
        expect(error).toBeInstanceOf(ArenaFullError)
        expect(arena.usedBytes).toBe(used)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(0)
    checked.check()
    for (const ref of filler) arena.free(ref)
    checked.tree.clear()
    expect(arena.usedBytes).toBe(0)
  })
})
