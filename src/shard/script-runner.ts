/**
 * Scripts on their home shard: runs one at a time, and the commands that it calls.
 *
 * Runs in a shard worker. The checks before a command are Redis's (`scriptCall`), in its order, because scripts see which
 * error comes first. Commands are executed here, on the shards that attend (see attendance.ts), or by the main thread.
 *
 * Invariants: a script has the locks of everything that its commands touch, or cannot touch what others have locked. One
 * that has written is never ended. The time stands still while it runs.
 */
import { asciiBytes } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import { ScriptFlag } from '../commands/scripting/script-flags.js'
import type { ShardCall, ShardScripts } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { arityFits, findCommandId, findSubcommandId, idOf, isContainer, specs } from '../commands/table.js'
import { onlyShard } from '../hops/placement.js'
import {
  COMMAND_ALLOWED,
  COMMAND_UNKNOWN,
  DEFAULT_SCRIPT_OPTIONS,
  LOG_NOTICE,
  type ScriptArguments,
  type ScriptHost,
} from '../lua/script-host.js'
import { encodeError, errors } from '../resp/errors.js'
import { RequestFlag } from '../ring/frames.js'
import { Mailbox } from '../ring/mailbox.js'
import { ScriptBoard } from '../ring/script-board.js'
import type { ScriptMemory } from '../ring/script-memory.js'
import { Attendance } from './attendance.js'
import type { CommandTiming } from './command-timing.js'
import { FunctionTable, refusalOfCall } from './function-table.js'
import type { Journal } from './journal.js'
import type { LockTable } from './lock-table.js'
import { MainThreadLine } from './main-thread-line.js'
import { NestedCommands } from './nested-commands.js'
import type { Notices } from './notices.js'
import type { ReplySender } from './reply-sender.js'
import { scriptCommands } from './script-commands.js'
import { ScriptHops } from './script-hops.js'
import { ScriptObservers } from './script-observers.js'
import { ScriptTable } from './script-table.js'
import { Answerer, answerers, onlyKey, Trait, traits } from './script-traits.js'

const NO_SCRIPT = encodeError('NOSCRIPT No matching script. Please use EVAL.')
const NO_FUNCTION = encodeError('ERR Function not found')
const UNKNOWN_COMMAND = encodeError('ERR Unknown Redis command called from script')
const WRONG_ARITY = encodeError('ERR Wrong number of args calling Redis command from script')
const NOT_FROM_SCRIPTS = encodeError('ERR This Redis command is not allowed from script')
const NO_WRITES = encodeError('ERR Write commands are not allowed from read-only scripts.')
const FOREIGN_KEY = encodeError(
  'ERR Script attempted to access a key of another shard that is not among its KEYS, in a way that its text does not show',
)

/** A script is shown to the main thread after so many commands at the latest, so that it can be ended. */
const COMMANDS_UNSEEN_MAX = 64

const MINUS = 45

/** What a runner is made with. */
export interface ScriptSurroundings {
  readonly call: ShardCall
  readonly locks: LockTable
  readonly journal: Journal
  readonly sender: ReplySender
  readonly timing: CommandTiming
  readonly notices: Notices
  readonly clock: Clock
  readonly randomSeed: number
  readonly memory: ScriptMemory
  /** Wake the shards, in their order. */
  readonly bells: readonly SharedArrayBuffer[]
  log(level: number, message: string): void
  /** A function runs, and has for a while: the command that has called it. */
  running(command: readonly Uint8Array[]): void
}

export class ScriptRunner implements ScriptHost, ShardScripts {
  replyBytes: Uint8Array
  replyStart = 0
  replyEnd = 0
  logLevelMin = LOG_NOTICE
  interruptText = ''
  writeRefusal: Uint8Array | null = null
  readonly attendance: Attendance
  readonly table: ScriptTable
  readonly functions: FunctionTable
  readonly #outer: ShardCall
  readonly #surroundings: ScriptSurroundings
  readonly #shard: number
  readonly #isAlone: boolean
  readonly #board: ScriptBoard
  readonly #nested: NestedCommands
  readonly #hops: ScriptHops
  readonly #line: MainThreadLine
  readonly #observers: ScriptObservers
  readonly #arguments: ScriptArguments

