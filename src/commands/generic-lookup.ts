/**
 * The lookup of commands that ask about a key without using its value (EXISTS, TTL, TYPE, OBJECT).
 *
 * Runs in a shard worker. Redis leaves the access clock of such a key alone, so that looking at a key does not keep
 * it from being evicted, but counts the lookup as a hit or a miss.
 */
import type { ShardCall } from './shard-call.js'

/** Looks argument `i` up as a key: counts a hit or a miss and leaves no trace in the key's access clock. */
export function inspectKey(call: ShardCall, i: number): boolean {
  const found = call.peek(i)
  if (found) call.keyspace.stats.hits++
  else call.keyspace.stats.misses++
  return found
}
