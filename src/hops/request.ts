/** A client's command with copies of its arguments, for coordinators, which outlive the read buffer. */
import type { CommandSpec } from '../commands/spec.js'

export interface CommandRequest {
  readonly spec: CommandSpec
  readonly argv: readonly Uint8Array[]
  readonly database: number
  /** Request flags of ring/frames.ts. */
  readonly flags: number
  /** Of a script: the client that it reads for, in ASCII digits, where that one tracks what it reads. */
  readonly reader?: Uint8Array
  /** It is a script that has declared to write nothing: CLIENT PAUSE WRITE lets it pass. */
  readonly writesNothing?: boolean
}

/** Where a coordinator's reply goes; called exactly once, with encoded RESP. */
export type Answer = (reply: Uint8Array) => void
