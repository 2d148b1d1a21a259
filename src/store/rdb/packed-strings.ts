/**
 * Strings of RDB as entries of a listpack, for small collections that are made of them in one go.
 *
 * Owned by the thread that loads: no call keeps what it works with.
 */
import { Listpack } from '../listpack.js'
import type { PackedEntries } from '../packed-entries.js'
import type { RdbReader } from './rdb-reader.js'

const draft = new Listpack()

/**
 * Has so many strings looked through as entries, which are good until the next call.
 * @returns false when one of them is longer than `bytesMax`; the reader stands anywhere then
 */
export function packStrings(reader: RdbReader, count: number, bytesMax: number, entries: PackedEntries): boolean {
  draft.clearPut()
  for (let left = count; left > 0; left--) {
    reader.string()
    if (reader.textLength > bytesMax) return false
    draft.put(reader.text, reader.textOffset, reader.textLength)
  }
  draft.showPut(entries)
  return true
}
