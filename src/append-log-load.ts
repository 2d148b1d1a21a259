/**
 * Loads the data set from the append-only log: finds up to where it holds, loads the base, and has the shards execute the
 * records behind it. Files of this server with as many shards are read by the shards themselves; all others, and Redis's own,
 * by the main thread, which sends each record where its keys are now.
 *
 * Main thread. Texts are Redis's where Redis has one: tools and tests look for them in the log.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { barrierOrder } from './aof/barrier-order.js'
import {
  type AofFile,
  baseOf,
  incrementalFilesOf,
  type Manifest,
  ManifestError,
  NO_MANIFEST,
  readManifest,
  writeManifest,
} from './aof/manifest.js'
import { operationsOf } from './aof/ordered-units.js'
import { applyRecovery, chainsOf, LogDamageError, type LogScan, scanLog, truncateFile } from './aof/recovery.js'
import { Element, RecordKind, SegmentReader } from './aof/segment-reader.js'
import { UnitEvent, UnitReader } from './aof/units.js'
import { asciiBytes } from './base/bytes.js'
import type { LogLines } from './base/log-lines.js'
import { shardReplayFile, shardReplaying, shardReplayOn } from './commands/replay.js'
import type { ReplayError } from './commands/replay-report.js'
import { readFunctionPayload } from './commands/scripting/function-payload.js'
import type { FunctionServices } from './commands/server-services.js'
import { systemErrorText } from './config/system-error.js'
import { RdbFileError } from './rdb/file-error.js'
import { faultText, RecordFault, RecordFeed, reportIn, UnknownRecordError } from './record-feed.js'
import type { ShardRequests } from './shard-requests.js'
import { type LoadProgress, loadSnapshot } from './snapshot-load.js'

const MS_PER_SECOND = 1000
const RDB_SIGNATURE = 'REDIS'
const YES = asciiBytes('1')
const NO = asciiBytes('0')

/** The log cannot be loaded, and the server must not start without it. The message is what an operator needs to know last. */
export class AppendLogLoadError extends Error {
  readonly code = 'AOF_NOT_LOADED'
}

export interface AppendLogSource {
  /** `dir`, and the names in it. */
  readonly folder: string
  readonly appendDirName: string
  readonly appendFileName: string
  /** `aof-load-truncated`: a file that ends in the middle of a record is cut off there. */
  readonly loadsTruncated: boolean
  readonly checksChecksum: boolean
  readonly databases: number
  readonly nowMs: number
  readonly keyDelayUs: () => number
}

export interface LoadedAppendLog {
  readonly manifest: Manifest
  /** Everything up to this number was loaded; the next one given must be higher. */
  readonly cutGsn: number
  /** The files cannot be continued by as many shards as there are. */
  readonly needsRewrite: boolean
  readonly records: number
}

/**
 * @returns null when there is no log
 * @throws AppendLogLoadError; a part of the data may then be there
 */
export async function loadAppendLog(
  shards: ShardRequests,
  functions: FunctionServices,
  source: AppendLogSource,
  progress: LoadProgress,
  log: LogLines,
): Promise<LoadedAppendLog | null> {
  return new AppendLogLoad(shards, functions, source, progress, log).run()
}

class AppendLogLoad {
  readonly #folder: string
  #records = 0
  #gsnMax = 0

  constructor(
    private readonly shards: ShardRequests,
    private readonly functions: FunctionServices,
    private readonly source: AppendLogSource,
    private readonly progress: LoadProgress,
    private readonly log: LogLines,
  ) {
    this.#folder = path.join(source.folder, source.appendDirName)
  }

