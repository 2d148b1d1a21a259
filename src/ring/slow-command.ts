/**
 * A command that took long, as a shard tells the main thread of it: in a notice, so that the slow log knows of a command when
 * its client has the reply. Both threads. Rare, so it is JSON.
 */
import { asciiBytes, latin1Of } from '../base/bytes.js'

export interface SlowCommand {
  /** See ring/frames.ts; `NO_CLIENT` for a command of a script. */
  readonly target: number
  readonly id: number
  readonly durationUs: number
  /** Cut to the slow log's limits, one character a byte. */
  readonly argv: readonly string[]
}

export const NO_CLIENT = -1

export function encodeSlowCommand(command: SlowCommand): Uint8Array {
  return asciiBytes(JSON.stringify(command))
}

export function decodeSlowCommand(bytes: Uint8Array, offset: number, length: number): SlowCommand {
  return JSON.parse(latin1Of(bytes, offset, length)) as SlowCommand
}
