/**
 * Finds where a value ends without making it, so that whoever reads a file can hand each value on as it stands.
 *
 * Used by the thread that reads. Only lengths are looked at: what lies between them is checked by the thread that makes
 * the value of it (value-forms.ts). Invariant: nothing outside of the reader's range is read; a range that is too short
 * ends in an `RdbEndError`, and lengths that make no sense in another `RdbFormatError`.
 */
import { moduleTypeName } from './module-type.js'
import { ModulePiece, RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'

const ID_BYTES = 16
const TIME_BYTES = 8
const DOUBLE_BYTES = 8
const FLOAT_BYTES = 4

/** Scores in the old text form that are longer than this are no lengths, but stand for a value. */
const TEXT_DOUBLE_BYTES_MAX = 252

/** Moves the reader from behind the byte that says a value's type and form to behind the value. */
export function skipValue(reader: RdbReader, rdbType: number): void {
  switch (rdbType) {
    case RdbType.string:
    case RdbType.hashZipmap:
    case RdbType.listZiplist:
    case RdbType.setIntset:
    case RdbType.zsetZiplist:
    case RdbType.hashZiplist:
    case RdbType.hashListpack:
    case RdbType.zsetListpack:
    case RdbType.setListpack:
    case RdbType.hashListpackExPreGa:
      reader.skipString()
      return
    case RdbType.hashListpackEx:
      reader.raw(TIME_BYTES)
      reader.skipString()
      return
    case RdbType.list:
    case RdbType.set:
    case RdbType.listQuicklist:
      for (let left = reader.length(); left > 0; left--) reader.skipString()
      return
    case RdbType.hash:
      for (let left = reader.length(); left > 0; left--) skipPair(reader)
      return
    case RdbType.zset:
      for (let left = reader.length(); left > 0; left--) {
        reader.skipString()
        const length = reader.byte()
        if (length <= TEXT_DOUBLE_BYTES_MAX) reader.raw(length)
      }
      return
    case RdbType.zset2:
      for (let left = reader.length(); left > 0; left--) {
        reader.skipString()
        reader.raw(DOUBLE_BYTES)
      }
      return
    case RdbType.listQuicklist2:
      for (let left = reader.length(); left > 0; left--) {
        reader.length()
        reader.skipString()
      }
      return
    case RdbType.hashMetadata:
      reader.raw(TIME_BYTES)
      skipFieldsWithTimes(reader)
      return
    case RdbType.hashMetadataPreGa:
      skipFieldsWithTimes(reader)
      return
    case RdbType.streamListpacks:
    case RdbType.streamListpacks2:
    case RdbType.streamListpacks3:
      skipStream(reader, rdbType)
      return
    case RdbType.modulePreGa:
    case RdbType.module2:
      reader.length64()
      reader.fail(`a value, and not one of the module type '${moduleTypeName(reader.high, reader.low)}'`)
      break
    default:
      reader.fail(`a value, and not one of the unknown type ${rdbType}`)
  }
}

function skipPair(reader: RdbReader): void {
  reader.skipString()
  reader.skipString()
}

function skipFieldsWithTimes(reader: RdbReader): void {
  for (let left = reader.length(); left > 0; left--) {
    reader.length()
    skipPair(reader)
  }
}

/** See stream-form.ts. */
function skipStream(reader: RdbReader, rdbType: number): void {
  const isFirstForm = rdbType === RdbType.streamListpacks
  for (let nodes = reader.length(); nodes > 0; nodes--) skipPair(reader)
  // The number of entries and the last ID; then the first ID, the greatest deleted one and the number of entries added.
  skipLengths(reader, isFirstForm ? 3 : 8)
  for (let groups = reader.length(); groups > 0; groups--) {
    reader.skipString()
    skipLengths(reader, isFirstForm ? 2 : 3)
    for (let pending = reader.length(); pending > 0; pending--) {
      reader.raw(ID_BYTES + TIME_BYTES)
      skipLengths(reader, 1)
    }
    for (let consumers = reader.length(); consumers > 0; consumers--) {
      reader.skipString()
      reader.raw(rdbType === RdbType.streamListpacks3 ? 2 * TIME_BYTES : TIME_BYTES)
      reader.raw(reader.length() * ID_BYTES)
    }
  }
}

function skipLengths(reader: RdbReader, count: number): void {
  // IDs and numbers of entries may be any 64 bits.
  for (let i = 0; i < count; i++) reader.length64()
}

/** Moves the reader behind what a module has written: pieces, each behind a length that says what it is, up to an end. */
export function skipModulePieces(reader: RdbReader): void {
  for (;;) {
    const piece = reader.length()
    switch (piece) {
      case ModulePiece.end:
        return
      case ModulePiece.signed:
      case ModulePiece.unsigned:
        reader.length64()
        break
      case ModulePiece.float:
        reader.raw(FLOAT_BYTES)
        break
      case ModulePiece.double:
        reader.raw(DOUBLE_BYTES)
        break
      case ModulePiece.string:
        reader.skipString()
        break
      default:
        reader.fail('a piece of what a module has written')
    }
  }
}