  async run(): Promise<LoadedAppendLog | null> {
    const startedMs = performance.now()
    const manifest = await this.#upgrade(await this.#manifest())
    if (baseOf(manifest) === undefined && incrementalFilesOf(manifest).length === 0) return null
    this.progress.totalBytes = await this.#totalBytes(manifest)
    const isOurs = manifest.shards > 0
    if (this.progress.totalBytes === 0) {
      return { manifest, cutGsn: 0, needsRewrite: this.#needsRewrite(manifest), records: 0 }
    }
    await this.shards.askAll(shardReplaying, [YES])
    const loaded = isOurs ? await this.#loadOurs(manifest) : await this.#loadForeign(manifest)
    await this.shards.askAll(shardReplaying, [NO])
    this.shards.continueFrom(loaded.cutGsn)
    this.log.notice(`DB loaded from append only file: ${secondsSince(startedMs)} seconds`)
    return loaded
  }

  /** Files of Redis are those of one shard. */
  #needsRewrite({ shards }: Manifest): boolean {
    return Math.max(1, shards) !== this.shards.shardCount
  }

  async #manifest(): Promise<Manifest> {
    try {
      return (await readManifest(this.#folder, this.source.appendFileName)) ?? NO_MANIFEST
    } catch (error) {
      if (!(error instanceof ManifestError)) throw new AppendLogLoadError(systemErrorText(error))
      this.log.warning('\n*** FATAL AOF MANIFEST FILE ERROR ***\n')
      if (error.line > 0) {
        this.log.warning(`Reading the manifest file, at line ${error.line}\n`)
        this.log.warning(`>>> '${error.text}'\n`)
      }
      throw new AppendLogLoadError(error.reason)
    }
  }

  /** Takes over the one file that Redis had before version 7. */
  async #upgrade(manifest: Manifest): Promise<Manifest> {
    const { folder, appendDirName, appendFileName } = this.source
    const single = path.join(folder, appendFileName)
    const target = path.join(this.#folder, appendFileName)
    const base = baseOf(manifest)
    const hasIncremental = incrementalFilesOf(manifest).length > 0
    const isBegun = base?.name === appendFileName && !hasIncremental && !existsSync(target)
    if (!existsSync(single) || !(isBegun || (base === undefined && !hasIncremental))) return manifest
    try {
      await mkdir(this.#folder, { recursive: true })
      const upgraded: Manifest = { shards: 0, files: [{ name: appendFileName, seq: 1, type: 'b' }], history: [] }
      await writeManifest(this.#folder, appendFileName, upgraded)
      await rename(single, target)
      this.log.notice(
        `Successfully migrated an old-style AOF file (${appendFileName}) into the AOF directory (${appendDirName}).`,
      )
      return upgraded
    } catch (error) {
      throw new AppendLogLoadError(
        `Error trying to move the old AOF file ${appendFileName} into dir ${appendDirName}: ${systemErrorText(error)}`,
      )
    }
  }

  async #totalBytes(manifest: Manifest): Promise<number> {
    let bytes = 0
    for (const { name } of filesInOrder(manifest)) {
      try {
        bytes += (await stat(path.join(this.#folder, name))).size
      } catch (error) {
        throw new AppendLogLoadError(`Unable to obtain the AOF file ${name} length. stat: ${systemErrorText(error)}`)
      }
    }
    return bytes
  }

  async #loadOurs(manifest: Manifest): Promise<LoadedAppendLog> {
    const scan = await this.#scan(manifest)
    const needsRewrite = this.#needsRewrite(manifest)
    this.#checkTorn(scan)
    const kept = needsRewrite ? manifest : await applyRecovery(this.#folder, this.source.appendFileName, manifest, scan)
    const base = baseOf(manifest)
    if (base !== undefined) await this.#loadBase(base)
    if (needsRewrite) await this.#replayInOrder(manifest, scan.cut)
    else await this.#replayOnShards(manifest, scan.cut)
    return { manifest: kept, cutGsn: scan.cut, needsRewrite, records: this.#records }
  }

  async #scan(manifest: Manifest): Promise<LogScan> {
    try {
      return await scanLog(this.#folder, manifest)
    } catch (error) {
      if (error instanceof LogDamageError) throw new AppendLogLoadError(error.message)
      throw error
    }
  }

  /** Tells what does not hold; a file that ends in the middle of something is only loaded where that is allowed. */
  #checkTorn({ cut, excess, segments }: LogScan): void {
    let records = 0
    for (const { file, records: dropped, tornBytes, truncateAt } of excess) {
      records += dropped
      const isTorn = segments.some((segment) => segment.file === file && segment.damage !== null)
      if (!isTorn) continue
      this.#shortRead(file.name, truncateAt)
      if (tornBytes > 0) this.log.verbose(`${tornBytes} bytes at the end of ${file.name} are no whole record`)
    }
    if (records === 0) return
    const hasOthers = segments.some(({ file }) => (file.shard ?? 0) !== 0)
    this.log.warning(
      `The log is complete up to operation ${cut}: ${records} records that were written after it are dropped, ` +
        (hasOthers ? 'because other shards have not written theirs.' : 'because it ends before the next mark.'),
    )
  }

  /** @throws AppendLogLoadError unless such files are loaded */
  #shortRead(name: string, offset: number | undefined): void {
    if (!this.source.loadsTruncated) {
      throw new AppendLogLoadError(
        `Unexpected end of file reading the append only file ${name}. You can: 1) Make a backup of your AOF file, then ` +
          `use shardkeep check --fix on its folder. 2) Alternatively you can set the 'aof-load-truncated' configuration ` +
          'option to yes and restart the server.',
      )
    }
    this.log.warning(`!!! Warning: short read while loading the AOF file ${name}!!!`)
    if (offset !== undefined) this.log.warning(`!!! Truncating the AOF ${name} at offset ${offset} !!!`)
    this.log.warning(`AOF ${name} loaded anyway because aof-load-truncated is enabled`)
  }

  /** Every shard reads its own files, one after the other. */
  async #replayOnShards(manifest: Manifest, cut: number): Promise<void> {
    const startedMs = performance.now()
    const { loadedBytes } = this.progress
    const chains = chainsOf(manifest)
    const done = chains.map(() => 0)
    await Promise.all(
      chains.map(async (files, shard) => {
        let before = 0
        for (const { name } of files) {
          const argv = [Buffer.from(path.join(this.#folder, name), 'utf8'), asciiBytes(String(cut))]
          await this.shards.ask(shard, shardReplayFile, argv, 0, 0)
          let offset = 0
          // The next portion is asked for while one is being executed, so that the shard need not wait.
          let next = this.shards.ask(shard, shardReplayOn, [], 0, 0)
          for (let isThrough = false; !isThrough; ) {
            const reply = await next
            const report = reportIn(reply)
            isThrough = report.isThrough
            if (!isThrough && report.fault === null) next = this.shards.ask(shard, shardReplayOn, [], 0, 0)
            this.#records += report.records
            for (const error of report.errors) this.#failed(error)
            for (const argv of report.forMain) this.#runOnMain(argv.map((text) => Buffer.from(text, 'latin1')))
            if (report.fault !== null) throw this.#fault(name, report.fault.kind === 'unknown', faultText(report.fault))
            offset = report.offset
            done[shard] = before + offset
            this.progress.loadedBytes = loadedBytes + done.reduce((sum, bytes) => sum + bytes, 0)
          }
          before += offset
        }
      }),
    )
    for (const { name } of incrementalFilesOf(manifest)) {
      this.log.notice(`DB loaded from incr file ${name}: ${secondsSince(startedMs)} seconds`)
    }
  }

  /** The files of other shards than there are now: everything in the order in which it happened. */
  async #replayInOrder(manifest: Manifest, cut: number): Promise<void> {
    const feed = this.#feed()
    const reader = new SegmentReader()
    for await (const { units } of operationsOf(this.#folder, chainsOf(manifest), 0, cut)) {
      for (const { bytes, database, file } of barrierOrder(units)) {
        reader.openBytes(bytes, 0, bytes.length)
        reader.database = database
        this.progress.loadedBytes += bytes.length
        this.#takeAll(feed, reader, file)
      }
      await this.#room(feed)
    }
    await this.#finish(feed, 'the append only files')
  }

  #takeAll(feed: RecordFeed, reader: SegmentReader, file: string): void {
    while (reader.next() === Element.record) if (reader.kind === RecordKind.plain) this.#take(feed, reader, file)
  }

  #take(feed: RecordFeed, reader: SegmentReader, file: string): void {
    try {
      feed.take(reader)
    } catch (error) {
      if (!(error instanceof UnknownRecordError)) throw error
      throw this.#fault(file, true, error.message)
    }
  }

  async #room(feed: RecordFeed): Promise<void> {
    try {
      await feed.room()
    } catch (error) {
      if (!(error instanceof RecordFault)) throw error
      throw this.#fault('', false, error.message)
    }
  }

  async #finish(feed: RecordFeed, file: string): Promise<void> {
    try {
      await feed.finish()
    } catch (error) {
      if (!(error instanceof RecordFault)) throw error
      throw this.#fault(file, false, error.message)
    }
    this.#records += feed.records
  }

  #feed(): RecordFeed {
    return new RecordFeed(this.shards, {
      forMain: (argv) => this.#runOnMain(argv),
      failed: (error) => this.#failed(error),
    })
  }

  #fault(file: string, isUnknown: boolean, text: string): AppendLogLoadError {
    return new AppendLogLoadError(
      isUnknown
        ? `${text} reading the append only file ${file}`
        : `Bad file format reading the append only file ${file}: ${text}: make a backup of your AOF file, then use ` +
            'shardkeep check --fix on its folder',
    )
  }

