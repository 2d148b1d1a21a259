/**
 * The numbers of the RDB format: how values stand in RDB files and in DUMP's payloads.
 *
 * Constants, used on every thread. They are on disks and in other servers' files, and so they never change.
 *
 * The format is described in https://rdb.fnordig.de/file_format.html; where that page ends, Redis 7.0's rdb.h counts.
 */

/** What is written for Redis 7.0 to read. */
export const RDB_VERSION = 10
/** What a payload gets that holds a hash whose fields expire, which Redis reads from 7.4 on. */
export const RDB_VERSION_FIELD_EXPIRY = 12
/** The newest version whose values can be read. */
export const RDB_VERSION_READABLE_MAX = 12

/** The byte before a value: its type and the form that it stands in. */
export const RdbType = {
  string: 0,
  list: 1,
  set: 2,
  zset: 3,
  hash: 4,
  zset2: 5,
  modulePreGa: 6,
  module2: 7,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listQuicklist: 14,
  streamListpacks: 15,
  hashListpack: 16,
  zsetListpack: 17,
  listQuicklist2: 18,
  streamListpacks2: 19,
  setListpack: 20,
  streamListpacks3: 21,
  /** As `hashMetadata` and `hashListpackEx`, in the release candidates of Redis 7.4: without the earliest time. */
  hashMetadataPreGa: 22,
  hashListpackExPreGa: 23,
  hashMetadata: 24,
  hashListpackEx: 25,
} as const
export type RdbType = (typeof RdbType)[keyof typeof RdbType]

/** Bytes that stand in a file where a type could: what follows is about the next key, or about the file. */
export const RdbOpcode = {
  /** Redis 7.4 in cluster mode: slot, keys, keys with an expiry. A hint about sizes. */
  slotInfo: 0xf4,
  function2: 0xf5,
  functionPreGa: 0xf6,
  moduleAux: 0xf7,
  idle: 0xf8,
  frequency: 0xf9,
  aux: 0xfa,
  resizeDb: 0xfb,
  expiryMs: 0xfc,
  expirySeconds: 0xfd,
  selectDb: 0xfe,
  end: 0xff,
} as const

/** The data of modules stands in pieces, each behind a length that says what it is. */
export const ModulePiece = { end: 0, signed: 1, unsigned: 2, float: 3, double: 4, string: 5 } as const

/** The two top bits of a length's first byte. */
export const LENGTH_6_BITS = 0
export const LENGTH_14_BITS = 1
/** The whole first byte of a longer length: the bytes that follow begin with the highest. */
export const LENGTH_32_BITS = 0x80
export const LENGTH_64_BITS = 0x81

/** The first byte of a string that does not stand as it is: both top bits are set. */
export const STRING_INT8 = 0xc0
export const STRING_INT16 = 0xc1
export const STRING_INT32 = 0xc2
export const STRING_LZF = 0xc3

/** How the nodes of a list of type `listQuicklist2` stand. */
export const QUICKLIST_NODE_PLAIN = 1
export const QUICKLIST_NODE_PACKED = 2

/** What a payload of DUMP ends with: the version in two bytes and a CRC-64 of all before it, lowest bytes first. */
export const DUMP_FOOTER_BYTES = 10