  // The script in hand.
  #isReadOnly = false
  #mayExceedMemory = false
  #hasWritten = false
  #isShown = false
  #isFunction = false
  /** The main thread has been told which function it is. */
  #isNamed = false
  /** All other shards attend. */
  #isAttended = false
  #database = 0
  /** Flags that its commands have besides their protocol. */
  #flags = 0
  #commandsUnseen = 0

  constructor(surroundings: ScriptSurroundings) {
    const { call, sender, timing, notices, clock, memory, bells, locks, journal, randomSeed } = surroundings
    const { shard, shardCount, keyspace } = call
    const options = {
      ...DEFAULT_SCRIPT_OPTIONS,
      hasDeprecatedFunctions: memory.hasDeprecatedFunctions,
      number: shard,
    }
    this.table = new ScriptTable(this, options)
    this.functions = new FunctionTable(this, options)
    this.#surroundings = surroundings
    this.#outer = call
    this.#shard = shard
    this.#isAlone = shardCount === 1
    this.#board = new ScriptBoard(memory.board)
    this.#nested = new NestedCommands(call, timing, journal, () => clock.monotonicUs())
    this.replyBytes = this.#nested.writer.bytes
    this.attendance = new Attendance(new Mailbox(memory.mailbox), bells, call, this.#nested, locks, notices)
    this.#hops = new ScriptHops(shard, shardCount, keyspace.databases, randomSeed, this.#nested, this.attendance)
    this.#line = new MainThreadLine(shard, new Mailbox(memory.lines[shard] as ScriptMemory['mailbox']), sender, notices)
    this.#observers = new ScriptObservers(call, sender, this.#board, this.#hops, this.attendance)
    this.#arguments = {
      bytes: call.bytes,
      offsets: call.offsets,
      lengths: call.lengths,
      firstKey: 3,
      keyCount: 0,
      firstArgument: 3,
      argumentCount: 0,
    }
  }

  load(digest: Uint8Array, flags: number, body: Uint8Array): void {
    this.table.load(digest, flags, body)
  }

