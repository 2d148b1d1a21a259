/**
 * What of the append-only log holds after a crash: everything up to the cut, the lowest of the last marks of all shards
 * (docs/decisions/0011-append-only-log.md). Finds it, and takes the rest out of the files.
 *
 * Main thread at start, and tools. Invariant: the manifest says how far the log is complete before any file is touched, so that
 * a crash in the middle of it comes to the same cut again.
 */
import { constants, type FileHandle, open, rename, truncate } from 'node:fs/promises'
import path from 'node:path'
import { asciiBytes } from '../base/bytes.js'
import { type AofFile, baseOf, incrementalFilesOf, type Manifest, syncFolder, writeManifest } from './manifest.js'
import { Element, SegmentReader } from './segment-reader.js'
import { UnitEvent, UnitReader } from './units.js'

const BLOCK_BYTES = 1024 * 1024
const MARK_BEGIN = Buffer.from('#M:', 'latin1')

/** What a file is like. */
export interface SegmentScan {
  readonly file: AofFile
  readonly bytes: number
  /** The last mark, 0 for none, and the highest number of a record. */
  readonly mark: number
  readonly gsnMax: number
  readonly records: number
  /** Behind the last whole unit or mark. */
  readonly wholeEnd: number
  /** The time that the file says last, in seconds; 0 when it says none. */
  readonly seconds: number
  readonly damage: Damage | null
}

export interface Damage {
  readonly offset: number
  readonly expected: string
  /** The file ends in the middle of something; else what is there is wrong. */
  readonly isTorn: boolean
  /** Where behind the damage the file goes on with a mark; -1 when nothing can be read behind it. */
  readonly goesOnAt: number
}

/** What is to be taken out of one file. */
export interface Excess {
  readonly file: AofFile
  readonly records: number
  /** Bytes at the end that are no whole record. */
  readonly tornBytes: number
  /** Everything behind this goes; undefined when records that stay come behind some that go. */
  readonly truncateAt: number | undefined
}

export interface LogScan {
  readonly segments: readonly SegmentScan[]
  /** Everything up to this number holds. */
  readonly cut: number
  readonly excess: readonly Excess[]
}

/** The log cannot be loaded as it is. The message says where, why, and what to do. */
export class LogDamageError extends Error {
  readonly code = 'AOF_DAMAGED'

  constructor(
    readonly file: string,
    readonly damage: Damage,
    reason: string,
  ) {
    super(reason)
  }
}

/** @throws an error of the operating system */
export async function scanSegment(folder: string, file: AofFile): Promise<SegmentScan> {
  const name = path.join(folder, file.name)
  const units = new UnitReader()
  units.open(name)
  try {
    let mark = 0
    let gsnMax = 0
    let records = 0
    let wholeEnd = 0
    let damage: Damage | null = null
    scan: for (;;) {
      switch (units.next()) {
        case UnitEvent.unit:
          if (units.gsn > gsnMax) gsnMax = units.gsn
          records += units.records
          wholeEnd = units.end
          break
        case UnitEvent.mark:
          mark = units.mark
          wholeEnd = units.end
          break
        case UnitEvent.more:
          await units.reader.fill()
          break
        case UnitEvent.end:
          wholeEnd = units.reader.totalBytes
          break scan
        case UnitEvent.torn:
          damage = await damageAt(name, units, true)
          break scan
        default:
          damage = await damageAt(name, units, false)
          break scan
      }
    }
    const { totalBytes, seconds } = units.reader
    return { file, bytes: totalBytes, mark, gsnMax, records, wholeEnd, seconds, damage }
  } finally {
    units.close()
  }
}

async function damageAt(name: string, { offset, expected }: UnitReader, isTorn: boolean): Promise<Damage> {
  return { offset, expected, isTorn, goesOnAt: await markAfter(name, offset) }
}

/** Where behind an offset the first mark begins that can be read, -1 when there is none. */
async function markAfter(name: string, offset: number): Promise<number> {
  const handle = await open(name, 'r')
  try {
    const block = Buffer.alloc(BLOCK_BYTES)
    for (let at = offset; ; ) {
      const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, at)
      const read = block.subarray(0, bytesRead)
      for (let i = read.indexOf(MARK_BEGIN); i >= 0; i = read.indexOf(MARK_BEGIN, i + 1)) {
        if (await isMark(name, at + i)) return at + i
      }
      if (bytesRead < BLOCK_BYTES) return -1
      at += bytesRead - MARK_BEGIN.length
    }
  } finally {
    await handle.close()
  }
}

async function isMark(name: string, at: number): Promise<boolean> {
  const reader = new SegmentReader()
  reader.open(name, at)
  try {
    let element = reader.next()
    if (element === Element.more) {
      await reader.fill()
      element = reader.next()
    }
    return element === Element.mark
  } finally {
    reader.close()
  }
}

/** The files of each shard, in order. */
export function chainsOf(manifest: Manifest): AofFile[][] {
  const chains: AofFile[][] = Array.from({ length: manifest.shards }, () => [])
  for (const file of incrementalFilesOf(manifest)) chains[file.shard ?? 0]?.push(file)
  return chains
}

/**
 * Reads all incremental files of a log of ours.
 * @param acceptsDamage for repairs: a shard's log then ends where the damage begins, whatever follows
 * @throws LogDamageError when there is damage in front of something that can be read, an error of the operating system
 */
