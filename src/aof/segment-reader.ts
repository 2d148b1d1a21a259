/**
 * Reads a file of the append-only log element by element: records, marks, and the numbers and times that stand between them
 * (docs/decisions/0011-append-only-log.md has the format; Redis's own files are the same without the annotations).
 *
 * Runs on any thread. `next` moves to the next element as long as one is wholly in the window; `fill` and `fillSync` read on. An
 * element is shown as ranges of the window, and nothing is made for it.
 *
 * Invariant: whatever the file claims, no more memory is taken than its longest record needs, twice.
 */
import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { PROTO_ARGUMENTS_MAX } from '../base/limits.js'

const readFile = promisify(read)

const BLOCK_BYTES = 1024 * 1024
/** Redis reads no longer annotation. */
const LINE_BYTES_MAX = 1024
const BULK_BYTES_MAX = 2 ** 31 - 1
const ARGUMENTS_INITIAL = 64

const CR = 13
const LF = 10
const HASH = 35
const DOLLAR = 36
const STAR = 42
const COLON = 58
const ZERO = 48
const CAPITAL_G = 71
const CAPITAL_M = 77
const CAPITAL_S = 83
const CAPITAL_T = 84

/** What `next` has moved to. */
export const Element = {
  /** A record; `kind` says what it is. */
  record: 0,
  /** `gsn` is that of the records that follow. */
  number: 1,
  /** The log is complete up to `mark`. */
  mark: 2,
  /** `seconds` is the time of the records that follow. */
  time: 3,
  /** Nothing: read on. */
  more: 4,
  /** The end of the file. */
  end: 5,
  /** The file ends in the middle of an element. */
  torn: 6,
  /** What stands at `offset` is no element: `expected` says what should be there. */
  bad: 7,
} as const

export const RecordKind = { plain: 0, select: 1, multi: 2, exec: 3 } as const

/** What a number that cannot be read is. */
const INCOMPLETE = -1
const MALFORMED = -2

export class SegmentReader {
  /** Of the element in hand: its bounds in the file. */
  offset = 0
  end = 0
  /** Of a record: its arguments as ranges of `bytes`, the name first. Valid until `next` or `fill`. */
  bytes: Uint8Array = new Uint8Array(0)
  offsets = new Int32Array(ARGUMENTS_INITIAL)
  lengths = new Int32Array(ARGUMENTS_INITIAL)
  argc = 0
  kind: number = RecordKind.plain
  /** The number and time that were read last, and the database that was selected last. */
  gsn = 0
  seconds = 0
  database = 0
  /** The mark that was read last. */
  mark = 0
  /** Whether the file has any annotation of ours: Redis's files have not. */
  isNumbered = false
  expected = ''
  totalBytes = 0

  #descriptor = -1
  /** Where in the file the window begins; what is read is from `#position` to `#limit` in it. */
  #windowAt = 0
  #position = 0
  #limit = 0
  /** How many more bytes `next` has found to be needed. */
  #missing = 1
  /** Where the header ends that `#header` has read. */
  #headerEnd = 0

  /** @param blockBytes how much is read at a time */
  constructor(private readonly blockBytes = BLOCK_BYTES) {}

  /** @throws an error of the operating system */
  open(path: string, from = 0): void {
    this.close()
    this.#descriptor = openSync(path, 'r')
    this.totalBytes = fstatSync(this.#descriptor).size
    this.#begin(from)
  }

  /** Reads what stands in these bytes; they must stay as they are until the end. */
  openBytes(bytes: Uint8Array, from: number, length: number): void {
    this.close()
    this.bytes = bytes
    this.totalBytes = from + length
    this.#begin(0)
    this.#position = from
    this.offset = from
    this.#limit = from + length
  }

  #begin(from: number): void {
    this.#windowAt = from
    this.offset = from
    this.#position = 0
    this.#limit = 0
    this.#missing = 1
    this.gsn = 0
    this.seconds = 0
    this.database = 0
    this.mark = 0
    this.isNumbered = false
  }