  flush(): void {
    this.table.flush(this.#surroundings.locks.waitingCount > 0)
  }

  attend(owner: number): void {
    this.attendance.attend(owner)
  }

  /** Whether the command in hand is a script that may touch keys which it does not name. */
  reachesKeyspace({ group, internal }: CommandSpec): boolean {
    if (group !== 'scripting' || internal === true) return false
    const { bytes, offsets, lengths } = this.#outer
    const script = this.table.find(bytes, offsets[1] as number, lengths[1] as number)
    return script === undefined || (script.flags & ScriptFlag.namesItsKeys) === 0
  }

  trackNext(client: number): void {
    this.#observers.trackNext(client)
  }

  run(outer: ShardCall, isReadOnly: boolean): void {
    this.#observers.begin()
    const script = this.table.find(outer.bytes, outer.offsets[1] as number, outer.lengths[1] as number)
    if (script === undefined) {
      outer.reply.error(NO_SCRIPT)
      return
    }
    const { engine } = this.table
    this.begin(outer, script.flags, isReadOnly, false)
    engine.run(script.number, this.argumentsFrom(outer), outer.reply)
    this.end(outer)
  }

  callFunction(outer: ShardCall, isReadOnly: boolean): void {
    this.#observers.begin()
    const known = this.functions.find(outer.bytes, outer.offsets[1] as number, outer.lengths[1] as number)
    if (known === undefined) {
      outer.reply.error(NO_FUNCTION)
      return
    }
    const refusal = refusalOfCall(known, outer, isReadOnly, this.writeRefusal, this.#board.isOutOfMemory)
    if (refusal !== null) {
      outer.reply.error(refusal)
      return
    }
    this.begin(outer, known.flags, isReadOnly, true)
    this.functions.engine.run(known.number, this.argumentsFrom(outer), outer.reply)
    this.end(outer)
  }

  loadLibrary(name: Uint8Array, code: Uint8Array): void {
    this.functions.load(name, code)
  }

  deleteLibrary(name: Uint8Array): void {
    this.functions.delete(name)
  }

  /** The keys and arguments of the script in hand: argument 2 says how many keys there are. */
  argumentsFrom(outer: ShardCall): ScriptArguments {
    const given = this.#arguments
    const keyCount = outer.integer(2)
    given.bytes = outer.bytes
    given.offsets = outer.offsets
    given.lengths = outer.lengths
    given.keyCount = keyCount
    given.firstArgument = 3 + keyCount
    given.argumentCount = outer.argc - 3 - keyCount
    return given
  }

  /** Begins the run of a script or a function. @param flags those of scripting/script-flags.ts */
  begin(outer: ShardCall, flags: number, isReadOnly: boolean, isFunction: boolean): void {
    const declares = (flags & ScriptFlag.undeclared) === 0
    this.#isReadOnly = isReadOnly || (declares && (flags & ScriptFlag.noWrites) !== 0)
    this.#mayExceedMemory = declares && (flags & ScriptFlag.allowOom) !== 0
    this.#isFunction = isFunction
    this.#isNamed = false
    this.#hasWritten = false
    this.#isShown = false
    this.#commandsUnseen = 0
    this.#database = outer.dbIndex
    this.#isAttended = (outer.flags & RequestFlag.attended) !== 0
    this.#flags = outer.flags & RequestFlag.noTouch
  }

  /** Ends it: its reply has been written. */
  end({ reply, spec }: ShardCall): void {
    if (this.#isShown) this.#board.clear(this.#shard)
    // Of a command that it called, which has counted it.
    const isCountedError = reply.bytes[reply.start] === MINUS && reply.lastError === null
    if (isCountedError) this.#surroundings.timing.statistics.recordCountedFailure(idOf(spec))
  }

  call(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number, resp3: boolean): void {
    const id = commandIdOf(bytes, offsets, lengths, argc)
    const refusal = this.#refusalOf(id, argc)
    if (refusal !== null) {
      this.#refuse(id, refusal)
      return
    }
    if (++this.#commandsUnseen >= COMMANDS_UNSEEN_MAX) this.#show()
    const observers = this.#observers
    if (observers.isActive) observers.before(id)
    const answerer = answerers[id] as number
    const flags = resp3 ? this.#flags | RequestFlag.resp3 : this.#flags
    if (answerer === Answerer.shard) this.#runOnShards(id, flags, bytes, offsets, lengths, argc)
    else if (answerer === Answerer.script) this.#runHere(id, resp3, bytes, offsets, lengths, argc)
    else if (answerer === Answerer.mainThread) {
      this.#line.ask(id | (this.#database << 16), flags, bytes, offsets, lengths, argc)
      this.#replyWith(this.#line.reply, 0, this.#line.reply.length)
    } else this.#refuse(id, NOT_FROM_SCRIPTS)
    if (observers.isActive && answerer !== Answerer.nobody) {
      observers.after(id, this.#database, bytes, offsets, lengths, argc)
    }
  }

  /** Why a command may not run, or null. */
  #refusalOf(id: number, argc: number): Uint8Array | null {
    if (id < 0) return UNKNOWN_COMMAND
    if (!arityFits(id, argc)) return WRONG_ARITY
    const bits = traits[id] as number
    if (bits === 0) return null
    if ((bits & Trait.noscript) !== 0 && !this.#board.allowsEveryCommand) return NOT_FROM_SCRIPTS
    if ((bits & Trait.replicates) !== 0 && this.#isReadOnly) return NO_WRITES
    if (this.#hasWritten) return null
    const isWrite = (bits & Trait.write) !== 0
    if (isWrite && this.writeRefusal !== null) return this.writeRefusal
    if ((bits & Trait.denyOom) !== 0 && !this.#mayExceedMemory && this.#board.isOutOfMemory) return errors.outOfMemory
    if (!isWrite) return null
    if (this.#isShown && !this.#board.noteWrite(this.#shard)) return encodeError(`ERR ${this.interruptText}`)
    this.#hasWritten = true
    return null
  }

  #refuse(id: number, error: Uint8Array): void {
    const { statistics } = this.#surroundings.timing
    if (id >= 0) statistics.recordRejection(id)
    statistics.recordError(error)
    this.#replyWith(error, 0, error.length)
  }

  #replyWith(bytes: Uint8Array, start: number, end: number): void {
    this.replyBytes = bytes
    this.replyStart = start
    this.replyEnd = end
  }

  #replyNested(): void {
    const { writer } = this.#nested
    this.#replyWith(writer.bytes, writer.start, writer.position)
  }

  #runOnShards(
    id: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const shard = this.#shardOf(id, bytes, offsets, lengths, argc)
    if (shard === this.#shard) {
      this.#nested.execute(id, this.#database, flags, bytes, offsets, lengths, argc)
      this.#replyNested()
    } else if (!this.#isAttended) {
      this.#refuse(id, FOREIGN_KEY)
    } else if (shard >= 0) {
      const { attendance } = this
      attendance.ask(shard, id | (this.#database << 16), flags, bytes, offsets, lengths, argc)
      this.#replyWith(attendance.replyBytes, 0, attendance.replyEnd)
    } else {
      const reply = this.#hops.coordinate(id, this.#database, flags, bytes, offsets, lengths, argc)
      this.#replyWith(reply, 0, reply.length)
    }
  }

  /** The shard that can run a command by itself, or -1. */
  #shardOf(id: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
    if (this.#isAlone) return 0
    const key = onlyKey[id] as number
    if (key !== 0) return this.#hops.shardOf(bytes, offsets[key] as number, lengths[key] as number)
    const spec = specs[id] as CommandSpec
    return onlyShard(this.#hops, spec, bytes, offsets, lengths, argc)
  }

  #runHere(
    id: number,
    resp3: boolean,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const { clock, timing } = this.#surroundings
    const { statistics } = timing
    const { writer } = this.#nested
    writer.attachScratch()
    writer.resp3 = resp3
    const startedUs = clock.monotonicUs()
    scriptCommands[id]?.({
      clock,
      databases: this.#outer.keyspace.databases,
      reply: writer,
      bytes,
      offsets,
      lengths,
      argc,
      select: (database) => {
        this.#database = database
      },
    })
    statistics.recordRun(id, 1, clock.monotonicUs() - startedUs)
    if (writer.lastError !== null) statistics.recordFailure(id, writer.lastError)
    writer.lastError = null
    this.#replyNested()
  }

  checkPermission(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
    return commandIdOf(bytes, offsets, lengths, argc) < 0 ? COMMAND_UNKNOWN : COMMAND_ALLOWED
  }

  setPropagation(): void {
    // There are no replicas and no append-only file to keep a script's writes from.
  }

  log(level: number, message: Uint8Array): void {
    this.#surroundings.log(level, Buffer.from(message).toString('latin1'))
  }

  interrupt(): boolean {
    this.#show()
    if (this.#isFunction && !this.#isNamed) this.#name()
    return this.#board.isKilled(this.#shard)
  }

  /** Tells the main thread which function it is. Only of one that has run so long is it asked. */
  #name(): void {
    this.#isNamed = true
    const outer = this.#outer
    const command: Uint8Array[] = [asciiBytes(outer.spec.name)]
    for (let i = 1; i < outer.argc; i++) command.push(outer.copy(i))
    this.#surroundings.running(command)
  }

  /** Lets the main thread see the script. */
  #show(): void {
    this.#commandsUnseen = 0
    if (this.#isShown) return
    this.#isShown = true
    this.interruptText = `Script killed by user with ${this.#isFunction ? 'FUNCTION' : 'SCRIPT'} KILL.`
    this.#board.show(this.#shard, this.#surroundings.clock.nowMs(), this.#isFunction, this.#hasWritten)
  }
}

/** The id of a command by its name, and its subcommand's; -1 where there is none. */
function commandIdOf(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
  const id = findCommandId(bytes, offsets[0] as number, lengths[0] as number)
  if (id < 0 || argc === 1 || !isContainer(id)) return id
  return findSubcommandId(id, bytes, offsets[1] as number, lengths[1] as number)
}
