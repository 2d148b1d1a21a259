/**
 * Who looks at the commands of a script: monitors see each of them, and a client that caches what it reads hears of changes.
 *
 * Runs in a shard worker. As in Redis 7.0, the client is remembered for all keys that its script declares, once the script
 * has called a command that reads.
 *
 * Invariant: what `trackNext` leaves here is taken by the script right behind it, which always comes.
 */
import { copyOf } from '../base/bytes.js'
import { shardTrack } from '../commands/internal.js'
import type { ShardCall } from '../commands/shard-call.js'
import { idOf } from '../commands/table.js'
import { pack } from '../hops/packed-arguments.js'
import { gsnOfWords, Notice } from '../ring/frames.js'
import { argumentBytes, writeArguments } from '../ring/request-arguments.js'
import type { ScriptBoard } from '../ring/script-board.js'
import { LINE_HEADER_BYTES } from '../ring/script-line.js'
import type { Attendance } from './attendance.js'
import type { ReplySender } from './reply-sender.js'
import type { ScriptHops } from './script-hops.js'
import { Trait, traits } from './script-traits.js'

const NO_NAME = new Uint8Array(0)
/** Where the keys of a script stand, and how many there are. */
const FIRST_KEY = 3
const KEY_COUNT = 2

export class ScriptObservers {
  /** Somebody looks at the script in hand. */
  isActive = false
  #isMonitored = false
  /** The client that the script in hand reads for, until it is remembered; 0 for none. */
  #reader = 0
  /** Clients by the number of their scripts: another script may come first where this one waits for a lock. */
  readonly #readers = new Map<number, number>()
  readonly #outer: ShardCall
  readonly #sender: ReplySender
  readonly #board: ScriptBoard
  readonly #hops: ScriptHops
  readonly #attendance: Attendance

  constructor(outer: ShardCall, sender: ReplySender, board: ScriptBoard, hops: ScriptHops, attendance: Attendance) {
    this.#outer = outer
    this.#sender = sender
    this.#board = board
    this.#hops = hops
    this.#attendance = attendance
  }

  trackNext(client: number): void {
    this.#readers.set(this.#gsn, client)
  }

  get #gsn(): number {
    return gsnOfWords(this.#outer.gsnLow, this.#outer.gsnHigh)
  }

  /** A script begins. */
  begin(): void {
    this.#isMonitored = this.#board.isMonitored
    this.#reader = this.#readers.size === 0 ? 0 : this.#takeReader()
    this.isActive = this.#isMonitored || this.#reader !== 0
  }

  #takeReader(): number {
    const gsn = this.#gsn
    const reader = this.#readers.get(gsn) ?? 0
    this.#readers.delete(gsn)
    return reader
  }

  /** A command of the script is about to run. What other shards have answered so far is gone. */
  before(id: number): void {
    if (this.#reader === 0 || ((traits[id] as number) & Trait.read) === 0) return
    const reader = this.#reader
    this.#reader = 0
    this.isActive = this.#isMonitored
    const outer = this.#outer
    const { tracking } = outer.self
    const end = FIRST_KEY + outer.integer(KEY_COUNT)
    for (let i = FIRST_KEY; i < end; i++) {
      const { bytes, offsets, lengths } = outer
      const shard = this.#hops.shardOf(bytes, offsets[i] as number, lengths[i] as number)
      if (shard === outer.shard) tracking.track(reader, outer.text(i))
      else this.#trackOn(shard, reader, outer.copy(i))
    }
    tracking.keepWithinLimit()
  }

  #trackOn(shard: number, reader: number, key: Uint8Array): void {
    const argv = [NO_NAME, Buffer.from(String(reader)), key]
    const { bytes, offsets, lengths } = pack(argv)
    this.#attendance.ask(shard, idOf(shardTrack), 0, bytes, offsets, lengths, argv.length)
  }

  /** A command of the script has run, with these arguments; the database is the one that is selected now. */
  after(id: number, database: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): void {
    if (!this.#isMonitored) return
    // Its name travels as well, as the script has written it.
    const argv: Uint8Array[] = [NO_NAME]
    for (let i = 0; i < argc; i++) argv.push(copyOf(bytes, offsets[i] as number, lengths[i] as number))
    const shown = pack(argv)
    const words = new Int32Array((LINE_HEADER_BYTES + argumentBytes(shown.lengths, argv.length)) >> 2)
    const target = new Uint8Array(words.buffer)
    words[0] = id | (database << 16)
    words[1] = argc
    writeArguments(shown.bytes, shown.offsets, shown.lengths, argv.length, words, target, LINE_HEADER_BYTES)
    // At once: a script may call millions of commands, and nothing here would bound what is kept until its end.
    this.#sender.noticeWithinReply(Notice.scriptShown, this.#outer.shard, target, null)
  }
}
