/**
 * Reads a file of the append-only log unit by unit: a record by itself, or all that stand between MULTI and EXEC. A unit is
 * there wholly or not at all.
 *
 * Runs on any thread.
 */
import { Element, RecordKind, SegmentReader } from './segment-reader.js'

/** What `next` has moved to. */
export const UnitEvent = {
  unit: 0,
  /** The log is complete up to `mark`. */
  mark: 1,
  /** Nothing: read on. */
  more: 2,
  end: 3,
  /** The file ends in the middle of a unit. */
  torn: 4,
  /** What stands at `offset` does not belong there. */
  bad: 5,
} as const

export class UnitReader {
  /** Of the unit or the mark in hand: its bounds in the file. A unit begins at its first record or MULTI. */
  start = 0
  end = 0
  /** Under which number it happened, and when as far as the file says. */
  gsn = 0
  seconds = 0
  mark = 0
  /** The database that is selected where the unit begins, and behind it. */
  database = 0
  databaseAfter = 0
  /** How many records it has. */
  records = 0
  /** Where the damage is, and in a unit that is torn, where that begins. */
  offset = 0
  expected = ''
  /** Of a unit in MULTI and EXEC: copies of what stands between them, if they are wanted. Else the record is the reader's. */
  block: Uint8Array[] | null = null
  readonly reader = new SegmentReader()
  readonly #keepsBlocks: boolean
  #isInBlock = false

  constructor(keepsBlocks = false) {
    this.#keepsBlocks = keepsBlocks
  }

  /** @throws an error of the operating system */
  open(path: string, from = 0): void {
    this.reader.open(path, from)
    this.#isInBlock = false
    this.databaseAfter = 0
  }

  close(): void {
    this.reader.close()
  }

  /** @returns one of `UnitEvent` */
  next(): number {
    const { reader } = this
    for (;;) {
      switch (reader.next()) {
        case Element.record:
          if (this.#take()) return UnitEvent.unit
          if (this.expected !== '') return UnitEvent.bad
          break
        case Element.mark:
          if (this.#isInBlock) return this.#bad('EXEC')
          this.start = reader.offset
          this.end = reader.end
          this.mark = reader.mark
          return UnitEvent.mark
        case Element.more:
          return UnitEvent.more
        case Element.end:
          if (!this.#isInBlock) return UnitEvent.end
          this.offset = this.start
          this.expected = 'EXEC'
          return UnitEvent.torn
        case Element.torn:
          this.offset = this.#isInBlock ? this.start : reader.offset
          this.expected = reader.expected
          return UnitEvent.torn
        case Element.bad:
          return this.#bad(reader.expected)
        default:
        // Numbers and times are taken with the unit that they belong to.
      }
    }
  }

  /** Takes the record in hand. @returns whether a unit ends with it */
  #take(): boolean {
    const { reader } = this
    this.expected = ''
    const { kind } = reader
    if (this.#isInBlock) {
      if (kind === RecordKind.multi) {
        this.#bad('no MULTI inside of another')
        return false
      }
      if (kind === RecordKind.exec) {
        this.#isInBlock = false
        this.#end()
        return true
      }
      if (kind === RecordKind.plain) this.records++
      this.block?.push(reader.copyRecord())
      return false
    }
    if (kind === RecordKind.select) {
      this.databaseAfter = reader.database
      return false
    }
    if (kind === RecordKind.exec) {
      this.#bad('MULTI in front of EXEC')
      return false
    }
    this.start = reader.offset
    this.gsn = reader.gsn
    this.seconds = reader.seconds
    this.database = this.databaseAfter
    this.records = 0
    this.block = null
    if (kind === RecordKind.multi) {
      this.#isInBlock = true
      if (this.#keepsBlocks) this.block = []
      return false
    }
    this.records = 1
    this.#end()
    return true
  }

  #end(): void {
    this.end = this.reader.end
    this.databaseAfter = this.reader.database
  }

  #bad(expected: string): number {
    this.offset = this.#isInBlock ? this.start : this.reader.offset
    this.expected = expected
    return UnitEvent.bad
  }
}
