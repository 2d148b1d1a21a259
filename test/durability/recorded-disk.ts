/**
 * A disk that forgets: from what a server did to the files of its directory (file-calls.cjs), what may be there when the power
 * fails at some moment.
 *
 * Only used by tests. The harsh reading of POSIX: bytes are there for certain when a sync of their file has begun after they
 * were written, and has returned; names when a sync of their directory has. Of what came later, a part may be there: names
 * up to some moment, because file systems keep their order, and the bytes of each file up to any offset.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Choice } from '../differential/choice.js'

export interface FileCall {
  readonly call: 'open' | 'write' | 'fsync' | 'fdatasync' | 'ftruncate' | 'rename' | 'unlink' | 'mkdir'
  readonly path: string
  /** When it began and returned, in ms of the machine's monotonic clock. */
  readonly from: number
  readonly to: number
  /** Of a write: base64. */
  readonly data?: string
  /** Of a write: null for behind what the file has. */
  readonly position?: number | null
  readonly length?: number
  readonly target?: string
  readonly flags?: string | number
  readonly wasThere?: boolean
  /** It was made to fail, with this error. */
  readonly failed?: string
}

interface Change {
  readonly from: number
  readonly to: number
  /** Null: the file is cut to `length`. */
  readonly bytes: Buffer | null
  readonly position: number | null
  readonly length: number
}

interface File {
  readonly initial: Buffer
  readonly changes: Change[]
  /** Syncs, with what they made certain. */
  readonly syncs: { readonly from: number; readonly to: number }[]
}

/** A change of a directory: a name gets a file, or none. */
interface Naming {
  readonly from: number
  readonly directory: string
  readonly apply: (names: Map<string, File>) => void
}

/** What becomes of the bytes that no sync has made certain. */
const FATES = ['gone', 'all', 'torn', 'zeros'] as const
type Fate = (typeof FATES)[number]

/** A disk's unit: what is not written of one reads as zeros. */
const BLOCK_BYTES = 4096

export interface RecordedDisk {
  /** When its first and its last call returned. */
  readonly fromMs: number
  readonly toMs: number
  readonly calls: number
  /** Writes what is left to a directory, which must be empty. @returns what was decided, for a person */
  crash(atMs: number, choice: Choice, directory: string): string
  /** What everything together gives: the directory as the system shows it. */
  complete(): Map<string, Buffer>
}

/** The files of a directory, as they are: the disk that a recording begins with. */
export function filesUnder(directory: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    found.set(path.relative(directory, file), readFileSync(file))
  }
  return found
}

/**
 * @param directory what was recorded
 * @param initial its files before, all of them on the disk
 */
export function readRecording(traces: string, directory: string, initial: ReadonlyMap<string, Buffer>): RecordedDisk {
  const calls = readCalls(traces).filter(({ failed }) => failed === undefined)
  return new Recording(calls, directory, initial)
}

/** The calls that were written down so far, in the order in which they began. */
export function readCalls(traces: string): FileCall[] {
  const lines = readdirSync(traces).flatMap((name) => readFileSync(path.join(traces, name), 'utf8').split('\n'))
  // The last line of a thread that was killed may be torn; the call had not been told to anybody then.
  const calls = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as FileCall)
  return calls.filter(({ path }) => !path.endsWith(' (deleted)')).sort((a, b) => a.from - b.from)
}

class Recording implements RecordedDisk {
  readonly calls: number
  readonly fromMs: number
  readonly toMs: number
  readonly #initial = new Map<string, File>()
  readonly #files = new Set<File>()
  readonly #namings: Naming[] = []
  readonly #directorySyncs: { readonly directory: string; readonly from: number; readonly to: number }[] = []
  /** The names as the running system has them. */
  readonly #names: Map<string, File>

  constructor(calls: readonly FileCall[], directory: string, initial: ReadonlyMap<string, Buffer>) {
    for (const [name, bytes] of initial) this.#initial.set(name, this.#file(bytes))
    this.#names = new Map(this.#initial)
    const isDirectory = (name: string): boolean =>
      name === '' || [...this.#names.keys()].some((file) => file.startsWith(`${name}/`))
    for (const call of calls) {
      const name = path.relative(directory, call.path)
      switch (call.call) {
        case 'open':
          this.#opened(call, name)
          break
        case 'write': {
          const bytes = Buffer.from(call.data as string, 'base64')
          this.#change(name, call, { bytes, position: call.position ?? null, length: bytes.length })
          break
        }
        case 'ftruncate':
          this.#change(name, call, { bytes: null, position: null, length: call.length as number })
          break
        case 'fsync':
        case 'fdatasync':
          if (isDirectory(name))
            this.#directorySyncs.push({ directory: name === '' ? '.' : name, from: call.from, to: call.to })
          else this.#names.get(name)?.syncs.push({ from: call.from, to: call.to })
          break
        case 'rename':
          this.#renamed(call, name, path.relative(directory, call.target as string))
          break
        case 'unlink':
          this.#name(call.from, name, (names) => names.delete(name))
          break
        case 'mkdir':
          break
      }
    }
    this.calls = calls.length
    this.fromMs = calls[0]?.from ?? 0
    this.toMs = Math.max(0, ...calls.map(({ to }) => to))
  }

  #file(initial: Buffer): File {
    const file: File = { initial, changes: [], syncs: [] }
    this.#files.add(file)
    return file
  }

  #name(from: number, name: string, apply: (names: Map<string, File>) => void): void {
    apply(this.#names)
    this.#namings.push({ from, directory: path.dirname(name), apply })
  }

