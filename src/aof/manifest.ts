/**
 * The manifest of the append-only log: which files it consists of, in Redis 7's form with lines and words of ours that
 * Redis passes over (docs/decisions/0011-append-only-log.md).
 *
 * Main thread, and tools. Invariant: the manifest on disk is always a whole one, the last or the one before.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { quoteArgument, splitArguments } from '../config/arguments.js'
import { pathToText, textToPath } from '../config/byte-text.js'

/** Redis reads no longer line. */
const LINE_BYTES_MAX = 1024
/** `file NAME seq N type T`; more pairs may follow. */
const WORDS_MIN = 6

const OWN_LINE = /^# shardkeep 1 shards (\d+)(?: complete (\d+))?\s*$/
const HISTORY_PREFIX = '#h '
const OWN_HEAD = /^#G:(\d+)\r\n/
/** Longer than such a line is. */
const HEAD_BYTES = 64
const NEEDS_QUOTES = /[^!-~]|["\\]/

/** `b` is the base, `i` an incremental file, `h` one of Redis's that is superseded and will be removed. */
export type AofFileType = 'b' | 'i' | 'h'

export interface AofFile {
  /** Without a folder, as Node.js names files. */
  readonly name: string
  readonly seq: number
  readonly type: AofFileType
  /** The shard whose records the file holds; none in Redis's own files. */
  readonly shard?: number
  /** Of a base: it holds everything up to this number. Of an incremental file: its records come behind it. */
  readonly gsn?: number
}

/** A file that a newer base has replaced and that is kept for a time. */
export interface HistoryFile extends AofFile {
  readonly untilMs: number
}

export interface Manifest {
  /** How many shards wrote the incremental files; 0 for files of Redis. */
  readonly shards: number
  /** The base first, if there is one, then the others in the order of `seq`. */
  readonly files: readonly AofFile[]
  readonly history: readonly HistoryFile[]
  /** All incremental files are complete up to here, whatever their marks say: what a recovery has found, and has kept. */
  readonly complete?: number
}

export const NO_MANIFEST: Manifest = { shards: 0, files: [], history: [] }

/** The manifest is not what it has to be. The message has Redis's words, with the line where that is known. */
export class ManifestError extends Error {
  readonly code = 'AOF_MANIFEST'

  constructor(
    /** What is wrong, as Redis says it. */
    readonly reason: string,
    /** From 1; 0 when it is not one line that is wrong. */
    readonly line: number,
    readonly text: string,
  ) {
    super(line === 0 ? reason : `Reading the manifest file, at line ${line}: ${reason}: '${text}'`)
  }
}

export function manifestName(appendFileName: string): string {
  return `${appendFileName}.manifest`
}

/** Where a manifest is written before it is in force. */
export function temporaryManifestName(appendFileName: string): string {
  return `temp-${manifestName(appendFileName)}`
}

/** The base of a manifest, if it has one. */
export function baseOf({ files }: Manifest): AofFile | undefined {
  return files.find(({ type }) => type === 'b')
}

/** The incremental files, in order. */
export function incrementalFilesOf({ files }: Manifest): AofFile[] {
  return files.filter(({ type }) => type === 'i').sort((a, b) => a.seq - b.seq)
}

/** @throws ManifestError */
export function parseManifest(bytes: Uint8Array): Manifest {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').split('\n')
  const files: AofFile[] = []
  const history: HistoryFile[] = []
  let shards = 0
  let complete: number | undefined
  let lastSeq = 0
  // What stands behind the last line end is no line, and must be nothing.
  const unfinished = lines.pop()
  if (lines.length === 0 && unfinished === '') throw new ManifestError('Found an empty AOF manifest', 0, '')
  if (unfinished !== '' && unfinished?.startsWith('#') !== true) {
    throw new ManifestError('The AOF manifest file contains too long line', 0, '')
  }
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('#')) {
      const own = OWN_LINE.exec(line)
      if (own !== null) {
        shards = Number(own[1])
        if (own[2] !== undefined) complete = Number(own[2])
      }
      if (line.startsWith(HISTORY_PREFIX)) history.push(parseHistory(line, i + 1))
      continue
    }
    if (line.length >= LINE_BYTES_MAX) throw new ManifestError('The AOF manifest file contains too long line', 0, '')
    const file = parseFile(line, i + 1)
    if (file.type === 'b' && files.some(({ type }) => type === 'b')) {
      throw new ManifestError('Found duplicate base file information', i + 1, line.trim())
    }
    if (file.type === 'i') {
      if (file.seq <= lastSeq) throw new ManifestError('Found a non-monotonic sequence number', i + 1, line.trim())
      lastSeq = file.seq
    }
    files.push(file)
  }
  return { shards, files, history, ...(complete === undefined ? {} : { complete }) }
}

function parseFile(line: string, number: number): AofFile {
  return fileOf(wordsOf(line, number), line, number)
}

function parseHistory(line: string, number: number): HistoryFile {
  const words = wordsOf(line.slice(HISTORY_PREFIX.length), number)
  const untilMs = Number(words[words.indexOf('until') + 1])
  if (!words.includes('until') || Number.isNaN(untilMs)) throw invalid(line, number)
  return { ...fileOf(words, line, number), untilMs }
}

function wordsOf(line: string, number: number): string[] {
  const words = splitArguments(line.trim())
  if (words === undefined || words.length < WORDS_MIN || words.length % 2 !== 0) throw invalid(line, number)
  return words
}

