/**
 * The history that several segments hold, as one stream in the order of its numbers.
 *
 * Main thread, and tools. A segment is not strictly ascending: an operation that had to wait stands behind later ones, which
 * have no key in common with it. But behind a mark nothing older comes, so between marks units are put in order here.
 *
 * Invariant: memory is taken for what stands between two marks of each shard, and for one unit of each besides.
 */
import path from 'node:path'
import { joinBytes } from '../base/bytes.js'
import type { AofFile } from './manifest.js'
import { UnitEvent, UnitReader } from './units.js'

export interface Unit {
  readonly shard: number
  readonly gsn: number
  /** The time of it or of something shortly before, in seconds; 0 where the log says none. */
  readonly seconds: number
  /** That of its first record. */
  readonly database: number
  /** Its records, and SELECT between them, without MULTI and EXEC. */
  readonly bytes: Uint8Array
  readonly records: number
  readonly file: string
  readonly offset: number
}

/** What happened under one number. */
export interface Operation {
  readonly gsn: number
  readonly seconds: number
  /** Those of each shard stand in their order. */
  readonly units: readonly Unit[]
}

class OrderedSegment {
  head: Unit | undefined
  readonly #units = new UnitReader(true)
  #file = 0
  #isOpen = false
  /** Units that no mark has followed yet, and those that are in order. */
  #pending: Unit[] = []
  #ready: Unit[] = []
  #taken = 0

  constructor(
    private readonly folder: string,
    private readonly shard: number,
    private readonly files: readonly AofFile[],
    /** What has a higher number is passed over, as is what has no higher one than `from`. */
    private readonly from: number,
    private readonly cut: number,
  ) {}

  /** Moves on to the next unit: `head`. */
  async advance(): Promise<void> {
    while (this.#taken >= this.#ready.length) {
      this.#ready = []
      this.#taken = 0
      if (!(await this.#read())) break
    }
    this.head = this.#ready[this.#taken++]
  }

  close(): void {
    this.#units.close()
  }

  /** Reads on to where some units are in order, or to the end of a block. @returns false at the end of the last file */
  async #read(): Promise<boolean> {
    const file = this.files[this.#file]
    if (file === undefined) return false
    if (!this.#isOpen) {
      this.#units.open(path.join(this.folder, file.name))
      this.#isOpen = true
    }
    const units = this.#units
    for (;;) {
      const event = units.next()
      if (event === UnitEvent.unit) {
        this.#take(file.name)
      } else if (event === UnitEvent.mark) {
        this.#release(units.mark)
        if (this.#ready.length > 0) return true
      } else if (event === UnitEvent.more) {
        await units.reader.fill()
      } else {
        // What is torn is above the cut.
        this.#file++
        this.#isOpen = false
        if (this.#file === this.files.length) this.#release(this.cut)
        return true
      }
    }
  }

  #take(file: string): void {
    const { reader, gsn, seconds, database, block, records, start } = this.#units
    if (gsn > this.cut || (gsn <= this.from && this.from > 0)) return
    const bytes = block === null ? reader.copyRecord() : joinBytes(block)
    this.#pending.push({ shard: this.shard, gsn, seconds, database, bytes, records, file, offset: start })
  }

  /** Nothing with a number up to this one comes any more. */
  #release(mark: number): void {
    let isSorted = true
    let last = 0
    for (const { gsn } of this.#pending) {
      if (gsn < last || gsn > mark) isSorted = false
      last = gsn
    }
    if (isSorted) {
      this.#ready = this.#pending
      this.#pending = []
      return
    }
    this.#ready = this.#pending.filter(({ gsn }) => gsn <= mark).sort((a, b) => a.gsn - b.gsn)
    this.#pending = this.#pending.filter(({ gsn }) => gsn > mark)
  }
}

/**
 * Reads the files of all shards together.
 * @param chains the files of each shard in order
 * @param from operations up to this number are passed over; 0 for none
 * @param cut as are those above this one
 * @throws an error of the operating system
 */
export async function* operationsOf(
  folder: string,
  chains: readonly (readonly AofFile[])[],
  from: number,
  cut: number,
): AsyncGenerator<Operation> {
  const segments = chains.map((files, shard) => new OrderedSegment(folder, shard, files, from, cut))
  try {
    for (const segment of segments) await segment.advance()
    for (;;) {
      let gsn = Number.POSITIVE_INFINITY
      for (const { head } of segments) if (head !== undefined && head.gsn < gsn) gsn = head.gsn
      if (gsn === Number.POSITIVE_INFINITY) return
      const units: Unit[] = []
      let seconds = 0
      for (const segment of segments) {
        while (segment.head?.gsn === gsn) {
          units.push(segment.head)
          if (segment.head.seconds > seconds) seconds = segment.head.seconds
          await segment.advance()
        }
      }
      yield { gsn, seconds, units }
    }
  } finally {
    for (const segment of segments) segment.close()
  }
}
