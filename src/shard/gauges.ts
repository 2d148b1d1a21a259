/** The numbers of a shard that the main thread reads without asking, in memory that both share: see memory-guard.ts. */
export const Gauge = { usedBytes: 0, evictableKeys: 1, COUNT: 2 } as const
