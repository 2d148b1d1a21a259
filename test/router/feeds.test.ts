import { describe, expect, it } from 'vitest'
import type { RequestKey } from '../../src/hops/request-keys.js'
import { Feeds } from '../../src/router/feeds.js'

/** A key is on the shard that its first character names. */
function key(name: string, database = 0): RequestKey {
  return { key: Buffer.from(name, 'latin1'), database, isWritten: true }
}

function feeds(): Feeds {
  return new Feeds((bytes) => (bytes[0] as number) - 48)
}

function names(keys: readonly Uint8Array[]): string[] {
  return keys.map((bytes) => Buffer.from(bytes).toString('latin1')).sort()
}

describe('feeds', () => {
  it('are active while somebody waits with a destination on another shard', () => {
    const all = feeds()
    all.add([key('0a'), key('0b')])
    all.add([key('0a')])
    all.add([])
    expect(all.isActive).toBe(false)
    all.add([key('0a'), key('1a')])
    all.add([key('0a'), key('1a')])
    expect(all.isActive).toBe(true)
    all.remove([key('0a'), key('1a')])
    all.remove([key('0a')])
    all.remove([])
    expect(all.isActive).toBe(true)
    all.remove([key('0a'), key('1a')])
    expect(all.isActive).toBe(false)
  })

  it('reach on through keys of the same shard and around circles', () => {
    const all = feeds()
    all.add([key('0a'), key('0b')])
    all.add([key('0b'), key('1c')])
    all.add([key('1c'), key('0a')])
    all.add([key('2x'), key('0y')])
    expect(names(all.reach([key('0a').key]))).toEqual(['0a', '0b', '1c'])
    expect(names(all.reach([key('3z').key, key('2x').key]))).toEqual(['0y', '2x', '3z'])
    expect(names(all.sources())).toEqual(['0a', '0b', '1c', '2x'])
    all.remove([key('0b'), key('1c')])
    expect(names(all.reach([key('0a').key]))).toEqual(['0a', '0b'])
  })

  it('name what each shard must be lent, with its databases', () => {
    const all = feeds()
    all.add([key('0a', 3), key('1b', 3)])
    all.add([key('0a', 5), key('1b', 5)])
    all.add([key('0a'), key('0c')])
    all.add([key('1b'), key('2d')])
    all.add([key('0q'), key('1r')])
    const destinations = all.foreignDestinations(all.reach([key('0a').key]))
    const shown = [...destinations].map(([shard, keys]) => [
      shard,
      keys.map((lent) => `${lent.database} ${names([lent.key])[0]}`),
    ])
    expect(shown).toEqual([
      [0, ['3 1b', '5 1b']],
      [1, ['0 2d']],
    ])
  })
})
