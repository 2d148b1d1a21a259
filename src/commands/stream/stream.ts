/**
 * The stream family: all its entries.
 *
 * Imported by both threads; the handlers run in shard workers.
 */
import type { CommandSpec } from '../spec.js'
import { streamAddCommands } from './stream-add.js'
import { streamClaimCommands } from './stream-claim.js'
import { streamDeleteCommands } from './stream-delete.js'
import { streamGroupCommands } from './stream-group.js'
import { streamInfoCommands } from './stream-info.js'
import { streamPendingCommands } from './stream-pending.js'
import { streamRangeCommands } from './stream-range.js'
import { streamReadCommands } from './stream-read.js'

export const streamCommands: readonly CommandSpec[] = [
  ...streamAddCommands,
  ...streamRangeCommands,
  ...streamReadCommands,
  ...streamDeleteCommands,
  ...streamGroupCommands,
  ...streamPendingCommands,
  ...streamClaimCommands,
  ...streamInfoCommands,
]
