/**
 * Commands and annotations as the append-only log has them: arrays of bulk strings as clients send them, and lines that
 * begin with `#`.
 *
 * Runs in a shard worker. Nothing here allocates; the caller has made the room.
 *
 * Format: https://redis.io/docs/latest/develop/reference/protocol-spec/, docs/decisions/0011-append-only-log.md
 */
import { asciiBytes, copyBytes } from '../base/bytes.js'
import type { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { containerOf, idOf, specs } from '../commands/table.js'

const CR = 13
const LF = 10
/** A type, ten digits, CR LF. */
const HEADER_BYTES_MAX = 13
const BILLION = 1e9

/** The name of a command as a bulk string; a subcommand's own name is among its arguments. */
function bulkNameOf(spec: CommandSpec): Uint8Array {
  const { name } = containerOf(spec) ?? spec
  return asciiBytes(`$${name.length}\r\n${name}\r\n`)
}

const bulkNames = specs.map(bulkNameOf)

export class CommandEncoder {
  static readonly multi = asciiBytes('*1\r\n$5\r\nMULTI\r\n')
  static readonly exec = asciiBytes('*1\r\n$4\r\nEXEC\r\n')
  /** What stands around a record at most: number, time, SELECT, MULTI, EXEC. */
  static readonly overheadBytesMax = 160

  /** At most how many bytes `write` will take. */
  bytesOfCommand({ spec, argc, lengths }: ShardCall): number {
    let bytes = HEADER_BYTES_MAX + (bulkNames[idOf(spec)] as Uint8Array).length
    for (let i = 1; i < argc; i++) bytes += (lengths[i] as number) + HEADER_BYTES_MAX + 2
    return bytes
  }

  /** Writes the command as it came. @returns where it ends */
  write({ spec, argc, bytes, offsets, lengths }: ShardCall, to: Uint8Array, at: number): number {
    const name = bulkNames[idOf(spec)] as Uint8Array
    let end = header(42, argc, to, at)
    copyBytes(name, 0, to, end, name.length)
    end += name.length
    for (let i = 1; i < argc; i++) end = bulk(bytes, offsets[i] as number, lengths[i] as number, to, end)
    return end
  }

  /** The same for a command that begins with these bytes and has one or two arguments of these lengths behind them. */
  bytesOf(begin: Uint8Array, first: number, second = 0): number {
    return begin.length + first + second + 2 * (HEADER_BYTES_MAX + 2)
  }

  /** Writes the bytes that a command begins with; its arguments follow. @returns where they end */
  writeName(begin: Uint8Array, to: Uint8Array, at: number): number {
    to.set(begin, at)
    return at + begin.length
  }

  writeArgument(bytes: Uint8Array, offset: number, length: number, to: Uint8Array, at: number): number {
    return bulk(bytes, offset, length, to, at)
  }

  writeSelect(database: number, to: Uint8Array, at: number): number {
    const digits = String(database)
    const text = asciiBytes(`*2\r\n$6\r\nSELECT\r\n$${digits.length}\r\n${digits}\r\n`)
    to.set(text, at)
    return at + text.length
  }

  /** Writes the line `#<letters>:<value>`; the value is an integer below 2^53. */
  writeNumber(letters: 'G' | 'M' | 'TS', value: number, to: Uint8Array, at: number): number {
    to[at++] = 35
    for (let i = 0; i < letters.length; i++) to[at++] = letters.charCodeAt(i)
    to[at++] = 58
    // Integer division is exact, and fast, for small integers only.
    const high = value >= BILLION ? Math.floor(value / BILLION) : 0
    if (high === 0) {
      at = digits(value | 0, 1, to, at)
    } else {
      at = high >= BILLION ? digits(Math.floor(high / BILLION) | 0, 1, to, at) : at
      at = digits((high % BILLION) | 0, high >= BILLION ? 9 : 1, to, at)
      at = digits((value - high * BILLION) | 0, 9, to, at)
    }
    to[at] = CR
    to[at + 1] = LF
    return at + 2
  }
}

/** Writes an integer below 2^31 with at least so many digits. */
function digits(value: number, least: number, to: Uint8Array, at: number): number {
  let count = 1
  for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) count++
  if (count < least) count = least
  let rest = value
  for (let i = at + count - 1; i >= at; i--) {
    const quotient = (rest / 10) | 0
    to[i] = 48 + rest - quotient * 10
    rest = quotient
  }
  return at + count
}

function header(type: number, value: number, to: Uint8Array, at: number): number {
  to[at] = type
  const end = digits(value, 1, to, at + 1)
  to[end] = CR
  to[end + 1] = LF
  return end + 2
}

function bulk(bytes: Uint8Array, offset: number, length: number, to: Uint8Array, at: number): number {
  const start = header(36, length, to, at)
  copyBytes(bytes, offset, to, start, length)
  const end = start + length
  to[end] = CR
  to[end + 1] = LF
  return end + 2
}
