/** What the types of RDB data are called in Redis's messages about data that are malformed. No thread of its own. */
import { RdbType } from './rdb-format.js'

const NAMES: ReadonlyMap<number, string> = new Map([
  [RdbType.string, 'String'],
  [RdbType.list, 'List'],
  [RdbType.set, 'Set'],
  [RdbType.zset, 'Zset'],
  [RdbType.hash, 'Hash'],
  [RdbType.zset2, 'Zset'],
  [RdbType.hashZipmap, 'Zipmap'],
  [RdbType.listZiplist, 'List ziplist'],
  [RdbType.setIntset, 'Set intset'],
  [RdbType.zsetZiplist, 'Zset ziplist'],
  [RdbType.hashZiplist, 'Hash ziplist'],
  [RdbType.listQuicklist, 'List ziplist'],
  [RdbType.streamListpacks, 'Stream listpack'],
  [RdbType.hashListpack, 'Hash listpack'],
  [RdbType.zsetListpack, 'Zset listpack'],
  [RdbType.listQuicklist2, 'List listpack'],
  [RdbType.streamListpacks2, 'Stream listpack'],
  [RdbType.setListpack, 'Set listpack'],
  [RdbType.streamListpacks3, 'Stream listpack'],
])

/** @param type as it stands in the data: any byte */
export function rdbTypeName(type: number): string {
  return NAMES.get(type) ?? `Type ${type}`
}
