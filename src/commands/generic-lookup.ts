/**
 * The lookup of commands that ask about a key without using its value (EXISTS, TTL, TYPE, OBJECT).
 *
 * Runs in a shard worker. Redis leaves the access clock of such a key alone, so that looking at a key does not keep
 * it from being evicted, but counts the lookup as a hit or a miss.
 */
import type { ShardCall } from './shard-call.js'

/** Looks argument `i` up as a key: counts a hit or a miss and leaves no trace in the key's access clock. */
export function inspectKey(call: ShardCall, i: number): boolean {
  return call.db.inspect(call.bytes, call.offsets[i] as number, call.lengths[i] as number)
}

/** The same without the event of a key that was missed: as in Redis, OBJECT asks too idly for that. */
export function inspectKeyQuietly(call: ShardCall, i: number): boolean {
  const { stats } = call.keyspace
  const found = call.peek(i)
  if (found) stats.hits++
  else stats.misses++
  return found
}
