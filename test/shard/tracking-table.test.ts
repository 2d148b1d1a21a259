/** Who has read which keys on one shard, over a real keyspace: what is told of changes, and the limit over all shards. */
import { beforeEach, describe, expect, it } from 'vitest'
import { CHANGE_ID_BYTES, changeClients, changeIsModified, changeOrigin, Notice } from '../../src/ring/frames.js'
import { ChangeListeners } from '../../src/shard/change-listeners.js'
import { Notices } from '../../src/shard/notices.js'
import { TrackingTable } from '../../src/shard/tracking-table.js'
import { WatchTable } from '../../src/shard/watch-table.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { makeKeyspace, START_MS } from '../store/keyspaces.js'

interface Told {
  readonly key: string
  readonly clients: readonly number[]
  readonly isModified: boolean
  readonly origin: number
}

class TestShard {
  readonly keyspace: Keyspace = makeKeyspace()
  readonly notices = new Notices()
  readonly call = { origin: 0, settings: { trackingTableMaxKeys: 0 } }
  readonly listeners = new ChangeListeners(this.keyspace)
  readonly table: TrackingTable

  constructor(trackedKeys: Int32Array, shard = 0, shardCount = 1) {
    this.table = new TrackingTable(this.call, this.notices, this.listeners, { shard, shardCount, trackedKeys })
    this.table.setMode(true, false)
  }

  set(key: string, expireAtMs = NO_EXPIRY, database = 0): void {
    const bytes = Buffer.from(key)
    this.keyspace.database(database).setString(bytes, 0, bytes.length, bytes, 0, bytes.length, 0, expireAtMs)
  }

  /** What has been told since the last time; `all` stands for all keys. */
  told(): (Told | 'all')[] {
    const told: (Told | 'all')[] = []
    const notice = (kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void => {
      if (kind === Notice.allChanged) {
        told.push('all')
        return
      }
      const payload = Buffer.from(bytes.slice(offset, offset + length))
      const count = changeClients(number)
      const clients = Array.from({ length: count }, (_, i) => payload.readDoubleLE(i * CHANGE_ID_BYTES))
      const key = payload.toString('latin1', count * CHANGE_ID_BYTES)
      told.push({ key, clients, isModified: changeIsModified(number), origin: changeOrigin(number) })
    }
    this.notices.sendTo({ notice })
    return told
  }
}

describe('the tracking table', () => {
  let tracked: Int32Array
  let shard: TestShard

  beforeEach(() => {
    tracked = new Int32Array(new SharedArrayBuffer(4))
    shard = new TestShard(tracked)
  })

  it('tells every client of a key once', () => {
    shard.table.track(7, 'a')
    shard.table.track(2 ** 40, 'a')
    shard.table.track(7, 'a')
    shard.table.track(7, 'b')
    expect([shard.table.keys, shard.table.items, tracked[0]]).toEqual([2, 3, 2])
    shard.call.origin = 9
    shard.set('a', NO_EXPIRY, 2)
    shard.set('a')
    expect(shard.told()).toEqual([{ key: 'a', clients: [7, 2 ** 40], isModified: true, origin: 9 }])
    expect([shard.table.keys, shard.table.items, tracked[0]]).toEqual([1, 1, 1])
  })

  it('tells of a key whose time is over, and that it was nobody', () => {
    shard.call.origin = 9
    shard.set('a', START_MS + 10)
    shard.told()
    shard.table.track(7, 'a')
    shard.keyspace.nowMs = START_MS + 20
    expect(shard.keyspace.database(0).find(Buffer.from('a'), 0, 1)).toBe(false)
    expect(shard.told()).toEqual([{ key: 'a', clients: [7], isModified: true, origin: 0 }])
  })

  it('tells of all changes while it broadcasts, of each key once a command', () => {
    shard.set('a')
    expect(shard.told()).toEqual([])
    shard.table.setMode(true, true)
    shard.set('a')
    shard.set('a')
    shard.set('b')
    expect(shard.told().map((told) => (told as Told).key)).toEqual(['a', 'b'])
    shard.set('a')
    expect(shard.told()).toHaveLength(1)
  })

  it('tells of the same change again where another notice stands in front of it', () => {
    shard.table.setMode(true, true)
    for (const change of [() => shard.set('a'), () => shard.keyspace.clear()]) {
      change()
      change()
      expect(shard.told()).toHaveLength(1)
      shard.notices.add(Notice.slow, 0)
      change()
      change()
      expect(shard.told()).toHaveLength(2)
    }
  })

  it('forgets all when a database is emptied, and says so once, from the first shard', () => {
    const other = new TestShard(tracked, 1, 2)
    for (const each of [shard, other]) {
      each.set('a')
      each.set('a', NO_EXPIRY, 1)
      each.told()
      each.table.track(7, 'a')
      each.keyspace.clear()
      expect([each.table.keys, each.table.items]).toEqual([0, 0])
    }
    expect(tracked[0]).toBe(0)
    expect([shard.told(), other.told()]).toEqual([['all'], []])
  })

  it('keeps the limit over all shards, and drops what was read first', () => {
    const other = new TestShard(tracked, 1, 2)
    for (const each of [shard, other]) each.call.settings.trackingTableMaxKeys = 3
    for (const key of ['a', 'b', 'c']) shard.table.track(7, key)
    other.table.track(8, 'd')
    shard.table.keepWithinLimit()
    other.table.keepWithinLimit()
    expect(shard.told()).toEqual([{ key: 'a', clients: [7], isModified: false, origin: 0 }])
    expect([shard.table.keys, other.table.keys, tracked[0]]).toEqual([2, 1, 3])
    for (const each of [shard, other]) each.call.settings.trackingTableMaxKeys = 1
    other.table.keepWithinLimit()
    shard.table.keepWithinLimit()
    expect([shard.table.keys, other.table.keys, tracked[0]]).toEqual([1, 0, 1])
  })

  it('shares the hooks of the keyspace with watches, and leaves none behind', () => {
    const watches = new WatchTable(shard.keyspace, shard.listeners)
    watches.watch(1, 0, Buffer.from('a'))
    shard.table.track(7, 'a')
    shard.set('a')
    expect(watches.isBroken(1)).toBe(true)
    expect(shard.told()).toHaveLength(1)
    watches.unwatch(1)
    shard.table.track(7, 'a')
    shard.table.setMode(false, false)
    expect([shard.keyspace.onModified, shard.keyspace.onCleared, shard.keyspace.onExpired]).toEqual([null, null, null])
    expect([shard.table.keys, tracked[0]]).toEqual([0, 0])
  })
})
