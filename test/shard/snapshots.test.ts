/**
 * A shard's part in a snapshot, in the test's own thread: the test takes what is written, when it wants to, and the clock gives
 * each step of the walk time for one thing.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { createRingMemory } from '../../src/ring/byte-ring.js'
import { createClaimsMemory } from '../../src/ring/claims.js'
import { createSnapshotMemory, PartReceiver } from '../../src/ring/part-channel.js'
import { ShardExecutor } from '../../src/shard/executor.js'
import type { Database } from '../../src/store/database.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { START_MS, setText, textRange } from '../store/keyspaces.js'

const RING_BYTES = 16 * 1024
/** More than a microsecond of the clock for each look at it, so that no slice has room for two things. */
const TICK_US = 1_000_000
const STEPS_MAX = 1000
/** Written in portions, of which there are several; and three that make a part together, but are each written at once. */
const LARGE_BYTES = 700_000
const SMALL_BYTES = 100_000
const SMALL = ['a', 'b', 'c'] as const

describe('the snapshot of a shard', () => {
  let executor: ShardExecutor
  let receiver: PartReceiver
  let db: Database
  let written: Uint8Array[]

  beforeEach(() => {
    const memory = createSnapshotMemory(1)
    let nowUs = 0
    executor = new ShardExecutor({
      shard: 0,
      shardCount: 1,
      requests: createRingMemory(RING_BYTES),
      replies: createRingMemory(RING_BYTES),
      claims: createClaimsMemory(),
      databases: 1,
      hashSeed: [1, 2],
      randomSeed: 3,
      clock: {
        nowMs: () => START_MS,
        nowUs: () => START_MS * 1000,
        monotonicUs: () => {
          nowUs += TICK_US
          return nowUs
        },
      },
      snapshotMemory: memory,
      events: {},
    })
    receiver = new PartReceiver(memory.channels[0] as SharedArrayBuffer)
    db = executor.keyspace.database(0)
    written = []
    setText(db, 'large', 'x'.repeat(LARGE_BYTES), NO_EXPIRY)
    for (const key of SMALL) setText(db, key, key.repeat(SMALL_BYTES), NO_EXPIRY)
  })

  function begin(): void {
    executor.snapshots.begin({ compresses: false, clock: 'none', addToDigest: null })
  }

  /** Has the large value written next. */
  function writeLargeFirst(): void {
    const { buffer, offset, length } = textRange('large')
    expect(db.standOnPast(buffer, offset, length)).toBe(true)
    executor.keyspace.snapshot?.writeSoon(db)
  }

  /** Takes a step, and what has been written. @returns whether that was anything */
  function step(): boolean {
    executor.snapshots.step(false)
    const bytes = receiver.next()
    if (bytes === undefined) return false
    written.push(bytes.slice())
    receiver.release()
    return true
  }

  function toTheEnd(): string {
    for (let steps = 0; executor.snapshots.isOn; steps++) {
      if (steps === STEPS_MAX) throw new Error('the snapshot stands still')
      step()
    }
    while (step());
    expect(receiver.isThrough).toBe(true)
    return Buffer.concat(written).toString('latin1')
  }

  it('goes on with a value that is half sent when others are full parts by then', () => {
    begin()
    writeLargeFirst()
    while (!step());
    expect(receiver.goesOn).toBe(true)
    // The writer waits for the rest of the value, and takes nothing else before.
    for (const key of SMALL) setText(db, key, 'changed', NO_EXPIRY)
    const all = toTheEnd()
    expect(all).toContain('x'.repeat(LARGE_BYTES))
    for (const key of SMALL) expect(all).toContain(key.repeat(SMALL_BYTES))
    expect(all).not.toContain('changed')
  })
})
