/**
 * Commands of the main thread that a script gets answered in its shard, because they need nothing of the main thread: PING,
 * ECHO, TIME, and SELECT, which holds for the script alone.
 *
 * Runs in a shard worker.
 */
import type { Clock } from '../base/clock.js'
import { parseInt64 } from '../base/integer.js'
import { specs } from '../commands/table.js'
import { errors, wrongArity } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'

/** The command of a script, as far as these need it. */
export interface ScriptCommand {
  readonly clock: Clock
  readonly databases: number
  readonly reply: ReplyWriter
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  readonly argc: number
  select(database: number): void
}

type Handler = (command: ScriptCommand) => void

function ping(command: ScriptCommand): void {
  if (command.argc > 2) command.reply.error(wrongArity('ping'))
  else if (command.argc === 2) replyArgument(command, 1)
  else command.reply.pong()
}

function echo(command: ScriptCommand): void {
  replyArgument(command, 1)
}

function time({ reply, clock }: ScriptCommand): void {
  const nowUs = clock.nowUs()
  const seconds = Math.floor(nowUs / 1_000_000)
  reply.array(2)
  reply.bulkInteger(seconds)
  reply.bulkInteger(nowUs - seconds * 1_000_000)
}

function select(command: ScriptCommand): void {
  const { bytes, offsets, lengths, reply } = command
  const given = parseInt64(bytes, offsets[1] as number, lengths[1] as number)
  const database = Number(given)
  if (given === undefined) {
    reply.error(errors.notAnInteger)
  } else if ((database | 0) !== database) {
    reply.error(errors.notAnInt32)
  } else if (database < 0 || database >= command.databases) {
    reply.error(errors.dbIndexOutOfRange)
  } else {
    command.select(database)
    reply.ok()
  }
}

function replyArgument({ reply, bytes, offsets, lengths }: ScriptCommand, i: number): void {
  reply.bulk(bytes, offsets[i] as number, lengths[i] as number)
}

const HANDLERS: Readonly<Record<string, Handler>> = { ping, echo, time, select }

/** By command id; null where the shard does not answer by itself. */
export const scriptCommands: readonly (Handler | null)[] = specs.map((spec) =>
  spec.group === 'connection' || spec.name === 'time' ? (HANDLERS[spec.name] ?? null) : null,
)
