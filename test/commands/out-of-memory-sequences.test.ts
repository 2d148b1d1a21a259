/**
 * Commands of lists and streams when there is no memory, at each place where they may ask for some: what has been changed
 * counts as a modification, what was not changed does not make or lose a key, and no memory is left behind.
 */
import { describe, expect, it } from 'vitest'
import { OneShard } from './one-shard.js'

type Argv = readonly (string | number)[]

interface Scenario {
  readonly name: string
  readonly before: readonly Argv[]
  readonly command: Argv
}

const OUT_OF_MEMORY = '-OOM'
/** More allocations than any command here needs. */
const ALLOCATIONS_MAX = 500
const KEYS = ['k', 'other'] as const
const LONG = 'x'.repeat(9000)

function numbered(count: number, each: (i: number) => Argv): (string | number)[] {
  return Array.from({ length: count }, (_, i) => each(i)).flat()
}

const words = (count: number) => numbered(count, (i) => [`${'word'.repeat(40)}${i}`])
const entries = (count: number): Argv[] =>
  Array.from({ length: count }, (_, i) => ['xadd', 'k', `${i + 1}-0`, 'f', 'v'])
const pending: Argv[] = [
  ...entries(300),
  ['xgroup', 'create', 'k', 'g', 0],
  ['xreadgroup', 'group', 'g', 'c', 'count', 200, 'streams', 'k', '>'],
]

const SCENARIOS: readonly Scenario[] = [
  { name: 'RPUSH to a new key', before: [], command: ['rpush', 'k', ...words(100), LONG] },
  { name: 'LPUSH to a list', before: [['rpush', 'k', 'a']], command: ['lpush', 'k', ...words(100), LONG, 'b'] },
  {
    name: 'LINSERT',
    before: [['rpush', 'k', ...words(150)]],
    command: ['linsert', 'k', 'before', words(70)[69]!, LONG],
  },
  { name: 'LSET', before: [['rpush', 'k', ...words(150)]], command: ['lset', 'k', 70, LONG] },
  { name: 'LREM', before: [['rpush', 'k', ...numbered(9000, (i) => [i % 300])]], command: ['lrem', 'k', 0, 1] },
  { name: 'LTRIM', before: [['rpush', 'k', ...words(300)]], command: ['ltrim', 'k', 170, 200] },
  { name: 'LMOVE', before: [['rpush', 'k', 'a', LONG]], command: ['rpoplpush', 'k', 'other'] },
  {
    name: 'SORT with STORE',
    before: [
      ['rpush', 'k', ...numbered(90, (i) => [i]), 1e300],
      ['rpush', 'other', 1],
    ],
    command: ['sort', 'k', 'by', 'x', 'store', 'other'],
  },
  { name: 'XADD', before: entries(100), command: ['xadd', 'k', '500-0', 'f', 'v'] },
  { name: 'XADD to a new key', before: [], command: ['xadd', 'k', '500-0', 'f', 'v'] },
  { name: 'XADD that trims', before: entries(300), command: ['xadd', 'k', 'maxlen', 150, '500-0', 'f', 'v'] },
  { name: 'XGROUP CREATE', before: [], command: ['xgroup', 'create', 'k', 'g', '$', 'mkstream'] },
  {
    name: 'XREADGROUP',
    before: [...entries(300), ['xgroup', 'create', 'k', 'g', 0]],
    command: ['xreadgroup', 'group', 'g', 'c', 'streams', 'k', '>'],
  },
  { name: 'XCLAIM', before: pending, command: ['xclaim', 'k', 'g', 'd', 0, ...numbered(150, (i) => [`${i + 1}-0`])] },
  { name: 'XAUTOCLAIM', before: pending, command: ['xautoclaim', 'k', 'g', 'd', 0, 0, 'count', 150] },
]

/** What a key holds, however it is kept. */
function contents(shard: OneShard, key: string): string {
  const list = shard.call('lrange', key, 0, -1)
  return list.startsWith('-WRONGTYPE') ? shard.call('dump', key) : list + shard.call('exists', key)
}

describe('without memory', () => {
  it.each(SCENARIOS)('$name', ({ before, command }) => {
    let refused = 0
    for (let blocks = 0; blocks < ALLOCATIONS_MAX; blocks++) {
      const shard = new OneShard()
      const { stats, arena, limits } = shard.keyspace
      limits.listCompressDepth = 1
      // The tables have their first buckets, that of the nursery too.
      shard.call('rpush', 'third', 2, 1)
      shard.call('sort', 'third', 'store', 'third')
      const emptyBytes = arena.usedBytes
      for (const argv of before) expect(shard.call(...argv)).not.toMatch(/^-/)
      const state = KEYS.map((key) => contents(shard, key))
      const { dirty } = stats
      let reply = ''
      shard.withMemoryFor(blocks, false, () => {
        reply = shard.call(...command)
      })
      const isChanged = KEYS.some((key, i) => contents(shard, key) !== state[i])
      if (isChanged) expect(stats.dirty, `${blocks} blocks`).toBeGreaterThan(dirty)
      if (before.length === 0 && reply.startsWith(OUT_OF_MEMORY) && command.length < 10) {
        expect(isChanged, `${blocks} blocks`).toBe(false)
      }
      for (const key of KEYS) shard.call('del', key)
      expect(arena.usedBytes, `${blocks} blocks`).toBeLessThanOrEqual(emptyBytes)
      if (!reply.startsWith(OUT_OF_MEMORY)) {
        expect(reply).not.toMatch(/^-/)
        break
      }
      refused++
    }
    expect(refused).toBeGreaterThan(0)
  })
})