  #failed({ command, error }: ReplayError): void {
    this.log.warning(
      `== CRITICAL == This server is sending an error to its AOF-loading-client: '${error}' after processing the command ` +
        `'${command}'`,
    )
  }

  /** Redis's files, one after the other. */
  async #loadForeign(manifest: Manifest): Promise<LoadedAppendLog> {
    const files = filesInOrder(manifest)
    for (const [i, file] of files.entries()) {
      const startedMs = performance.now()
      const isLast = i === files.length - 1
      if (file.type !== 'b') await this.#loadRecords(file, 0, isLast)
      else await this.#loadBase(file, isLast)
      if (file.type !== 'b')
        this.log.notice(`DB loaded from incr file ${file.name}: ${secondsSince(startedMs)} seconds`)
    }
    const needsRewrite = this.#needsRewrite(manifest)
    return { manifest, cutGsn: this.#gsnMax, needsRewrite, records: this.#records }
  }

  /** A base is an RDB file, or consists of records, or of both: that is what Redis wrote before version 7. */
  async #loadBase(file: AofFile, isLast = false): Promise<void> {
    const startedMs = performance.now()
    const { name } = file
    const filePath = path.join(this.#folder, name)
    const isSingle = name === this.source.appendFileName
    let recordsFrom = 0
    if (await isRdb(filePath)) {
      this.log.notice(isSingle ? 'Reading RDB preamble from AOF file...' : 'Reading RDB base file on AOF loading...')
      recordsFrom = await this.#loadRdb(filePath, name, isSingle)
      if (isSingle) this.log.notice('Reading the remaining AOF tail...')
    }
    const { size } = await stat(filePath)
    if (recordsFrom < size) await this.#loadRecords(file, recordsFrom, isLast)
    this.log.notice(`DB loaded from base file ${name}: ${secondsSince(startedMs)} seconds`)
  }

  /** @returns where the RDB data end */
  async #loadRdb(filePath: string, name: string, isSingle: boolean): Promise<number> {
    const { source, shards, progress, log, functions } = this
    const request = {
      path: filePath,
      checksChecksum: source.checksChecksum,
      databases: source.databases,
      nowMs: source.nowMs,
      replaces: false,
      keepsExpired: true,
      keyDelayUs: source.keyDelayUs,
    }
    try {
      await loadSnapshot(shards, request, progress, log)
    } catch (error) {
      const reason = error instanceof RdbFileError ? error.message : systemErrorText(error)
      const what = isSingle ? 'RDB preamble of the AOF file' : 'RDB base file'
      throw new AppendLogLoadError(`Error reading the ${what} ${name}, AOF loading aborted: ${reason}`)
    }
    const fault = functions.restore(progress.libraries, 'flush')
    if (fault !== undefined) {
      throw new AppendLogLoadError(`Failed loading library, ${Buffer.from(fault).toString('latin1', 1).trimEnd()}`)
    }
    return progress.loadedBytes
  }

  /** Records from a place in the file on, in the order in which they stand there. */
  async #loadRecords({ name }: AofFile, from: number, isLast: boolean): Promise<void> {
    const filePath = path.join(this.#folder, name)
    const before = this.progress.loadedBytes - from
    const feed = this.#feed()
    const units = new UnitReader(true)
    const block = new SegmentReader()
    units.open(filePath, from)
    let wholeEnd = from
    try {
      let event: number = units.next()
      for (; event <= UnitEvent.more; event = units.next()) {
        if (event === UnitEvent.more) {
          await units.reader.fill()
          await this.#room(feed)
          this.progress.loadedBytes = before + units.reader.position
        } else if (event === UnitEvent.mark) {
          if (units.mark > this.#gsnMax) this.#gsnMax = units.mark
        } else {
          wholeEnd = units.end
          if (units.gsn > this.#gsnMax) this.#gsnMax = units.gsn
          if (units.block === null) {
            this.#take(feed, units.reader, name)
            continue
          }
          block.database = units.database
          for (const record of units.block) {
            const { database } = block
            block.openBytes(record, 0, record.length)
            block.database = database
            this.#takeAll(feed, block, name)
          }
        }
      }
      await this.#finish(feed, name)
      this.progress.loadedBytes = before + units.reader.position
      if (event === UnitEvent.end) return
      if (event === UnitEvent.bad) throw this.#fault(name, false, `expected ${units.expected} at byte ${units.offset}`)
      if (units.expected === 'EXEC') this.log.warning(`Revert incomplete MULTI/EXEC transaction in AOF file ${name}`)
    } finally {
      units.close()
    }
    this.#shortRead(name, wholeEnd)
    await truncateFile(filePath, wholeEnd)
    if (!isLast) throw new AppendLogLoadError('Fatal error: the truncated file is not the last file')
  }

  /** FUNCTION, the only command of the main thread that is logged. What else there may be has no effect on data. */
  #runOnMain(argv: readonly Uint8Array[]): void {
    const words = argv.map((argument) => Buffer.from(argument).toString('latin1'))
    if (words[0]?.toLowerCase() !== 'function') return
    const fault = this.#runFunction(words[1]?.toLowerCase() ?? '', words, argv)
    if (fault === undefined) return
    const error = Buffer.from(fault).toString('latin1').replace(/^-/, '').trimEnd()
    this.#failed({ command: `function|${words[1]?.toLowerCase() ?? ''}`, error })
  }

  /** @returns the encoded error */
  #runFunction(subcommand: string, words: readonly string[], argv: readonly Uint8Array[]): Uint8Array | undefined {
    const { functions } = this
    switch (subcommand) {
      case 'load': {
        const result = functions.load(argv[argv.length - 1] as Uint8Array, words[2]?.toLowerCase() === 'replace')
        return typeof result === 'string' ? undefined : result
      }
      case 'delete':
        return functions.delete(words[2] ?? '') ? undefined : asciiBytes('-ERR Library not found\r\n')
      case 'flush':
        functions.flush()
        return undefined
      case 'restore': {
        const codes = readFunctionPayload(argv[2] as Uint8Array)
        if (typeof codes === 'string') return asciiBytes(`-${codes}\r\n`)
        const policy = words[3]?.toLowerCase()
        return functions.restore(codes, policy === 'flush' || policy === 'replace' ? policy : 'append')
      }
      default:
        return undefined
    }
  }
}

function filesInOrder(manifest: Manifest): AofFile[] {
  const base = baseOf(manifest)
  return [...(base === undefined ? [] : [base]), ...incrementalFilesOf(manifest)]
}

async function isRdb(filePath: string): Promise<boolean> {
  const handle = await open(filePath, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(RDB_SIGNATURE.length), 0, RDB_SIGNATURE.length, 0)
    return buffer.toString('latin1', 0, bytesRead) === RDB_SIGNATURE
  } finally {
    await handle.close()
  }
}

function secondsSince(startedMs: number): string {
  return ((performance.now() - startedMs) / MS_PER_SECOND).toFixed(3)
}
