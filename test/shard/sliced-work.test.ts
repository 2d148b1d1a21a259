/**
 * Commands between the slices of a long one, on a shard in the test's own thread: every slice ends after one step, so that
 * each command meets the long one half-way.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { debugReload } from '../../src/commands/debug-reload.js'
import { debugDigest, debugObject } from '../../src/commands/debug-shard.js'
import { shardEvict } from '../../src/commands/internal.js'
import type { CommandSpec } from '../../src/commands/spec.js'
import { idOf, lookup } from '../../src/commands/table.js'
import { routeBlocking } from '../../src/router/blocking-route.js'
import { SimulatedServer } from '../sim/simulated-server.js'

const NO_BYTES = new Uint8Array(0)
const FRAMES_MAX = 100

describe('between two slices of a command', () => {
  let server: SimulatedServer
  let replies: Map<number, string>
  let nextSlot: number

  beforeEach(() => {
    replies = new Map()
    nextSlot = 0
    const sink = {
      reply: (slot: number, _sequence: number, _count: number, bytes: Uint8Array, offset: number, length: number) => {
        const text = Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
        replies.set(slot, (replies.get(slot) ?? '') + text)
      },
      blocked: () => {},
      failed: () => {},
      notice: () => {},
      released: () => {},
    }
    server = new SimulatedServer(1, 2, sink, 3, () => true)
    const { executor } = server.shards[0]!
    for (const limit of ['zset-max-listpack-entries', 'hash-max-listpack-entries']) executor.applySetting(limit, '3')
    done('zadd', 'a', ...numbered(20).flatMap((member, i) => [String(i), member]))
    done('sadd', 'b', ...numbered(30))
  })

  function numbered(count: number): string[] {
    return Array.from({ length: count }, (_, i) => `m${i}`)
  }

  /** Sends a command of a client of its own, which executes as far as it can. @returns the client */
  function sent(...argv: string[]): number {
    const spec = lookup(argv[0]!) as CommandSpec
    const lengths = Int32Array.from(argv, (text) => text.length)
    const offsets = new Int32Array(argv.length)
    for (let i = 1; i < argv.length; i++) offsets[i] = offsets[i - 1]! + lengths[i - 1]!
    const slot = nextSlot++
    const bytes = Buffer.from(argv.join(''), 'latin1')
    const route = spec.blocking === undefined ? server.router.route.bind(server.router) : undefined
    if (route !== undefined) route(idOf(spec), slot, 0, 0, 0, bytes, offsets, lengths, argv.length)
    else routeBlocking(server.router, idOf(spec), slot, 0, 0, 0, bytes, offsets, lengths, argv.length)
    execute()
    return slot
  }

  /** Sends a command that the main thread sends on behalf of one of its own. */
  function sentByMain(spec: CommandSpec, ...argv: string[]): number {
    const slot = nextSlot++
    const target = server.router.gather(1, ([reply]) => replies.set(slot, Buffer.from(reply!).toString('latin1')))
    server.router.nextGsn()
    server.router.send(0, target, 0, spec, 0, 0, [NO_BYTES, ...argv.map(asciiBytes)])
    execute()
    return slot
  }

  /** Frames only: no slice of what is not through. */
  function execute(): void {
    server.router.publish()
    server.shards[0]!.executor.drain(FRAMES_MAX)
    server.router.poll()
  }

  /** One slice after the other, until all is through. */
  function finish(): void {
    const { executor } = server.shards[0]!
    while (executor.sliceWork()) execute()
    server.router.poll()
  }

  function done(...argv: string[]): string | undefined {
    const slot = sent(...argv)
    finish()
    return replies.get(slot)
  }

  it('commands on other keys run, those on its keys wait', () => {
    const long = sent('zunionstore', 'c', '2', 'a', 'b')
    const others = [sent('set', 'other', '1'), sent('get', 'other')]
    const waiting = [sent('zcard', 'c'), sent('zadd', 'a', '1', 'new'), sent('scard', 'b'), sent('dbsize')]
    expect(replies.get(long)).toBeUndefined()
    expect(others.map((slot) => replies.get(slot))).toEqual(['+OK\r\n', '$1\r\n1\r\n'])
    expect(waiting.map((slot) => replies.get(slot))).toEqual([undefined, undefined, undefined, undefined])
    finish()
    expect(replies.get(long)).toBe(':30\r\n')
    expect(waiting.map((slot) => replies.get(slot))).toEqual([':30\r\n', ':1\r\n', ':30\r\n', ':4\r\n'])
  })

  it('a client that waits for its result is served before commands that came later', () => {
    const blocked = sent('bzpopmin', 'c', '0')
    sent('zunionstore', 'c', '1', 'a')
    const later = sent('zpopmin', 'c')
    finish()
    expect(replies.get(blocked)).toBe('*3\r\n$1\r\nc\r\n$2\r\nm0\r\n$1\r\n0\r\n')
    expect(replies.get(later)).toBe('*2\r\n$2\r\nm1\r\n$1\r\n1\r\n')
  })

  it('DEBUG RELOAD and DEBUG DIGEST wait, and DEBUG OBJECT of its keys', () => {
    const long = sent('zunionstore', 'c', '2', 'a', 'b')
    const debugs = [
      sentByMain(debugObject, 'c'),
      sentByMain(debugObject, 'nothing'),
      sentByMain(debugDigest),
      sentByMain(debugReload, '1', '0'),
    ]
    expect(debugs.map((slot) => replies.has(slot))).toEqual([false, true, false, false])
    finish()
    expect(replies.get(long)).toBe(':30\r\n')
    expect(debugs.map((slot) => replies.has(slot))).toEqual([true, true, true, true])
    expect(done('zcard', 'c')).toBe(':30\r\n')
  })

  it('an eviction leaves its keys alone, also when their time is over by now', () => {
    const { executor } = server.shards[0]!
    executor.applySetting('maxmemory', '1')
    executor.applySetting('maxmemory-policy', 'allkeys-random')
    done('pexpire', 'a', '10')
    const long = sent('zunionstore', 'c', '2', 'a', 'b')
    server.nowMs += 20
    server.router.setTime(server.nowMs)
    for (let i = 0; i < 20; i++) sentByMain(shardEvict, '1000000')
    finish()
    expect(replies.get(long)).toBe(':30\r\n')
    expect(done('exists', 'a')).toBe(':0\r\n')
  })

  it('SORT, whose patterns name keys, waits', () => {
    done('rpush', 'l', '1')
    done('set', 'weight:1', 'x')
    const long = sent('sinterstore', 'weight:1', 'b', 'b')
    const sort = sent('sort', 'l', 'BY', 'nosort', 'GET', 'weight:*')
    expect(replies.get(sort)).toBeUndefined()
    finish()
    expect(replies.get(long)).toBe(':30\r\n')
    expect(replies.get(sort)).toBe('*1\r\n$-1\r\n')
  })

  it('what it has taken is reported before its reply is out', () => {
    const before = server.shards[0]!.executor.keyspace.arena.usedBytes
    sent('sunionstore', 'c', 'b', 'b')
    finish()
    expect(server.reportedBytes(0)).toBeGreaterThan(before)
    expect(server.reportedBytes(0)).toBe(server.shards[0]!.executor.keyspace.arena.usedBytes)
  })
})
