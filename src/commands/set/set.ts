/**
 * The set family: all its entries.
 *
 * Imported by both threads; the handlers run in shard workers.
 */
import type { CommandSpec } from '../spec.js'
import { setAlgebraCommands } from './set-algebra.js'
import { setMemberCommands } from './set-members.js'
import { setRandomCommands } from './set-random.js'
import { setScanCommands } from './set-scan.js'

export const setCommands: readonly CommandSpec[] = [
  ...setMemberCommands,
  ...setRandomCommands,
  ...setAlgebraCommands,
  ...setScanCommands,
]
