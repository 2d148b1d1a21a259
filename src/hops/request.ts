/** A client's command with copies of its arguments, for coordinators, which outlive the read buffer. */
import type { CommandSpec } from '../commands/spec.js'

export interface CommandRequest {
  readonly spec: CommandSpec
  readonly argv: readonly Uint8Array[]
  readonly database: number
  /** Request flags of ring/frames.ts. */
  readonly flags: number
}

/** Where a coordinator's reply goes; called exactly once, with encoded RESP. */
export type Answer = (reply: Uint8Array) => void
