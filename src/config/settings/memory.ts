/**
 * Settings of memory: limits and eviction, expiry, freeing in the background, and the compact forms of small values.
 * Main thread; a constant part of the table in `settings.ts`. Shards get the values that they need from the wiring.
 */

import { type SettingArea, setting } from '../setting.js'
import { count, INT_MAX, INT_MIN, integer, LONG_MAX, memory, oneOf, UINT64_MAX, yesNo } from '../value-types.js'

const MIB = 1024n ** 2n

const notApplicable = { effect: 'not-applicable' } as const

const POLICIES = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
]

export const memorySettings: SettingArea = {
  title: 'Memory, eviction and expiry',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('maxmemory', memory(0n, UINT64_MAX), 0n, 'Memory for data, from which keys are evicted or writes refused; 0 for no limit.', { effect: 'active' }),
    setting('maxmemory-policy', oneOf(POLICIES), 'noeviction', 'Which keys are evicted when memory is full.', { effect: 'active' }),
    setting('maxmemory-samples', integer(1n, INT_MAX), 5n, 'Keys that are compared to choose one for eviction.', { effect: 'active' }),
    setting('maxmemory-eviction-tenacity', integer(0n, 100n), 10n, 'How long eviction may hold up other work, from 0 to 100.', { effect: 'active' }),
    setting('lfu-log-factor', count, 10n, 'How many accesses it takes to raise the frequency counter of a key.', { effect: 'active' }),
    setting('lfu-decay-time', count, 1n, 'Minutes after which the frequency counter of a key falls.', { effect: 'active' }),
    setting('active-expire-effort', integer(1n, 10n), 1n, 'Effort to find expired keys, from 1 to 10.', { effect: 'active' }),
    setting('activerehashing', yesNo, true, 'Use idle time to finish the growth of tables.'),
    setting('lazyfree-lazy-eviction', yesNo, false, 'Free evicted values in the background.', { effect: 'active' }),
    setting('lazyfree-lazy-expire', yesNo, false, 'Free expired values in the background.'),
    setting('lazyfree-lazy-server-del', yesNo, false, 'Free overwritten values in the background.'),
    setting('lazyfree-lazy-user-del', yesNo, false, 'Make DEL free values as UNLINK does.', { effect: 'active' }),
    setting('lazyfree-lazy-user-flush', yesNo, false, 'Make FLUSHALL and FLUSHDB asynchronous by default.'),
    setting('activedefrag', yesNo, false, 'Compact fragmented memory while the server runs.'),
    setting('active-defrag-ignore-bytes', memory(1n, LONG_MAX), 100n * MIB, 'Fragmentation below which nothing is compacted.'),
    setting('active-defrag-threshold-lower', integer(0n, 1000n), 10n, 'Percentage of fragmentation at which compaction starts.'),
    setting('active-defrag-threshold-upper', integer(0n, 1000n), 100n, 'Percentage of fragmentation at which the effort is greatest.'),
    setting('active-defrag-cycle-min', integer(1n, 99n), 1n, 'The least share of time for compaction, in percent.'),
    setting('active-defrag-cycle-max', integer(1n, 99n), 25n, 'The greatest share of time for compaction, in percent.'),
    setting('active-defrag-max-scan-fields', integer(1n, LONG_MAX), 1000n, 'Elements from which a collection is compacted in steps.'),
    setting('jemalloc-bg-thread', yesNo, true, 'Let jemalloc give memory back from a thread of its own.', notApplicable),
  ],
}

/** The older names of the compact forms stay valid, as in Redis. */
function formerly(name: string) {
  return { aliases: [name], effect: 'active' } as const
}

export const encodingSettings: SettingArea = {
  title: 'Compact forms of small values',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('hash-max-listpack-entries', integer(0n, LONG_MAX), 512n, 'Fields up to which a hash is one packed record.', formerly('hash-max-ziplist-entries')),
    setting('hash-max-listpack-value', memory(0n, LONG_MAX), 64n, 'Length up to which fields and values stay in a packed hash.', formerly('hash-max-ziplist-value')),
    setting('list-max-listpack-size', integer(INT_MIN, INT_MAX), -2n, 'Size of the pieces of a list: elements, or from -1 to -5 for 4 to 64 KiB.', formerly('list-max-ziplist-size')),
    setting('list-compress-depth', count, 0n, 'Pieces at each end of a list that are not compressed; 0 for no compression.', { effect: 'active' }),
    setting('set-max-intset-entries', integer(0n, LONG_MAX), 512n, 'Members up to which a set of integers is a sorted array.', { effect: 'active' }),
    setting('set-max-listpack-entries', integer(0n, LONG_MAX), 128n, 'Members up to which a set is one packed record.', { effect: 'active' }),
    setting('set-max-listpack-value', integer(0n, LONG_MAX), 64n, 'Length up to which members stay in a packed set.', { effect: 'active' }),
    setting('zset-max-listpack-entries', integer(0n, LONG_MAX), 128n, 'Members up to which a sorted set is one packed record.', formerly('zset-max-ziplist-entries')),
    setting('zset-max-listpack-value', memory(0n, LONG_MAX), 64n, 'Length up to which members stay in a packed sorted set.', formerly('zset-max-ziplist-value')),
    setting('hll-sparse-max-bytes', memory(0n, LONG_MAX), 3000n, 'Length up to which a HyperLogLog is sparse.', { effect: 'active' }),
    setting('stream-node-max-bytes', memory(0n, LONG_MAX), 4096n, 'Size of the pieces of a stream; 0 for no limit.', { effect: 'active' }),
    setting('stream-node-max-entries', integer(0n, LONG_MAX), 100n, 'Entries in a piece of a stream; 0 for no limit.', { effect: 'active' }),
  ],
}
