/** The interpreter's allocator, called as Lua calls it: what is in a block stays, whatever is done with the others. */
import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { Random } from '../../bench/random.js'
import { giveBackRuns } from '../../src/lua/lua-allocator.js'
import { LuaModule, MEMORY_BYTES_MIN } from '../../src/lua/wasm-host.js'

/** Where Lua's function for memory stands in the table, as `luaL_newstate` says. */
const ALLOCATE = 5
const MEMORY_BYTES_MAX = MEMORY_BYTES_MIN + 8 * 1024 * 1024

/** More than is left of a run that could not be begun. */
const LARGE_BYTES = 20_000

type Allocate = (data: number, block: number, bytes: number, bytesWanted: number) => number

interface Block {
  address: number
  bytes: number
  readonly mark: number
}

function makeAllocator(): { module: LuaModule; allocate: Allocate } {
  const module = new LuaModule(MEMORY_BYTES_MAX)
  return { module, allocate: module.lua.__indirect_function_table.get(ALLOCATE) as Allocate }
}

/** Takes blocks of a size until there is no more memory. */
function fill(allocate: Allocate, bytes: number): number[] {
  const blocks: number[] = []
  for (let block = allocate(0, 0, 0, bytes); block !== 0; block = allocate(0, 0, 0, bytes)) blocks.push(block)
  return blocks
}

it('keeps the contents of blocks that are taken, made larger and smaller, and given back at random', () => {
  const seed = randomInt(2 ** 31)
  console.log(`seed ${seed}`)
  const random = new Random(seed)
  const { module, allocate } = makeAllocator()
  const blocks: Block[] = []
  const bytesOf = (): number => (random.oneIn(4) ? 1 + random.below(3000) : 1 + random.below(80))
  const expectKept = ({ address, mark }: Block, bytes: number): void => {
    expect(address % 8).toBe(0)
    expect(module.bytes.subarray(address, address + bytes).every((byte) => byte === mark)).toBe(true)
  }
  for (let step = 0; step < 60_000; step++) {
    const i = random.below(400)
    const block = blocks[i]
    if (block === undefined) {
      const bytes = bytesOf()
      const mark = 1 + random.below(255)
      const address = allocate(0, 0, 0, bytes)
      module.bytes.fill(mark, address, address + bytes)
      blocks.push({ address, bytes, mark })
    } else if (random.oneIn(3)) {
      const bytes = bytesOf()
      block.address = allocate(0, block.address, block.bytes, bytes)
      expectKept(block, Math.min(bytes, block.bytes))
      module.bytes.fill(block.mark, block.address, block.address + bytes)
      block.bytes = bytes
    } else if (random.oneIn(2)) {
      expectKept(block, block.bytes)
      expect(allocate(0, block.address, block.bytes, 0)).toBe(0)
      blocks[i] = blocks[blocks.length - 1] as Block
      blocks.pop()
    }
  }
  for (const block of blocks) expectKept(block, block.bytes)
})

it('does nothing with no block', () => {
  const { allocate } = makeAllocator()
  expect(allocate(0, 0, 0, 0)).toBe(0)
})

it('gives a block of the size that was given back last, and has no memory beyond its cap', () => {
  const { allocate } = makeAllocator()
  const block = allocate(0, 0, 0, 33)
  allocate(0, block, 33, 0)
  expect(allocate(0, 0, 0, 40)).toBe(block)
  expect(fill(allocate, 40).length * 40).toBeGreaterThan(MEMORY_BYTES_MAX / 2)
  const large = allocate(0, block, 40, LARGE_BYTES)
  expect(large).toBe(0)
  // To make it smaller always works.
  expect(allocate(0, block, 40, 30)).not.toBe(0)
})

it('makes other sizes of what is given back when memory has run out', () => {
  const { module, allocate } = makeAllocator()
  const kept = allocate(0, 0, 0, 24)
  const small = fill(allocate, 24)
  expect(fill(allocate, LARGE_BYTES).length).toBe(0)
  for (const block of small) allocate(0, block, 24, 0)
  expect(fill(allocate, LARGE_BYTES).length).toBe(0)
  module.bytes.fill(7, kept, kept + 24)
  giveBackRuns(module.words, module.lua.free)
  const large = fill(allocate, LARGE_BYTES)
  expect(large.length * LARGE_BYTES).toBeGreaterThan(small.length * 24 * 0.8)
  for (const block of large) allocate(0, block, LARGE_BYTES, 0)
  // The run of the block that is kept has stayed, and its list.
  expect(fill(allocate, 24).length).toBeGreaterThan(small.length * 0.8)
  expect(module.bytes.subarray(kept, kept + 24).every((byte) => byte === 7)).toBe(true)
})
