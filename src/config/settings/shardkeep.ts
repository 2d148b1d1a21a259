/**
 * Settings that Redis does not have.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { integer, LONG_MAX, memory, oneOf } from '../value-types.js'

const KIB = 1024n
const MIB = 1024n ** 2n

/** More shards than this have not been measured, and every one costs a thread and two rings. */
export const SHARDS_MAX = 64

function checkPowerOfTwo(bytes: bigint): string | undefined {
  return (bytes & (bytes - 1n)) === 0n ? undefined : 'argument must be a power of two'
}

export const shardkeepSettings: SettingArea = {
  title: 'Shardkeep',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('shards', integer(0n, BigInt(SHARDS_MAX)), 0n, 'Worker threads that hold the data; 0 for one fewer than there are CPUs, and at least one.', { mutable: false, effect: 'active' }),
    setting('ring-size', memory(64n * KIB, 32n * MIB, { check: checkPowerOfTwo }), MIB, 'Size of each of the two rings between the main thread and a shard, a power of two.', { mutable: false, effect: 'active' }),
    setting('log-format', oneOf(['readable', 'json']), 'readable', 'The form of a log line: as Redis writes it, or a JSON object.', { mutable: false, effect: 'active' }),
    setting('client-stall-timeout', integer(0n, 86400n), 60n, 'Seconds after which a client is closed that has output pending and reads none of it; 0 for never.', { effect: 'active' }),
    setting('client-pause-output-bytes', memory(64n * KIB, LONG_MAX), MIB, 'Pending output of a client from which nothing more is read from it until it has taken some.', { effect: 'active' }),
  ],
}
