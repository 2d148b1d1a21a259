/** The numbers of a shard that the main thread reads without asking, in memory that both share: see memory-guard.ts and persistence.ts. */
export const Gauge = {
  usedBytes: 0,
  evictableKeys: 1,
  changes: 2,
  flushes: 3,
  /** Of the append-only log (see journal.ts): what the shard has written to the file in hand, */
  logBytes: 4,
  /** records since the start, */
  logRecords: 5,
  /** what is not written yet, */
  logBufferBytes: 6,
  /** up to which number it has executed, */
  logPosition: 7,
  /** the last mark in the file, which with `appendfsync always` is on the disk, */
  logMark: 8,
  /** and why it could not be written to last, 0 when it could. */
  logErrno: 9,
  COUNT: 10,
} as const
