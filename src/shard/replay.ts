/**
 * Executes records of the append-only log on this shard, as the usual handlers do it; what they reply is not sent.
 *
 * Runs in a shard worker. The main thread asks for one portion after the other, so that the thread goes on answering.
 *
 * Invariant: while records are executed nobody hears of it: no events, no effects, no statistics of commands.
 */

import { Element, RecordKind, SegmentReader } from '../aof/segment-reader.js'
import { latin1Of } from '../base/bytes.js'
import type { ReplayError, ReplayFault, ReplayReport } from '../commands/replay-report.js'
import { ShardCall, type ShardReplay } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { arityFits, findRecordId, fullNameOf, specs } from '../commands/table.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import { ArenaFullError } from '../store/arena.js'

/** A portion ends when it has read so much: some ten milliseconds. */
const PORTION_BYTES = 512 * 1024
/** The log of the server gets no more errors of one portion than this. */
const ERRORS_MAX = 100

export class Replay implements ShardReplay {
  readonly #outer: ShardCall
  readonly #call: ShardCall
  readonly #writer = new ReplyWriter()
  readonly #file = new SegmentReader()
  readonly #memory = new SegmentReader()
  #cut = 0
  #records = 0
  #forMain: string[][] = []
  #errors: ReplayError[] = []
  #fault: ReplayFault | null = null

  constructor(outer: ShardCall) {
    this.#outer = outer
    const { shard, shardCount, keyspace, self, settings, effects } = outer
    this.#call = new ShardCall(shard, shardCount, keyspace, this.#writer, self, settings, effects)
  }

  open(path: string, cut: number): void {
    this.#file.open(path)
    this.#cut = cut
  }

  step(): ReplayReport {
    const file = this.#file
    const from = file.position
    return this.#quietly(() => {
      let element: number = Element.more
      while (this.#fault === null && file.position - from < PORTION_BYTES) {
        element = this.#execute(file, this.#cut)
        if (element !== Element.more) break
        file.fillSync()
      }
      if (element === Element.torn || element === Element.bad) this.#fail('format', file.expected, file.offset)
      const isThrough = element === Element.end
      const report = this.#report(file.position, isThrough)
      if (isThrough) file.close()
      return report
    })
  }

  run(bytes: Uint8Array, offset: number, length: number, database: number): ReplayReport {
    const records = this.#memory
    records.openBytes(bytes, offset, length)
    records.database = database
    return this.#quietly(() => {
      let element: number = Element.more
      while (element === Element.more && this.#fault === null) {
        element = this.#execute(records, Number.POSITIVE_INFINITY)
      }
      if (element !== Element.end && this.#fault === null) this.#fail('format', records.expected, records.offset)
      return this.#report(records.position, true)
    })
  }

  #quietly(act: () => ReplayReport): ReplayReport {
    const { keyspace } = this.#outer
    const { dirty } = keyspace.stats
    const report = keyspace.quietly(act)
    // As in Redis: what was loaded need not be saved again.
    keyspace.stats.dirty = dirty
    return report
  }

  #report(offset: number, isThrough: boolean): ReplayReport {
    const report = {
      offset,
      isThrough,
      records: this.#records,
      forMain: this.#forMain,
      errors: this.#errors,
      fault: this.#fault,
    }
    this.#records = 0
    this.#forMain = []
    this.#errors = []
    this.#fault = null
    return report
  }

  #fail(kind: ReplayFault['kind'], text: string, offset: number): void {
    this.#fault = { kind, text, offset }
  }

  /**
   * Executes what can be read, or the rest of a portion.
   * @returns the element that it ends at; `more` too when the portion is over, or something went wrong
   */
  #execute(reader: SegmentReader, cut: number): number {
    const call = this.#call
    const writer = this.#writer
    const { keyspace } = this.#outer
    const end = reader.position + PORTION_BYTES
    call.nowMs = keyspace.nowMs
    call.portions = this.#outer.portions
    let isDropped = reader.gsn > cut
    let database = -1
    while (reader.position < end) {
      const element = reader.next()
      if (element === Element.number) {
        isDropped = reader.gsn > cut
        continue
      }
      if (element === Element.mark || element === Element.time) continue
      if (element !== Element.record) return element
      if (isDropped || reader.kind !== RecordKind.plain) continue
      const { bytes, offsets, lengths, argc } = reader
      const id = findRecordId(bytes, offsets, lengths, argc)
      if (id < 0) {
        this.#fail('unknown', latin1Of(bytes, offsets[0] as number, lengths[0] as number), reader.offset)
        return Element.more
      }
      this.#records++
      const spec = specs[id] as CommandSpec
      if (spec.shard === undefined || !arityFits(id, argc)) {
        this.#leave(reader, spec, id)
        continue
      }
      if (reader.database !== database) {
        database = reader.database
        if (database >= keyspace.databases) {
          this.#fail('format', `a database below ${keyspace.databases}`, reader.offset)
          return Element.more
        }
        call.dbIndex = database
        call.db = keyspace.database(database)
      }
      call.bytes = bytes
      call.offsets = offsets
      call.lengths = lengths
      call.argc = argc
      call.spec = spec
      writer.attachScratch()
      try {
        spec.shard(call)
      } catch (error) {
        if (!(error instanceof ArenaFullError)) throw error
        this.#fail('memory', fullNameOf(spec), reader.offset)
        return Element.more
      }
      // Databases may have been exchanged, or made anew.
      if (spec.route?.on === 'shards') database = -1
      if (writer.lastError !== null) this.#note(spec, writer)
    }
    return Element.more
  }

  /** Leaves a record to the main thread; what has too few arguments is an error as in Redis. */
  #leave({ bytes, offsets, lengths, argc }: SegmentReader, spec: CommandSpec, id: number): void {
    if (!arityFits(id, argc)) {
      this.#errors.push({
        command: fullNameOf(spec),
        error: `ERR wrong number of arguments for '${fullNameOf(spec)}' command`,
      })
      return
    }
    this.#forMain.push(
      Array.from({ length: argc }, (_, i) => latin1Of(bytes, offsets[i] as number, lengths[i] as number)),
    )
  }

  #note(spec: CommandSpec, writer: ReplyWriter): void {
    const error = Buffer.from(writer.lastError as Uint8Array).toString('latin1')
    writer.lastError = null
    if (this.#errors.length < ERRORS_MAX) {
      this.#errors.push({ command: fullNameOf(spec), error: error.slice(1).trimEnd() })
    }
  }
}
