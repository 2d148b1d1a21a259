/** What a shard leaves undone while a script of another shard may hand commands over to it. */
import { expect, it } from 'vitest'
import { createRingMemory } from '../../src/ring/byte-ring.js'
import { createClaimsMemory } from '../../src/ring/claims.js'
import { createSnapshotMemory } from '../../src/ring/part-channel.js'
import { ShardExecutor } from '../../src/shard/executor.js'
import { START_MS, setText } from '../store/keyspaces.js'

const RING_BYTES = 16 * 1024
const OWNER = 5

it('removes no key whose time is over by itself: its event would come in no order with those of the script', () => {
  const executor = new ShardExecutor({
    shard: 1,
    shardCount: 2,
    requests: createRingMemory(RING_BYTES),
    replies: createRingMemory(RING_BYTES),
    claims: createClaimsMemory(),
    databases: 1,
    hashSeed: [1, 2],
    randomSeed: 3,
    clock: { nowMs: () => START_MS, nowUs: () => START_MS * 1000, monotonicUs: () => 0 },
    snapshotMemory: createSnapshotMemory(2),
    events: {},
  })
  const { keyspace, scripts } = executor
  const db = keyspace.database(0)
  setText(db, 'a', 'value', START_MS + 10)
  keyspace.nowMs = START_MS + 1000
  scripts.attend(OWNER)
  executor.periodic()
  expect(db.size).toBe(1)
  scripts.attendance.end(OWNER)
  executor.periodic()
  expect(db.size).toBe(0)
})
