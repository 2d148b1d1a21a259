/**
 * A server in the test's own thread whose shards keep logs of their writes, and that can replay such logs.
 *
 * Only used by tests. The time stands still unless it is told to go on.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { mixValue } from '../../src/commands/digest.js'
import { idOf, lookup } from '../../src/commands/table.js'
import type { ShardExecutor } from '../../src/shard/executor.js'
import type { Database } from '../../src/store/database.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { NO_EXPIRY, ValueType } from '../../src/store/value-type.js'
import { SimulatedServer } from '../sim/simulated-server.js'

export const DATABASES = 16

const TURNS_MAX = 10_000

export type Words = readonly (string | number | Buffer)[]

/** One command of a log, and the database in which it is executed. */
export interface Recorded {
  readonly database: number
  readonly argv: readonly Buffer[]
}

/** The log of one shard. */
class ShardLog {
  readonly executor: ShardExecutor
  readonly #file: string
  readonly #descriptor: number
  readonly #fields: Recorded[] = []
  #readUpTo = 0
  #database = 0

  constructor(executor: ShardExecutor, file: string) {
    this.executor = executor
    this.#file = file
    this.#descriptor = fs.openSync(file, 'a+')
  }

  begin(): void {
    this.executor.journal.open({ descriptor: this.#descriptor, syncsAlways: false, hasTimes: false })
    this.executor.keyspace.onFieldExpired ??= (db, bytes, offset, length) => {
      const key = Buffer.from(db.bytes.subarray(db.keyOffset, db.keyOffset + db.keyLength))
      const field = Buffer.from(bytes.subarray(offset, offset + length))
      this.#fields.push({ database: db.index, argv: [Buffer.from('HDEL'), key, field] })
    }
  }

  read(): Recorded[] {
    const bytes = fs.readFileSync(this.#file)
    const read = readLog(bytes.subarray(this.#readUpTo), this.#database)
    this.#readUpTo = bytes.length
    this.#database = read.database
    return [...this.#fields.splice(0), ...read.commands]
  }

  close(): void {
    fs.closeSync(this.#descriptor)
  }
}

export class RecordingServer {
  readonly #server: SimulatedServer
  readonly #directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shardkeep-effects-'))
  readonly #logs: readonly ShardLog[]
  #sequence = 0
  #answer = ''
  #isAnswered = false

  constructor(seed: number, nowMs: number, shards = 1) {
    const sink = {
      reply: (_slot: number, _sequence: number, count: number, bytes: Uint8Array, offset: number, length: number) => {
        this.#answer += Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
        if (count > 0) this.#isAnswered = true
      },
      blocked: () => {},
      failed: () => {},
      notice: () => {},
      released: () => {},
    }
    this.#server = new SimulatedServer(shards, DATABASES, sink, seed)
    this.#logs = this.#server.shards.map(
      ({ executor }, shard) => new ShardLog(executor, path.join(this.#directory, String(shard))),
    )
    this.nowMs = nowMs
  }

  get keyspaces(): readonly Keyspace[] {
    return this.#logs.map(({ executor }) => executor.keyspace)
  }

  get nowMs(): number {
    return this.#server.nowMs
  }

  set nowMs(nowMs: number) {
    this.#server.nowMs = nowMs
    this.#server.router.setTime(nowMs)
  }

  set(name: string, value: string): void {
    for (const { executor } of this.#logs) executor.applySetting(name, value)
  }

  /** From now on writes are recorded. */
  record(): void {
    for (const log of this.#logs) log.begin()
  }

  /** What has been recorded since the last time, all of one shard before all of the next. */
  recorded(): Recorded[] {
    return this.#logs.flatMap((log) => log.read())
  }

  close(): void {
    for (const log of this.#logs) log.close()
    fs.rmSync(this.#directory, { recursive: true })
  }

  /** Executes a command, as one that may not wait. @returns the reply, encoded, one character a byte; undefined for what is no command of shards */
  call(database: number, ...words: Words): string | undefined {
    const argv = words.map((word) => (typeof word === 'object' ? word : Buffer.from(String(word), 'latin1')))
    const [name, second] = argv.map((word) => word.toString('latin1').toLowerCase())
    const container = lookup(name as string)
    const spec = container?.subcommands === undefined ? container : lookup(name as string, second)
    if (spec?.shard === undefined || spec.route?.on === 'main') return undefined
    const isArityRight = spec.arity < 0 ? argv.length >= -spec.arity : argv.length === spec.arity
    if (!isArityRight) return undefined
    const lengths = Int32Array.from(argv, (word) => word.length)
    const offsets = new Int32Array(argv.length)
    for (let i = 1; i < argv.length; i++) offsets[i] = (offsets[i - 1] as number) + (lengths[i - 1] as number)
    this.#answer = ''
    this.#isAnswered = false
    const { router } = this.#server
    router.route(idOf(spec), 0, this.#sequence++, database, 0, Buffer.concat(argv), offsets, lengths, argv.length)
    for (let turns = 0; !this.#isAnswered; turns++) {
      if (turns > TURNS_MAX) throw new Error(`no reply to ${shownWords(argv)}`)
      router.publish()
      for (let shard = 0; shard < this.#logs.length; shard++) this.#server.drain(shard, 100)
      router.poll()
    }
    return this.#answer
  }

  /** Time goes on, and what the shard does between batches is done. */
  pass(ms: number): void {
    this.nowMs += ms
    this.call(0, 'exists', 'a key that is not there')
  }

  /** Executes what another server has recorded. */
  replay(commands: readonly Recorded[]): void {
    for (const keyspace of this.keyspaces) keyspace.isReplaying = true
    for (const { database, argv } of commands) {
      const reply = this.call(database, ...argv)
      if (reply === undefined || reply.startsWith('-')) {
        throw new Error(`${shownWords(argv)} in database ${database}: ${reply}`)
      }
    }
    for (const keyspace of this.keyspaces) keyspace.isReplaying = false
  }

  /** Everything that is kept, also what is past its time and has not gone yet; a line for each key. */
  state(): string[] {
    const lines: string[] = []
    for (let index = 0; index < DATABASES; index++) {
      const streams: Buffer[] = []
      const visit = (db: Database): boolean => {
        const key = Buffer.from(db.bytes.subarray(db.keyOffset, db.keyOffset + db.keyLength))
        const digest = new Uint8Array(20)
        mixValue(digest, db)
        const times = db.type === ValueType.hash ? fieldTimes(db) : ''
        const expireAtMs = db.expireAtMs() === NO_EXPIRY ? 'ever' : db.expireAtMs()
        lines.push(`${index} ${shownWords([key])} type ${db.type} until ${expireAtMs} ${hex(digest)} ${times}`)
        if (db.type === ValueType.stream) streams.push(key)
        return true
      }
      for (const keyspace of this.keyspaces) keyspace.existingDatabase(index)?.forEach(visit)
      for (const key of streams) lines.push(`${index} ${shownWords([key])} stream ${this.#stream(index, key)}`)
    }
    return lines.sort()
  }

  /** All of a stream but when its consumers were seen, of which no log says anything. */
  #stream(database: number, key: Buffer): string {
    const wasReplaying = this.keyspaces.map(({ isReplaying }) => isReplaying)
    for (const keyspace of this.keyspaces) keyspace.isReplaying = true
    const reply = this.call(database, 'xinfo', 'stream', key, 'full', 'count', 0) as string
    this.keyspaces.forEach((keyspace, i) => {
      keyspace.isReplaying = wasReplaying[i] as boolean
    })
    return reply
      .replace(/(seen-time|active-time)\r\n:-?\d+/g, '$1')
      .replace(/radix-tree-(keys|nodes)\r\n:\d+/g, '$1')
      .replaceAll('\r\n', ' ')
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function fieldTimes(db: Database): string {
  const { hashes } = db.keyspace
  const times: string[] = []
  hashes.open(db)
  hashes.rewind()
  while (hashes.next()) {
    const { fieldBytes, fieldOffset, fieldLength, expireAtMs } = hashes
    if (expireAtMs === NO_EXPIRY) continue
    times.push(
      `${Buffer.from(fieldBytes.subarray(fieldOffset, fieldOffset + fieldLength)).toString('hex')}:${expireAtMs}`,
    )
  }
  return times.sort().join(' ')
}

/** A command for a message. */
export function shownWords(words: readonly (string | number | Buffer)[]): string {
  return words.map((word) => JSON.stringify(typeof word === 'object' ? word.toString('latin1') : word)).join(' ')
}

/**
 * The commands of an incremental file, without SELECT, MULTI and EXEC.
 * @param database the selected one at the beginning
 */
export function readLog(bytes: Buffer, database: number): { commands: Recorded[]; database: number } {
  const commands: Recorded[] = []
  let selected = database
  let at = 0
  const line = (): string => {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) throw new Error(`a line at ${at} has no end`)
    const text = bytes.toString('latin1', at, end)
    at = end + 2
    return text
  }
  while (at < bytes.length) {
    const header = line()
    if (header.startsWith('#')) continue
    if (!header.startsWith('*')) throw new Error(`${JSON.stringify(header)} before ${at}`)
    const argv: Buffer[] = []
    for (let left = Number(header.slice(1)); left > 0; left--) {
      const length = Number(line().slice(1))
      argv.push(bytes.subarray(at, at + length))
      at += length + 2
    }
    const name = argv[0]?.toString('latin1').toUpperCase()
    if (name === 'SELECT') selected = Number(argv[1])
    else if (name !== 'MULTI' && name !== 'EXEC') commands.push({ database: selected, argv })
  }
  return { commands, database: selected }
}
