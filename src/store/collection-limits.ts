/**
 * Up to which size collections stay in their compact encodings: the settings of a shard that the types look at.
 *
 * Owned by the shard's thread. The fields are named after the settings, and hold their defaults until the main thread
 * sends others.
 */

export class CollectionLimits {
  listMaxListpackSize = -2
  listCompressDepth = 0
  hashMaxListpackEntries = 512
  hashMaxListpackValue = 64
  setMaxIntsetEntries = 512
  setMaxListpackEntries = 128
  setMaxListpackValue = 64
  zsetMaxListpackEntries = 128
  zsetMaxListpackValue = 64
  streamNodeMaxBytes = 4096
  streamNodeMaxEntries = 100
}

/** The name in CONFIG of each limit. */
export const LIMIT_SETTINGS: Readonly<Record<string, keyof CollectionLimits>> = {
  'list-max-listpack-size': 'listMaxListpackSize',
  'list-compress-depth': 'listCompressDepth',
  'hash-max-listpack-entries': 'hashMaxListpackEntries',
  'hash-max-listpack-value': 'hashMaxListpackValue',
  'set-max-intset-entries': 'setMaxIntsetEntries',
  'set-max-listpack-entries': 'setMaxListpackEntries',
  'set-max-listpack-value': 'setMaxListpackValue',
  'zset-max-listpack-entries': 'zsetMaxListpackEntries',
  'zset-max-listpack-value': 'zsetMaxListpackValue',
  'stream-node-max-bytes': 'streamNodeMaxBytes',
  'stream-node-max-entries': 'streamNodeMaxEntries',
}
