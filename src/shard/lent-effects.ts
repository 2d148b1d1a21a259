/**
 * What the log gets of a command that ran with records of other shards: for each key of this shard that it may have
 * written to, what the key is now. As it came, the command could not be repeated: the lent records are gone by then.
 *
 * Runs in a shard worker.
 */
import { keySlot, shardOfSlot } from '../base/crc16.js'
import { Effects } from '../commands/effects.js'
import type { ShardCall } from '../commands/shard-call.js'
import { effectOfState } from '../commands/state-effect.js'
import { keyPositions } from '../commands/table.js'
import { keysOf } from '../hops/request-keys.js'
import type { LockTable } from './lock-table.js'

const effects = new Effects()
const NO_NAME = new Uint8Array(0)

/** Whether a key of the command is another shard's. */
export function encodesStates(
  { spec, shard, shardCount, bytes, offsets, lengths, argc }: ShardCall,
  locks: LockTable,
): boolean {
  if (shardCount === 1 || !locks.isActive) return false
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argc, positions)
  return positions.some(
    (i) => shardOfSlot(keySlot(bytes, offsets[i] as number, lengths[i] as number), shardCount) !== shard,
  )
}

/** Gives `take` the effects of the command in hand on keys of this shard, one key after the other. */
export function encodeStates(
  call: ShardCall,
  take: (database: number, bytes: Uint8Array, length: number) => void,
): void {
  const { spec, shard, shardCount, dbIndex, keyspace, argc } = call
  const argv: Uint8Array[] = [NO_NAME]
  for (let i = 1; i < argc; i++) argv.push(call.copy(i))
  for (const { key, database, isWritten } of keysOf({ spec, argv, database: dbIndex, flags: 0 }, keyspace.databases)) {
    if (!isWritten || shardOfSlot(keySlot(key, 0, key.length), shardCount) !== shard) continue
    effects.clear()
    effectOfState(effects, keyspace.database(database), key)
    take(database, effects.bytes, effects.length)
  }
}
