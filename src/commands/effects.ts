/**
 * What the log of writes gets of a command, where that is not the command as it came.
 *
 * Runs in a shard worker; one instance for each shard, emptied before every command. A handler whose repetition would not do
 * the same again (random choice, relative time, clocks, blocking) says what it did as commands that would:
 *
 *     const { effects } = call
 *     if (effects.isRecording) {
 *       effects.begin('PEXPIREAT', 3)
 *       call.effectArgument(1)
 *       effects.integer(whenMs)
 *     }
 *
 * A command that begins no effect and does not call `none` is logged as it came, if it has modified anything.
 *
 * Format: RESP arrays of bulk strings, as clients send them (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 */
import { assert } from '../base/assert.js'
import { copyBytes } from '../base/bytes.js'

const BYTES_INITIAL = 4096
/** A buffer that has grown beyond this is not kept. */
const BYTES_KEPT_MAX = 1024 * 1024
const CR = 13
const LF = 10
/** A header of a RESP array or bulk string: type, 20 digits at most, CR LF. */
const HEADER_BYTES_MAX = 24

export class Effects {
  /** False while nobody keeps a log: then nothing needs to be said. */
  isRecording = false
  /** The commands that were begun. */
  count = 0
  /** The command is not logged as it came. */
  isReplaced = false
  bytes = new Uint8Array(BYTES_INITIAL)
  length = 0
  #missing = 0

  /** Forgets what was said. */
  clear(): void {
    assert(this.#missing === 0, 'an effect without some of its arguments')
    this.count = 0
    this.isReplaced = false
    this.length = 0
    if (this.bytes.length > BYTES_KEPT_MAX) this.bytes = new Uint8Array(BYTES_INITIAL)
  }

  /** Nothing of the command is logged but what is begun after this. */
  none(): void {
    this.isReplaced = true
  }

  /**
   * Begins a command in the place of the one in hand, behind those begun before; its other arguments follow.
   * @param name in upper case, ASCII
   * @param argc the number of arguments, the name included
   */
  begin(name: string, argc: number): void {
    assert(this.#missing === 0, 'an effect without some of its arguments')
    this.isReplaced = true
    this.count++
    this.#missing = argc
    this.#room(HEADER_BYTES_MAX)
    this.#header(42, argc)
    this.text(name)
  }

  /** The next argument, bytes. */
  argument(bytes: Uint8Array, offset: number, length: number): void {
    this.#missing--
    this.#room(length + HEADER_BYTES_MAX + 2)
    this.#header(36, length)
    copyBytes(bytes, offset, this.bytes, this.length, length)
    this.length += length
    this.#end()
  }

  /** The next argument, ASCII text. */
  text(text: string): void {
    this.#missing--
    const { length } = text
    this.#room(length + HEADER_BYTES_MAX + 2)
    this.#header(36, length)
    for (let i = 0; i < length; i++) this.bytes[this.length++] = text.charCodeAt(i)
    this.#end()
  }

  /** The next argument, an integer in decimal. */
  integer(value: number | bigint): void {
    this.text(String(value))
  }

  #header(type: number, value: number): void {
    const { bytes } = this
    bytes[this.length++] = type
    let digits = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
    let rest = value
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      bytes[at] = 48 + (rest % 10)
      rest = Math.floor(rest / 10)
    }
    this.length += digits
    this.#end()
  }

  #end(): void {
    this.bytes[this.length++] = CR
    this.bytes[this.length++] = LF
  }

  #room(needed: number): void {
    if (this.length + needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + needed))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
}
