/**
 * The types and encodings of values, as they stand in the header of a record (4 bits each).
 *
 * Constants, used on every thread. The numbers of the types are those of Redis's RDB objects. They live in memory only,
 * so that encodings may be renumbered between releases.
 */

export const ValueType = { string: 0, list: 1, set: 2, zset: 3, hash: 4, module: 5, stream: 6 } as const
export type ValueType = (typeof ValueType)[keyof typeof ValueType]

/** How many types 4 bits can name. */
export const VALUE_TYPES_MAX = 16

/**
 * Strings are `raw`, `int` or `embstr`. Of collections `listpack`, `listpackEx` (a hash with expiring fields) and `intset`
 * are packed: the record's value is all there is. The others have their root in the record's value and the rest in blocks
 * of the arena.
 */
export const Encoding = {
  raw: 0,
  int: 1,
  embstr: 2,
  listpack: 3,
  listpackEx: 4,
  intset: 5,
  quicklist: 6,
  hashtable: 7,
  skiplist: 8,
  stream: 9,
} as const
export type Encoding = (typeof Encoding)[keyof typeof Encoding]

/** Whether the record's value is the whole value: it can be copied as bytes and removed as it is. */
export function isFlat(encoding: number): boolean {
  return encoding <= Encoding.intset
}

/** Clients can block on keys of these types. */
export function mayBeWaitedFor(type: number): boolean {
  return type === ValueType.list || type === ValueType.zset || type === ValueType.stream
}

/** "No time to live", wherever an absolute expiry time in milliseconds is passed or returned. */
export const NO_EXPIRY = -1

/** Accepted by `Database.setString` only: the key keeps the expiry that it has. */
export const KEEP_TTL = -2
