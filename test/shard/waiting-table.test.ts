import { beforeEach, describe, expect, it } from 'vitest'
import type { CommandSpec } from '../../src/commands/spec.js'
import { lookup } from '../../src/commands/table.js'
import { type Waiter, WaitingTable } from '../../src/shard/waiting-table.js'
import { Keyspace } from '../../src/store/keyspace.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../src/store/value-type.js'

const blpop = lookup('blpop') as CommandSpec

function waiter(ticket: number, ...keys: string[]): Waiter {
  const words = new Int32Array(8)
  return {
    slot: ticket,
    ticket,
    spec: blpop,
    type: ValueType.list,
    words,
    bytes: new Uint8Array(words.buffer),
    database: 0,
    keys: new Map(keys.map((key, i) => [key, i + 1])),
    flow: undefined,
    needsFeed: false,
  }
}

describe('the table of those who wait', () => {
  let keyspace: Keyspace
  let table: WaitingTable

  beforeEach(() => {
    keyspace = new Keyspace({ databases: 2, hashSeed: [1, 2], randomSeed: 3, arenaChunkBytes: 1024 * 1024 })
    table = new WaitingTable(keyspace)
  })

  function make(name: string, type: number = ValueType.list, database = 0): void {
    const key = Buffer.from(name)
    keyspace.database(database).create(key, 0, key.length, type, Encoding.listpack, 8, NO_EXPIRY)
  }

  function takeReady(mayBeServed: (name: string) => boolean = () => true): string[] {
    return table.takeReady(mayBeServed).map(({ name }) => name)
  }

  it('listens only while somebody waits', () => {
    expect(keyspace.onReady).toBe(null)
    table.add(waiter(1, 'a', 'b'))
    table.add(waiter(2, 'a'))
    table.remove(1)
    expect(keyspace.onReady).not.toBe(null)
    table.remove(2)
    table.remove(2)
    expect(keyspace.onReady).toBe(null)
    expect(keyspace.onReplaced).toBe(null)
    make('a')
    expect(table.readyCount).toBe(0)
  })

  it('names keys that somebody waits for in the order in which they were made, each once', () => {
    table.add(waiter(1, 'a', 'b', 'c', 'd'))
    make('c')
    make('x')
    make('a')
    make('b', ValueType.string)
    make('d', ValueType.list, 1)
    keyspace.database(0).clear()
    make('c')
    expect(takeReady()).toEqual(['c', 'a', 'b', 'd'])
    expect(table.readyCount).toBe(0)
  })

  it('keeps keys that may not be served yet', () => {
    table.add(waiter(1, 'a', 'b'))
    make('a')
    make('b')
    expect(takeReady((name) => name === 'b')).toEqual(['b'])
    expect(table.readyCount).toBe(1)
    expect(takeReady()).toEqual(['a'])
  })

  it('keeps keys that a transaction has made until it is over', () => {
    table.add(waiter(1, 'a', 'b', 'c'))
    make('a')
    expect(takeReady(() => false)).toEqual([])
    make('b')
    table.defer()
    expect(takeReady()).toEqual(['a'])
    make('c')
    table.defer()
    table.undefer('a')
    expect(takeReady()).toEqual([])
    table.undefer('c')
    expect(takeReady()).toEqual(['c'])
    table.undefer('')
    expect(takeReady()).toEqual(['b'])
  })

  it('has those who wait for a key in the order in which they came', () => {
    table.add(waiter(3, 'a'))
    table.add(waiter(1, 'b', 'a'))
    table.add(waiter(2, 'a'))
    table.remove(1)
    make('a')
    const [waited] = table.takeReady(() => true)
    expect([...(waited?.waiters ?? [])].map(({ ticket }) => ticket)).toEqual([3, 2])
  })

  it('takes every key for ready when databases are exchanged', () => {
    table.add(waiter(1, 'a', 'b'))
    keyspace.swapDatabases(0, 1)
    expect(takeReady()).toEqual(['a', 'b'])
  })
})
