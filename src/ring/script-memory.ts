/** What all shards' scripts share: memory, and a setting that cannot change while the server runs. Made once. Main thread and shards. */
import { createMailboxMemory, type MailboxMemory } from './mailbox.js'
import { createScriptBoardMemory, type ScriptBoardMemory } from './script-board.js'

/** Most commands and replies; what is larger goes in pieces. */
const SHARDS_MAILBOX_BYTES = 256 * 1024
const LINE_MAILBOX_BYTES = 16 * 1024

export interface ScriptMemory {
  readonly board: ScriptBoardMemory
  /** Between the home of a script and the shards that attend. */
  readonly mailbox: MailboxMemory
  /** From the main thread to each shard. */
  readonly lines: readonly MailboxMemory[]
  /** `lua-enable-deprecated-api`. */
  readonly hasDeprecatedFunctions: boolean
}

export function createScriptMemory(shardCount: number, nowMs: number, hasDeprecatedFunctions: boolean): ScriptMemory {
  return {
    board: createScriptBoardMemory(shardCount, nowMs),
    mailbox: createMailboxMemory(SHARDS_MAILBOX_BYTES),
    lines: Array.from({ length: shardCount }, () => createMailboxMemory(LINE_MAILBOX_BYTES)),
    hasDeprecatedFunctions,
  }
}