function fileOf(words: readonly string[], line: string, number: number): AofFile {
  let name = ''
  let seq = 0
  let type = ''
  let shard: number | undefined
  let gsn: number | undefined
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1] as string
    switch ((words[i] as string).toLowerCase()) {
      case 'file':
        if (/[/\\]/.test(value)) {
          throw new ManifestError("File can't be a path, just a filename", number, line.trim())
        }
        name = textToPath(value)
        break
      case 'seq':
        seq = Number.parseInt(value, 10) || 0
        break
      case 'type':
        type = value.slice(0, 1)
        break
      case 'shard':
        shard = naturalOf(value, line, number)
        break
      case 'gsn':
        gsn = naturalOf(value, line, number)
        break
      default:
      // As in Redis: what is not known is of a later version, which says something else with it.
    }
  }
  if (name === '' || seq === 0 || type === '') throw invalid(line, number)
  if (type !== 'b' && type !== 'i' && type !== 'h') {
    throw new ManifestError('Unknown AOF file type', number, line.trim())
  }
  return { name, seq, type, ...(shard === undefined ? {} : { shard }), ...(gsn === undefined ? {} : { gsn }) }
}

function naturalOf(value: string, line: string, number: number): number {
  const n = Number(value)
  if (!Number.isSafeInteger(n) || n < 0) throw invalid(line, number)
  return n
}

function invalid(line: string, number: number): ManifestError {
  return new ManifestError('Invalid AOF manifest file format', number, line.trim())
}

/**
 * The text of the file, one character a byte. One shard's looks like Redis's own, so that tools for those read it; what it does
 * not say the files do (`readManifest`).
 */
export function formatManifest({ shards, files, history, complete }: Manifest): string {
  const isPlain = shards <= 1 && history.length === 0 && complete === undefined
  const completeWords = complete === undefined ? '' : ` complete ${complete}`
  const head = isPlain ? [] : [`# shardkeep 1 shards ${shards}${completeWords}`]
  const kept = history.map((file) => `${HISTORY_PREFIX}${formatFile(file, true)} until ${file.untilMs}`)
  return `${[...head, ...inRedisOrder(files).map((file) => formatFile(file, !isPlain)), ...kept].join('\n')}\n`
}

/** Superseded files stand behind the base, those of the last rewrite first. */
function inRedisOrder(files: readonly AofFile[]): AofFile[] {
  const order = { b: 0, h: 1, i: 2 }
  return [...files].sort((a, b) => order[a.type] - order[b.type] || (a.type === 'h' ? 0 : a.seq - b.seq))
}

function formatFile({ name, seq, type, shard, gsn }: AofFile, isWhole: boolean): string {
  const text = pathToText(name)
  const word = NEEDS_QUOTES.test(text) ? quoteArgument(text) : text
  const shardWords = !isWhole || shard === undefined ? '' : ` shard ${shard}`
  const gsnWords = !isWhole || gsn === undefined ? '' : ` gsn ${gsn}`
  return `file ${word} seq ${seq} type ${type}${shardWords}${gsnWords}`
}

/**
 * @param folder that of the log's files
 * @returns null when there is none
 * @throws ManifestError, an error of the operating system
 */
export async function readManifest(folder: string, appendFileName: string): Promise<Manifest | null> {
  try {
    const manifest = parseManifest(await readFile(path.join(folder, manifestName(appendFileName))))
    return manifest.shards > 0 ? manifest : await withOneShard(folder, manifest)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** What an incremental file of one shard begins with: the number behind which its records come. */
export function fileHead(gsn: number): string {
  return `#G:${gsn}\r\n`
}

/**
 * A manifest that says nothing of shards is Redis's, or that of one shard: then its files say it. Files of Redis that one shard
 * goes on with remain Redis's until the next rewrite.
 */
async function withOneShard(folder: string, manifest: Manifest): Promise<Manifest> {
  let first: number | undefined
  let last = 0
  const incremental: AofFile[] = []
  for (const file of incrementalFilesOf(manifest)) {
    const head = await headOf(path.join(folder, file.name))
    const gsn = OWN_HEAD.exec(head)?.[1]
    if (gsn === undefined && first === undefined && head !== '') return manifest
    if (gsn !== undefined) last = Number(gsn)
    first ??= gsn === undefined ? undefined : last
    incremental.push({ ...file, shard: 0, gsn: last })
  }
  if (first === undefined) return manifest
  const gsn = first
  const others = manifest.files.filter(({ type }) => type !== 'i')
  const files = [...others.map((file) => (file.type === 'b' ? { ...file, gsn } : file)), ...incremental]
  return { ...manifest, shards: 1, files }
}

/** Where a file begins; nothing where it is empty, or not there. */
async function headOf(name: string): Promise<string> {
  try {
    const handle = await open(name, 'r')
    try {
      const bytes = Buffer.alloc(HEAD_BYTES)
      const { bytesRead } = await handle.read(bytes, 0, HEAD_BYTES, 0)
      return bytes.toString('latin1', 0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Whoever loads the log says so.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/**
 * Puts the manifest into force, in one step and for good.
 * @throws an error of the operating system; the last manifest then stays in force
 */
export async function writeManifest(folder: string, appendFileName: string, manifest: Manifest): Promise<void> {
  const name = manifestName(appendFileName)
  const temporary = path.join(folder, temporaryManifestName(appendFileName))
  await withFile(temporary, 'w', async (handle) => {
    await handle.writeFile(formatManifest(manifest), 'latin1')
    await handle.sync()
  })
  await rename(temporary, path.join(folder, name))
  await syncFolder(folder)
}

/** Has the names in a folder on the disk. */
export function syncFolder(folder: string): Promise<void> {
  return withFile(folder, 'r', (handle) => handle.sync())
}

async function withFile(name: string, flags: string, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(name, flags)
  try {
    await use(handle)
  } finally {
    await handle.close()
  }
}
