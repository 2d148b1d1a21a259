/** The numbers of a shard that the main thread reads without asking, in memory that both share: see memory-guard.ts and persistence.ts. */
export const Gauge = { usedBytes: 0, evictableKeys: 1, changes: 2, flushes: 3, COUNT: 4 } as const