  #opened(call: FileCall, name: string): void {
    const { flags, wasThere, from } = call
    if (wasThere !== true) {
      const file = this.#file(Buffer.alloc(0))
      this.#name(from, name, (names) => names.set(name, file))
    } else if (typeof flags === 'string' && flags.startsWith('w')) {
      this.#change(name, call, { bytes: null, position: null, length: 0 })
    }
  }

  #renamed({ from }: FileCall, name: string, target: string): void {
    const file = this.#names.get(name)
    if (file === undefined) throw new Error(`${name} is renamed, and nobody has made it`)
    this.#name(from, name, (names) => {
      if (names.get(name) === file) names.delete(name)
      names.set(target, file)
    })
  }

  #change(name: string, { from, to }: FileCall, change: Omit<Change, 'from' | 'to'>): void {
    const file = this.#names.get(name)
    if (file === undefined) throw new Error(`${name} is written to, and nobody has made it`)
    file.changes.push({ ...change, from, to })
  }

  complete(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, { initial, changes }]) => [name, changed(initial, changes)]))
  }

  crash(atMs: number, choice: Choice, directory: string): string {
    const decisions: string[] = []
    const names = this.#namesAt(atMs, choice, decisions)
    // Fates of different files are independent of each other; now and then all have the same.
    const common = choice.oneIn(3) ? choice.of(FATES) : undefined
    for (const [name, file] of names) {
      const fate = common ?? choice.of(FATES)
      const bytes = bytesAt(file, atMs, fate, choice, (decision) => decisions.push(`${name} ${decision}`))
      mkdirSync(path.join(directory, path.dirname(name)), { recursive: true })
      writeFileSync(path.join(directory, name), bytes)
    }
    return decisions.join('; ')
  }

  #namesAt(atMs: number, choice: Choice, decisions: string[]): Map<string, File> {
    const names = new Map(this.#initial)
    const done = this.#namings.filter(({ from }) => from <= atMs)
    const isCertain = ({ from, directory }: Naming): boolean =>
      this.#directorySyncs.some((sync) => sync.directory === directory && sync.from >= from && sync.to <= atMs)
    const certain = done.findLastIndex(isCertain) + 1
    // With most crashes nothing is forgotten that had some time to be written by itself.
    const kept = choice.between(certain, done.length)
    if (kept < done.length)
      decisions.push(`${done.length - kept} of ${done.length - certain} uncertain names forgotten`)
    for (const { apply } of done.slice(0, kept)) apply(names)
    return names
  }
}

function bytesAt(file: File, atMs: number, fate: Fate, choice: Choice, decided: (text: string) => void): Buffer {
  const begun = file.changes.filter(({ from }) => from <= atMs)
  const synced = Math.max(0, ...file.syncs.filter(({ to }) => to <= atMs).map(({ from }) => from))
  const certainCount = begun.findLastIndex(({ to }) => to <= synced) + 1
  const certain = changed(file.initial, begun.slice(0, certainCount))
  const uncertain = begun.slice(certainCount)
  if (uncertain.length === 0) return certain
  // A cut of the file happens or not; bytes behind the last cut that is there may be torn.
  const cut = uncertain.findLastIndex(({ bytes }) => bytes === null) + 1
  if (fate === 'gone') {
    decided(`keeps ${certain.length} certain bytes`)
    return certain
  }
  const from = changed(certain, uncertain.slice(0, cut))
  const all = changed(from, uncertain.slice(cut))
  if (fate === 'all' || all.length <= from.length) {
    decided(`keeps all ${all.length} bytes, ${certain.length} were certain`)
    return all
  }
  const length = choice.between(from.length, all.length)
  if (fate === 'torn') {
    decided(`is torn at ${length} of ${all.length}, ${certain.length} were certain`)
    return all.subarray(0, length)
  }
  // The file system knows the new length, and the disk does not have the bytes: a block reads as zeros from some offset on.
  const end = Math.min(all.length, (Math.floor(length / BLOCK_BYTES) + 1) * BLOCK_BYTES)
  decided(`has zeros from ${length} to ${end} of ${all.length}, ${certain.length} were certain`)
  return Buffer.concat([all.subarray(0, length), Buffer.alloc(end - length)])
}

/** A file's bytes after these changes. */
function changed(initial: Buffer, changes: readonly Change[]): Buffer {
  let length = initial.length
  let bytes = Buffer.alloc(initial.length + changes.reduce((sum, change) => sum + change.length, 0))
  initial.copy(bytes)
  for (const change of changes) {
    if (change.bytes === null) {
      if (change.length > bytes.length) bytes = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(change.length)])
      bytes.fill(0, change.length)
      length = change.length
      continue
    }
    const at = change.position ?? length
    const end = at + change.bytes.length
    if (end > bytes.length) bytes = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(end - length)])
    change.bytes.copy(bytes, at)
    length = Math.max(length, end)
  }
  return bytes.subarray(0, length)
}

/** Whether a recording has seen everything: what it comes to must be what is there. @returns the names that differ */
export function differencesFrom(directory: string, disk: RecordedDisk): string[] {
  const expected = disk.complete()
  const actual = filesUnder(directory)
  const names = new Set([...expected.keys(), ...actual.keys()])
  const manifests = [...actual].flatMap(([name, bytes]) =>
    name.endsWith('.manifest') ? [bytes.toString('latin1')] : [],
  )
  return [...names].filter((name) => {
    const is = actual.get(name)
    const should = expected.get(name)
    // The last call of a thread that was killed may have been done and not be written down: also one that removes a file.
    if (is === undefined) return manifests.some((manifest) => manifest.includes(path.basename(name)))
    if (should === undefined) return true
    return !is.subarray(0, should.length).equals(should) && statSync(path.join(directory, name)).isFile()
  })
}
