/**
 * The settings that say when a value changes its encoding: what they are at the beginning of an episode, and values so small
 * that collections go back and forth over them.
 *
 * Only used by tests.
 */

export interface Threshold {
  readonly setting: string
  readonly usual: string
  readonly small: readonly string[]
  /** Whether it stays as it is in an episode; the others change now and then. */
  readonly isFixed?: boolean
}

/** Without a listpack for sorted sets. SORT makes a skiplist of a sorted set in Redis, in which -0 is not 0. */
export const ONLY_SKIPLISTS: readonly [setting: string, value: string] = ['zset-max-listpack-entries', '0']

export const thresholds: readonly Threshold[] = [
  { setting: 'list-max-listpack-size', usual: '-2', small: ['-1', '1', '2', '3', '5', '16'] },
  { setting: 'list-compress-depth', usual: '0', small: ['0', '1', '2'] },
  { setting: 'hash-max-listpack-entries', usual: '512', small: ['0', '1', '2', '3', '8'] },
  // RESTORE of a small hash looks at it here, but not in Redis. No payload of the vocabulary has longer fields than 2 bytes.
  { setting: 'hash-max-listpack-value', usual: '64', small: ['2', '3', '8', '63', '65'], isFixed: true },
  { setting: 'set-max-intset-entries', usual: '512', small: ['0', '1', '2', '3', '8'] },
  { setting: 'zset-max-listpack-entries', usual: '128', small: ['0', '1', '2', '3', '8'] },
  { setting: 'zset-max-listpack-value', usual: '64', small: ['0', '1', '2', '8', '63', '65'] },
  { setting: 'stream-node-max-entries', usual: '100', small: ['0', '1', '2', '3', '5'] },
  { setting: 'stream-node-max-bytes', usual: '4096', small: ['0', '1', '40', '100', '4096'] },
  { setting: 'hll-sparse-max-bytes', usual: '3000', small: ['0', '18', '50', '200'] },
]