  close(): void {
    if (this.#descriptor < 0) return
    closeSync(this.#descriptor)
    this.#descriptor = -1
    this.bytes = new Uint8Array(0)
  }

  /** How far the file has been worked off. */
  get position(): number {
    return this.#windowAt + this.#position
  }

  /** Moves to the next element. @returns one of `Element` */
  next(): number {
    for (;;) {
      const at = this.#position
      this.offset = this.#windowAt + at
      if (at >= this.#limit) return this.offset >= this.totalBytes ? Element.end : this.#more(1)
      const first = this.bytes[at] as number
      if (first === STAR) return this.#record(at)
      if (first !== HASH) return this.#bad('a record or a line that begins with #')
      const element = this.#line(at)
      if (element >= 0) return element
    }
  }

  #record(at: number): number {
    const { bytes } = this
    const limit = this.#limit
    const argc = this.#header(at)
    if (argc < 0) return this.#notRead(argc, 'the number of arguments')
    if (argc === 0 || argc > PROTO_ARGUMENTS_MAX) return this.#bad('a number of arguments that a command can have')
    if (argc > this.offsets.length) this.#grow(argc)
    const { offsets, lengths } = this
    let next = this.#headerEnd
    for (let i = 0; i < argc; i++) {
      if (next >= limit) return this.#more(next - limit + 1)
      if (bytes[next] !== DOLLAR) return this.#bad(`argument ${i + 1} of ${argc}`)
      const length = this.#header(next)
      if (length < 0) return this.#notRead(length, `the length of argument ${i + 1}`)
      if (length > BULK_BYTES_MAX) return this.#bad('a length that an argument can have')
      const begin = this.#headerEnd
      next = begin + length + 2
      if (next > limit) return this.#more(next - limit)
      if (bytes[next - 2] !== CR || bytes[next - 1] !== LF) return this.#bad(`the end of argument ${i + 1}`)
      offsets[i] = begin
      lengths[i] = length
    }
    this.argc = argc
    this.#position = next
    this.end = this.#windowAt + next
    this.kind = argc > 2 ? RecordKind.plain : this.#kindOf(argc)
    return Element.record
  }

  #kindOf(argc: number): number {
    const length = this.lengths[0] as number
    if (argc === 1) {
      if (length === 5 && this.#isName('multi')) return RecordKind.multi
      if (length === 4 && this.#isName('exec')) return RecordKind.exec
      return RecordKind.plain
    }
    if (length !== 6 || !this.#isName('select')) return RecordKind.plain
    const from = this.offsets[1] as number
    let database = 0
    for (let i = 0; i < (this.lengths[1] as number); i++) {
      const digit = (this.bytes[from + i] as number) - ZERO
      // As in Redis, an index that is none selects nothing.
      if (digit < 0 || digit > 9) return RecordKind.select
      database = database * 10 + digit
    }
    this.database = database
    return RecordKind.select
  }

  #isName(name: string): boolean {
    const from = this.offsets[0] as number
    for (let i = 0; i < name.length; i++) {
      if (((this.bytes[from + i] as number) | 0x20) !== name.charCodeAt(i)) return false
    }
    return true
  }

  /** The number behind the type at `at`, or why there is none; `#headerEnd` is behind its line. */
  #header(at: number): number {
    const { bytes } = this
    const limit = this.#limit
    let i = at + 1
    let value = 0
    for (; i < limit; i++) {
      const digit = (bytes[i] as number) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (i + 1 >= limit) return i - at > 12 ? MALFORMED : INCOMPLETE
    if (i === at + 1 || i - at > 12 || bytes[i] !== CR || bytes[i + 1] !== LF) return MALFORMED
    this.#headerEnd = i + 2
    return value
  }

  /** @returns one of `Element`, or -1 for a line that says nothing */
  #line(at: number): number {
    const { bytes } = this
    const limit = Math.min(this.#limit, at + LINE_BYTES_MAX)
    let end = at
    while (end < limit && bytes[end] !== LF) end++
    if (end >= limit) return end - at >= LINE_BYTES_MAX ? this.#bad('the end of the line') : this.#more(1)
    this.#position = end + 1
    this.end = this.#windowAt + end + 1
    const second = bytes[at + 1]
    if (bytes[at + 2] === COLON && (second === CAPITAL_G || second === CAPITAL_M)) {
      const value = this.#lineNumber(at + 3, end)
      if (value < 0) return this.#bad('a number')
      this.isNumbered = true
      if (second === CAPITAL_M) {
        this.mark = value
        return Element.mark
      }
      this.gsn = value
      return Element.number
    }
    if (second === CAPITAL_T && bytes[at + 2] === CAPITAL_S && bytes[at + 3] === COLON) {
      const value = this.#lineNumber(at + 4, end)
      if (value < 0) return this.#bad('a time')
      this.seconds = value
      return Element.time
    }
    return -1
  }

  /** The number from `from` to the line feed at `end`, or -1. */
  #lineNumber(from: number, end: number): number {
    const { bytes } = this
    let value = 0
    const last = end - 1
    if (bytes[last] !== CR || last === from) return -1
    for (let i = from; i < last; i++) {
      const digit = (bytes[i] as number) - ZERO
      if (digit < 0 || digit > 9) return -1
      value = value * 10 + digit
    }
    return Number.isSafeInteger(value) ? value : -1
  }

  #notRead(why: number, expected: string): number {
    return why === INCOMPLETE ? this.#more(1) : this.#bad(expected)
  }

  #bad(expected: string): number {
    this.expected = expected
    this.#position = this.offset - this.#windowAt
    return Element.bad
  }