export async function scanLog(folder: string, manifest: Manifest, acceptsDamage = false): Promise<LogScan> {
  const segments = await Promise.all(incrementalFilesOf(manifest).map((file) => scanSegment(folder, file)))
  const known = Math.max(baseOf(manifest)?.gsn ?? 0, manifest.complete ?? 0)
  const marks = new Array<number>(manifest.shards).fill(known)
  const ended = new Set<number>()
  for (const [i, segment] of segments.entries()) {
    const shard = segment.file.shard ?? 0
    if (ended.has(shard)) continue
    marks[shard] = Math.max(marks[shard] ?? 0, segment.mark)
    if (segment.damage === null) continue
    if (!acceptsDamage) checkDamage(segment, segment.damage, segments.slice(i + 1))
    ended.add(shard)
  }
  const cut = Math.min(...marks)
  const excess: Excess[] = []
  for (const segment of segments) {
    if (segment.gsnMax > cut || segment.damage !== null) excess.push(await excessOf(folder, segment, cut))
  }
  return { segments, cut, excess }
}

/** @throws LogDamageError */
function checkDamage({ file, bytes }: SegmentScan, damage: Damage, later: readonly SegmentScan[]): void {
  const { name, shard } = file
  const goesOn = later.some(
    (segment) =>
      (segment.file.shard ?? 0) === (shard ?? 0) &&
      (segment.records > 0 || segment.mark > 0 || segment.damage !== null),
  )
  if (damage.goesOnAt < 0 && !goesOn) return
  const behind = damage.goesOnAt < 0 ? 'there is a later file of the shard' : `a mark follows at ${damage.goesOnAt}`
  throw new LogDamageError(
    name,
    damage,
    `Bad file format reading the append only file ${name}: damage at byte ${damage.offset} of ${bytes} ` +
      `(expected ${damage.expected}), and ${behind}. Make a backup of the folder, then run shardkeep check --fix on it`,
  )
}

/** What of the file is above the cut, or torn. */
async function excessOf(folder: string, { file, bytes, wholeEnd }: SegmentScan, cut: number): Promise<Excess> {
  const units = new UnitReader()
  units.open(path.join(folder, file.name))
  try {
    let keptEnd = 0
    let records = 0
    let isSuffix = true
    for (let event = units.next(); event <= UnitEvent.more; event = units.next()) {
      if (event === UnitEvent.more) {
        await units.reader.fill()
      } else if (event === UnitEvent.mark) {
        // A mark that was held back may come behind what is above the cut. It is not needed: the manifest says it.
        if (records === 0 && units.mark <= cut) keptEnd = units.end
      } else if (units.gsn > cut) {
        records += units.records
      } else {
        keptEnd = units.end
        if (records > 0) isSuffix = false
      }
    }
    return { file, records, tornBytes: bytes - wholeEnd, truncateAt: isSuffix ? keptEnd : undefined }
  } finally {
    units.close()
  }
}

/**
 * Takes out of the files what does not hold, for good.
 * @returns the manifest that is in force then
 * @throws an error of the operating system
 */
export async function applyRecovery(
  folder: string,
  appendFileName: string,
  manifest: Manifest,
  { cut, excess }: Pick<LogScan, 'cut' | 'excess'>,
): Promise<Manifest> {
  if (excess.length === 0) return manifest
  const complete = { ...manifest, complete: cut }
  await writeManifest(folder, appendFileName, complete)
  for (const { file, truncateAt } of excess) {
    const name = path.join(folder, file.name)
    if (truncateAt !== undefined) await truncateFile(name, truncateAt)
    else await filterFile(folder, file, cut)
  }
  return complete
}

/** Cuts a file off, for good. */
export async function truncateFile(name: string, bytes: number): Promise<void> {
  await truncate(name, bytes)
  const handle = await open(name, constants.O_RDWR)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Puts a copy of the file without what is above the cut into its place. */
async function filterFile(folder: string, file: AofFile, cut: number): Promise<void> {
  const name = path.join(folder, file.name)
  const temporary = path.join(folder, `temp-${file.name}`)
  const source = await open(name, 'r')
  const target = await open(temporary, 'w')
  try {
    await copyUpTo(name, source, target, cut)
    await target.sync()
  } finally {
    await source.close()
    await target.close()
  }
  await rename(temporary, name)
  await syncFolder(folder)
}

async function copyUpTo(name: string, source: FileHandle, target: FileHandle, cut: number): Promise<void> {
  const units = new UnitReader()
  units.open(name)
  let gsn = -1
  let seconds = 0
  let database = 0
  try {
    for (let event = units.next(); event <= UnitEvent.more; event = units.next()) {
      if (event === UnitEvent.more) {
        await units.reader.fill()
      } else if (event === UnitEvent.mark) {
        if (units.mark <= cut) await copyRange(source, units.start, units.end, target)
        gsn = -1
      } else if (units.gsn <= cut) {
        let lines = units.gsn === gsn ? '' : `#G:${units.gsn}\r\n`
        if (units.seconds > seconds) lines += `#TS:${units.seconds}\r\n`
        if (units.database !== database) lines += selectRecord(units.database)
        gsn = units.gsn
        seconds = units.seconds
        database = units.databaseAfter
        if (lines !== '') await target.write(asciiBytes(lines))
        await copyRange(source, units.start, units.end, target)
      }
    }
  } finally {
    units.close()
  }
}

/** A record that selects the database. */
export function selectRecord(database: number): string {
  const digits = String(database)
  return `*2\r\n$6\r\nSELECT\r\n$${digits.length}\r\n${digits}\r\n`
}

async function copyRange(source: FileHandle, start: number, end: number, target: FileHandle): Promise<void> {
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, end - start))
  for (let at = start; at < end; ) {
    const { bytesRead } = await source.read(block, 0, Math.min(block.length, end - at), at)
    if (bytesRead === 0) return
    await target.write(block, 0, bytesRead)
    at += bytesRead
  }
}
