/**
 * The list commands.
 *
 * Imported by both threads; their handlers run in a shard worker.
 */
import type { CommandSpec } from '../spec.js'
import { listMoveCommands } from './list-move.js'
import { listMultiPopCommands } from './list-multi-pop.js'
import { listPopCommands } from './list-pop.js'
import { listPushCommands } from './list-push.js'
import { listReadCommands } from './list-read.js'

export const listCommands: readonly CommandSpec[] = [
  ...listPushCommands,
  ...listReadCommands,
  ...listPopCommands,
  ...listMultiPopCommands,
  ...listMoveCommands,
]
