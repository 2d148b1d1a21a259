/**
 * Commands that run inside another one: those of a script, and those that a script of another shard has executed here.
 *
 * Runs in a shard worker. They have a call and a reply of their own, so that the command around them keeps its own. Nothing
 * comes between them: they never wait, and long work is done in one go.
 *
 * Invariant: the reply is in `writer` until the next command.
 */
import { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec, ShardHandler } from '../commands/spec.js'
import { shardHandlers, specs } from '../commands/table.js'
import { errors } from '../resp/errors.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import { RequestFlag } from '../ring/frames.js'
import { ArenaFullError } from '../store/arena.js'
import type { CommandTiming } from './command-timing.js'
import type { Journal } from './journal.js'
import { writeBefore } from './snapshots.js'

export class NestedCommands {
  readonly writer = new ReplyWriter()
  readonly #call: ShardCall
  readonly #outer: ShardCall
  readonly #timing: CommandTiming
  readonly #journal: Journal
  readonly #monotonicUs: () => number

  constructor(outer: ShardCall, timing: CommandTiming, journal: Journal, monotonicUs: () => number) {
    this.#outer = outer
    const { shard, shardCount, keyspace, self, settings, effects } = outer
    this.#call = new ShardCall(shard, shardCount, keyspace, this.writer, self, settings, effects)
    this.#call.isInScript = true
    this.#timing = timing
    this.#journal = journal
    this.#monotonicUs = monotonicUs
  }

  /** Executes a command of this shard; `offsets` and `lengths` are its arguments in `bytes`, 0 is its name. */
  execute(
    id: number,
    dbIndex: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const call = this.#call
    const outer = this.#outer
    const { writer } = this
    const { keyspace } = call
    const startedUs = this.#timing.timesNested(id) ? this.#monotonicUs() : -1
    call.bytes = bytes
    call.offsets = offsets
    call.lengths = lengths
    call.argc = argc
    call.portions = outer.portions
    call.spec = specs[id] as CommandSpec
    call.dbIndex = dbIndex
    call.db = keyspace.database(dbIndex)
    call.nowMs = keyspace.nowMs
    call.gsnLow = outer.gsnLow
    call.gsnHigh = outer.gsnHigh
    call.origin = outer.origin
    keyspace.noTouch = (flags & RequestFlag.noTouch) !== 0
    writer.attachScratch()
    writer.resp3 = (flags & RequestFlag.resp3) !== 0
    const journal = this.#journal
    if (journal.isOn) journal.beginCommand()
    if (keyspace.snapshot !== null) writeBefore(call)
    try {
      ;(shardHandlers[id] as ShardHandler)(call)
    } catch (error) {
      if (!(error instanceof ArenaFullError)) throw error
      writer.attachScratch()
      writer.error(errors.outOfMemory)
    }
    if (journal.isOn) journal.endCommand(call, journal.hasModified)
    const durationUs = startedUs < 0 ? -1 : this.#monotonicUs() - startedUs
    this.#timing.recordNested(id, (flags & RequestFlag.part) === 0 ? 1 : 0, durationUs)
    this.#timing.noteFailure(id, writer)
    if (durationUs >= 0 && (flags & RequestFlag.part) === 0) this.#timing.reportNestedIfSlow(call, id, durationUs)
  }

  /** Ends what another shard's script has had executed here. */
  endUnit(): void {
    if (this.#journal.isOn) this.#journal.endUnit()
  }

  /** Writes an error in the place of a command's reply. */
  refuse(error: Uint8Array): void {
    this.writer.attachScratch()
    this.writer.encoded(error)
  }
}
