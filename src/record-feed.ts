/**
 * Has records of the append-only log executed wherever their keys are now: those of one shard go there in batches as they stand
 * in the file, and the others by themselves, as commands of clients do.
 *
 * Main thread. Invariant: what was taken first enters the rings first, as far as it is for the same shard, and nothing else is on
 * the way but a few MiB.
 */
import type { SegmentReader } from './aof/segment-reader.js'
import { copyBytes, latin1Of } from './base/bytes.js'
import { shardReplay } from './commands/replay.js'
import type { ReplayError, ReplayReport } from './commands/replay-report.js'
import type { CommandSpec } from './commands/spec.js'
import { arityFits, findRecordId, fullNameOf, specs } from './commands/table.js'
import { bulkBody, isError } from './resp/reply-reader.js'
import type { ShardRequests } from './shard-requests.js'

/** A batch is sent when it is so long: a quarter of what a ring takes in one frame by default. */
const BATCH_BYTES = 64 * 1024
const WAY_BYTES_MAX = 4 * 1024 * 1024

/** A command that this server does not know. */
export class UnknownRecordError extends Error {
  readonly code = 'AOF_UNKNOWN_COMMAND'

  constructor(readonly command: string) {
    super(`Unknown command '${command}'`)
  }
}

/** A shard cannot execute a record. */
export class RecordFault extends Error {
  readonly code = 'AOF_RECORD'
}

export interface RecordFeedEvents {
  /** A record of a command of the main thread. */
  forMain(argv: readonly Uint8Array[]): void
  /** A record was answered with an error. */
  failed(error: ReplayError): void
}

interface Batch {
  bytes: Uint8Array
  length: number
  database: number
}

export class RecordFeed {
  records = 0
  readonly #batches: Batch[]
  #wayBytes = 0
  #fault: RecordFault | undefined
  #wake: (() => void) | undefined

  constructor(
    private readonly shards: ShardRequests,
    private readonly events: RecordFeedEvents,
  ) {
    this.#batches = Array.from({ length: shards.shardCount }, () => ({
      bytes: new Uint8Array(2 * BATCH_BYTES),
      length: 0,
      database: 0,
    }))
  }

  /**
   * Takes the record in hand.
   * @throws UnknownRecordError
   */
  take(reader: SegmentReader): void {
    const { bytes, offsets, lengths, argc } = reader
    const id = findRecordId(bytes, offsets, lengths, argc)
    if (id < 0) throw new UnknownRecordError(latin1Of(bytes, offsets[0] as number, lengths[0] as number))
    this.records++
    const spec = specs[id] as CommandSpec
    if (!arityFits(id, argc)) {
      const command = fullNameOf(spec)
      this.events.failed({ command, error: `ERR wrong number of arguments for '${command}' command` })
    } else if (spec.shard === undefined) {
      this.events.forMain(argvOf(reader))
    } else {
      const shard = this.shards.onlyShard(spec, bytes, offsets, lengths, argc)
      if (shard < 0) this.#runOverShards(spec, argvOf(reader), reader.database)
      else this.#add(this.#batches[shard] as Batch, shard, reader)
    }
  }

  #add(batch: Batch, shard: number, reader: SegmentReader): void {
    const length = reader.recordLength
    if (batch.length > 0 && (batch.database !== reader.database || batch.length + length > BATCH_BYTES)) {
      this.#send(shard)
    }
    batch.database = reader.database
    if (length > batch.bytes.length) {
      this.#ask(shard, reader.copyRecord(), reader.database)
      return
    }
    copyBytes(reader.bytes, reader.recordAt, batch.bytes, batch.length, length)
    batch.length += length
  }

  #send(shard: number): void {
    const batch = this.#batches[shard] as Batch
    if (batch.length === 0) return
    this.#ask(shard, batch.bytes.subarray(0, batch.length), batch.database)
    batch.length = 0
  }

  /** The bytes may be overwritten when this returns. */
  #ask(shard: number, records: Uint8Array, database: number): void {
    this.#wayBytes += records.length
    const { length } = records
    void this.shards.ask(shard, shardReplay, [records], database, 0).then((reply) => {
      const { errors, fault } = reportIn(reply)
      for (const error of errors) this.events.failed(error)
      if (fault !== null) this.#fault ??= new RecordFault(faultText(fault))
      this.#arrived(length)
    })
  }

  #runOverShards(spec: CommandSpec, argv: readonly Uint8Array[], database: number): void {
    for (let shard = 0; shard < this.#batches.length; shard++) this.#send(shard)
    const bytes = argv.reduce((sum, { length }) => sum + length, 0)
    this.#wayBytes += bytes
    void this.shards.run(spec, argv, database).then((reply) => {
      if (isError(reply)) {
        const error = Buffer.from(reply).toString('latin1', 1).trimEnd()
        this.events.failed({ command: fullNameOf(spec), error })
      }
      this.#arrived(bytes)
    })
  }

  #arrived(bytes: number): void {
    this.#wayBytes -= bytes
    this.#wake?.()
  }

  /**
   * Waits until there is room for more.
   * @throws RecordFault
   */
  async room(): Promise<void> {
    await this.#waitForWay(WAY_BYTES_MAX)
  }

  /**
   * Sends what is left, and waits until everything has been executed.
   * @throws RecordFault
   */
  async finish(): Promise<void> {
    for (let shard = 0; shard < this.#batches.length; shard++) this.#send(shard)
    await this.#waitForWay(0)
  }

  async #waitForWay(bytesMax: number): Promise<void> {
    while (this.#wayBytes > bytesMax && this.#fault === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#fault !== undefined) throw this.#fault
  }
}

function argvOf({ bytes, offsets, lengths, argc }: SegmentReader): Uint8Array[] {
  return Array.from({ length: argc }, (_, i) => {
    const from = offsets[i] as number
    return bytes.slice(from, from + (lengths[i] as number))
  })
}

/** What a shard says of the records that it has executed. */
export function reportIn(reply: Uint8Array): ReplayReport {
  return JSON.parse(Buffer.from(bulkBody(reply, 0) ?? reply).toString('utf8')) as ReplayReport
}

/** What is wrong with a record, in words. */
export function faultText({ kind, text }: NonNullable<ReplayReport['fault']>): string {
  if (kind === 'memory') return `the data do not fit into the memory of their shard (at ${text})`
  return kind === 'unknown' ? `Unknown command '${text}'` : `expected ${text}`
}