  #more(missing: number): number {
    if (this.#windowAt + this.#limit + missing > this.totalBytes) {
      this.expected = 'more than there is'
      return Element.torn
    }
    this.#missing = missing
    return Element.more
  }

  #grow(argc: number): void {
    const capacity = Math.max(argc, this.offsets.length * 2)
    this.offsets = new Int32Array(capacity)
    this.lengths = new Int32Array(capacity)
  }

  /** The record in hand as it stands in the file; a range of `bytes` begins there. */
  get recordAt(): number {
    return this.offset - this.#windowAt
  }

  get recordLength(): number {
    return this.end - this.offset
  }

  /** A copy of the record in hand. */
  copyRecord(): Uint8Array {
    return this.bytes.slice(this.recordAt, this.recordAt + this.recordLength)
  }

  /** Reads on. Nothing of the element in hand is valid any more. */
  fillSync(): void {
    const from = this.#makeRoom()
    while (this.#room > 0) {
      const at = this.#windowAt + this.#limit
      this.#took(readSync(this.#descriptor, this.bytes, this.#limit, this.#room, at))
      if (this.#limit - from >= this.#missing) return
    }
  }

  /** The same, without holding up the thread. */
  async fill(): Promise<void> {
    const from = this.#makeRoom()
    while (this.#room > 0) {
      const at = this.#windowAt + this.#limit
      const { bytesRead } = await readFile(this.#descriptor, this.bytes, this.#limit, this.#room, at)
      this.#took(bytesRead)
      if (this.#limit - from >= this.#missing) return
    }
  }

  /** What is left of the window, and of the file as it was when it was opened. */
  get #room(): number {
    return Math.min(this.bytes.length, this.totalBytes - this.#windowAt) - this.#limit
  }

  #took(count: number): void {
    // A file that has become shorter since it was opened ends there.
    if (count === 0) this.totalBytes = this.#windowAt + this.#limit
    this.#limit += count
  }

  /** @returns where what is read next goes */
  #makeRoom(): number {
    const { bytes } = this
    const kept = this.#limit - this.#position
    const wanted = Math.max(this.blockBytes, kept + this.#missing)
    const capacity = Math.min(wanted, this.totalBytes - this.#windowAt - this.#position)
    if (bytes.length < capacity || bytes.length > 2 * wanted) {
      this.bytes = new Uint8Array(Math.max(capacity, Math.min(wanted, this.totalBytes)))
      this.bytes.set(bytes.subarray(this.#position, this.#limit))
    } else {
      bytes.copyWithin(0, this.#position, this.#limit)
    }
    this.#windowAt += this.#position
    this.#position = 0
    this.#limit = kept
    return kept
  }
}
