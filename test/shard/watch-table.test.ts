/** WATCH on one shard, over a real keyspace. */
import { beforeEach, describe, expect, it } from 'vitest'
import { ChangeListeners } from '../../src/shard/change-listeners.js'
import { WatchTable } from '../../src/shard/watch-table.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { makeKeyspace, START_MS } from '../store/keyspaces.js'

const KEY = Buffer.from('key')
const OTHER = Buffer.from('other')

describe('the watch table', () => {
  let keyspace: Keyspace
  let watches: WatchTable

  beforeEach(() => {
    keyspace = makeKeyspace()
    watches = new WatchTable(keyspace, new ChangeListeners(keyspace))
  })

  function set(database: number, key: Uint8Array, value = 'v', expireAtMs = NO_EXPIRY): void {
    const bytes = Buffer.from(value)
    keyspace.database(database).setString(key, 0, key.length, bytes, 0, bytes.length, 0, expireAtMs)
  }

  function remove(database: number, key: Uint8Array): void {
    const db = keyspace.database(database)
    if (db.findForWrite(key, 0, key.length)) db.remove()
  }

  it('is whole while nothing happens, also for a connection that watches nothing', () => {
    set(0, KEY)
    watches.watch(1, 0, KEY)
    set(0, OTHER)
    set(1, KEY)
    expect(watches.isBroken(1)).toBe(false)
    expect(watches.isBroken(2)).toBe(false)
    expect(watches.size).toBe(1)
  })

  it('breaks when the key is written, made or removed, for every connection that watches it', () => {
    watches.watch(1, 0, KEY)
    set(0, KEY)
    expect(watches.isBroken(1)).toBe(true)
    watches.watch(2, 0, KEY)
    watches.watch(3, 0, KEY)
    remove(0, KEY)
    expect(watches.isBroken(2)).toBe(true)
    expect(watches.isBroken(3)).toBe(true)
  })

  it('stays broken when the key is what it was', () => {
    set(0, KEY, 'v')
    watches.watch(1, 0, KEY)
    set(0, KEY, 'w')
    set(0, KEY, 'v')
    expect(watches.isBroken(1)).toBe(true)
  })

  it('breaks when a key that was alive expires, whether or not it has been removed', () => {
    set(0, KEY, 'v', START_MS + 5)
    watches.watch(1, 0, KEY)
    keyspace.nowMs = START_MS + 5
    expect(watches.isBroken(1)).toBe(false)
    keyspace.nowMs = START_MS + 6
    expect(watches.isBroken(1)).toBe(true)
    expect(watches.isBroken(1)).toBe(true)
  })

  it('does not break when a key that had expired before is removed', () => {
    keyspace.lazyExpireDeletes = false
    set(0, KEY, 'v', START_MS + 5)
    keyspace.nowMs = START_MS + 6
    watches.watch(1, 0, KEY)
    keyspace.lazyExpireDeletes = true
    keyspace.activeExpire(1000, () => 0)
    expect(keyspace.database(0).size).toBe(0)
    expect(watches.isBroken(1)).toBe(false)
    set(0, KEY)
    expect(watches.isBroken(1)).toBe(true)
  })

  it('breaks when a database with the key is emptied, and only then', () => {
    watches.watch(1, 0, KEY)
    keyspace.database(0).clear()
    keyspace.clear()
    expect(watches.isBroken(1)).toBe(false)
    set(1, KEY)
    watches.watch(2, 1, KEY)
    keyspace.database(0).clear()
    expect(watches.isBroken(2)).toBe(false)
    keyspace.clear()
    expect(watches.isBroken(2)).toBe(true)
  })

  it('breaks when databases are swapped that have the key on either side', () => {
    set(1, KEY)
    for (const [connection, database] of [
      [1, 0],
      [2, 1],
      [3, 2],
    ] as const) {
      watches.watch(connection, database, KEY)
    }
    watches.watch(4, 0, OTHER)
    watches.databasesSwapped(1, 1)
    expect(watches.isBroken(2)).toBe(false)
    watches.databasesSwapped(0, 1)
    keyspace.swapDatabases(0, 1)
    expect([1, 2, 3, 4].map((connection) => watches.isBroken(connection))).toEqual([true, true, false, false])
  })

  it('watches names and not databases: after a swap a write counts under the new number', () => {
    watches.watch(1, 0, KEY)
    keyspace.database(1)
    watches.databasesSwapped(0, 1)
    keyspace.swapDatabases(0, 1)
    set(1, KEY)
    expect(watches.isBroken(1)).toBe(false)
    set(0, KEY)
    expect(watches.isBroken(1)).toBe(true)
  })

  it('keeps a key that is watched twice as it was the first time', () => {
    set(0, KEY)
    watches.watch(1, 0, KEY)
    keyspace.database(0).clear()
    watches.watch(1, 0, KEY)
    expect(watches.isBroken(1)).toBe(true)
  })

  it('forgets a connection, and stops listening after the last one', () => {
    watches.watch(1, 0, KEY)
    watches.watch(2, 0, KEY)
    set(0, KEY)
    watches.unwatch(1)
    watches.unwatch(1)
    expect(watches.isBroken(1)).toBe(false)
    expect(watches.isBroken(2)).toBe(true)
    expect(keyspace.onModified).not.toBeNull()
    watches.unwatch(2)
    expect(watches.size).toBe(0)
    expect(keyspace.onModified).toBeNull()
    expect(keyspace.onCleared).toBeNull()
  })
})
