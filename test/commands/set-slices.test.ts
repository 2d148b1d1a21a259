/**
 * Combinations of large sets, with commands of others between any two of their slices: what the shard may do to them.
 */
import { expect, test } from 'vitest'
import { Effects } from '../../src/commands/effects.js'
import { initialSettings, ShardCall, type ShardSelf } from '../../src/commands/shard-call.js'
import { lookup } from '../../src/commands/table.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { makeKeyspace } from '../store/keyspaces.js'

/** Nothing here is asked of the shard itself. */
const noShard = {} as ShardSelf

class Client extends ShardCall {
  slices = 0
  private readonly between: (() => void) | null

  constructor(keyspace: Keyspace, between: (() => void) | null) {
    super(0, 1, keyspace, new ReplyWriter(), noShard, initialSettings(), new Effects())
    this.between = between
  }

  override inSlices(work: Iterator<undefined>): void {
    while (work.next().done !== true) {
      this.slices++
      this.between?.()
    }
  }

  run(...argv: string[]): string {
    const parts = argv.map((text) => Buffer.from(text))
    this.bytes = Buffer.concat(parts)
    this.argc = parts.length
    this.offsets = new Int32Array(parts.length)
    this.lengths = Int32Array.from(parts, (part) => part.length)
    for (let i = 1; i < parts.length; i++) this.offsets[i] = this.offsets[i - 1]! + this.lengths[i - 1]!
    this.db = this.keyspace.database(0)
    this.nowMs = this.keyspace.nowMs
    this.reply.attachScratch()
    lookup(argv[0] as string)!.shard!(this)
    return Buffer.from(this.reply.take()).toString('latin1')
  }

  members(...argv: string[]): string[] {
    return this.run(...argv)
      .split('\r\n')
      .filter((line, i) => i > 0 && i % 2 === 0 && line !== '')
      .sort()
  }
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `m:${from + i}`)
}

test('nothing that others do between two slices changes the result', () => {
  const keyspace = makeKeyspace(3)
  const other = new Client(keyspace, null)
  let turn = 0
  const disturb = (): void => {
    turn++
    other.run('sadd', `other:${turn}`, ...numbered(0, 10 + (turn % 200)))
    other.run('sunionstore', 'theirs', `other:${turn}`, 'their ints')
    other.run('sadd', 'their ints', String(turn))
    other.run('sinter', 'theirs', `other:${turn}`, 'their ints')
    other.run('spop', `other:${turn}`, String(turn % 200))
    other.run('srandmember', 'theirs', '-3')
    other.run('sdiffstore', `other:${turn - 1}`, 'their ints', 'theirs')
    if (turn % 7 === 0) other.run('del', `other:${turn - 3}`)
  }
  const client = new Client(keyspace, disturb)
  const contents: Record<string, string[]> = {
    a: numbered(0, 4000),
    b: numbered(1000, 6000),
    c: [...numbered(3000, 3300), '1', '2', '3'],
    d: numbered(500, 5000),
    e: numbered(100, 4500),
    f: ['x', 'm:1', 'm:3000'],
  }
  for (const [key, members] of Object.entries(contents)) client.run('sadd', key, ...members)
  const both = (left: string[], right: string[]): string[] => {
    const inRight = new Set(right)
    return left.filter((member) => inRight.has(member))
  }
  const less = (left: string[], right: string[]): string[] => {
    const inRight = new Set(right)
    return left.filter((member) => !inRight.has(member))
  }
  const { a = [], b = [], c = [], d = [], e = [], f = [] } = contents
  const expected: [string[], string[]][] = [
    [['sinter', 'a', 'b'], both(a, b)],
    [['sinter', 'b', 'd', 'a', 'e'], both(both(b, d), both(a, e))],
    [['sunion', 'a', 'b', 'c'], [...new Set([...a, ...b, ...c])]],
    [['sunion', 'a', 'b', 'c', 'd', 'e', 'f'], [...new Set([...a, ...b, ...c, ...d, ...e, ...f])]],
    [['sdiff', 'a', 'c', 'f'], less(less(a, c), f)],
    [['sdiff', 'a', 'f', 'c', 'f', 'c', 'f', 'c'], less(less(a, c), f)],
    [['sdiff', 'a', 'b', 'd'], less(less(a, b), d)],
    [['sdiff', 'a', 'a', 'b'], []],
  ]
  for (const [argv, members] of expected) {
    client.slices = 0
    expect(client.members(...argv), argv.join(' ')).toEqual([...members].sort())
    expect(client.slices, argv.join(' ')).toBeGreaterThan(3)
    const [name = '', ...keys] = argv
    expect(client.run(`${name}store`, 'result', ...keys)).toBe(`:${members.length}\r\n`)
    expect(client.members('smembers', 'result')).toEqual([...members].sort())
  }
  client.slices = 0
  expect(client.run('sintercard', '2', 'a', 'b')).toBe(':3000\r\n')
  expect(client.run('sintercard', '2', 'a', 'b', 'limit', '2000')).toBe(':2000\r\n')
  expect(client.slices).toBeGreaterThan(10)
  expect(keyspace.nursery.size).toBe(0)
})

test('work that is given up half-way leaves nothing behind', () => {
  const keyspace = makeKeyspace(4)
  const client = new Client(keyspace, () => {
    if (client.slices === 5) throw new Error('given up')
  })
  client.run('sadd', 'a', ...numbered(0, 4000))
  client.run('sadd', 'b', ...numbered(0, 4000))
  let works: Iterator<undefined> | null = null
  const inSlices = client.inSlices.bind(client)
  client.inSlices = (work) => {
    works = work
    inSlices(work)
  }
  expect(() => client.run('sunionstore', 'result', 'a', 'b')).toThrow('given up')
  expect(keyspace.nursery.size).toBe(1)
  works!.return!()
  expect(keyspace.nursery.size).toBe(0)
  expect(client.run('scard', 'result')).toBe(':0\r\n')
})
