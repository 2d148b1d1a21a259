/**
 * The hash family: the list of all its entries.
 *
 * Imported by both threads; the handlers run in shard workers.
 */
import type { CommandSpec } from '../spec.js'
import { hashExpireCommands } from './hash-expire.js'
import { hashGetCommands } from './hash-get.js'
import { hashGetSetCommands } from './hash-get-set.js'
import { hashNumberCommands } from './hash-number.js'
import { hashRandomCommands } from './hash-random.js'
import { hashScanCommands } from './hash-scan.js'
import { hashSetCommands } from './hash-set.js'

export const hashCommands: readonly CommandSpec[] = [
  ...hashSetCommands,
  ...hashGetCommands,
  ...hashNumberCommands,
  ...hashRandomCommands,
  ...hashScanCommands,
  ...hashExpireCommands,
  ...hashGetSetCommands,
]
