/**
 * The sorted set commands.
 *
 * Imported by both threads; the entries only.
 */
import type { CommandSpec } from '../spec.js'
import { zsetAddCommands } from './zset-add.js'
import { zsetAlgebraCommands } from './zset-algebra-commands.js'
import { zsetLookupCommands } from './zset-lookup.js'
import { zsetPopCommands } from './zset-pop.js'
import { zsetRandomCommands } from './zset-random.js'
import { zsetRangeCommands } from './zset-range-commands.js'
import { zsetRemoveRangeCommands } from './zset-remove-range.js'
import { zsetScanCommands } from './zset-scan.js'

export const zsetCommands: readonly CommandSpec[] = [
  ...zsetAddCommands,
  ...zsetLookupCommands,
  ...zsetRangeCommands,
  ...zsetRemoveRangeCommands,
  ...zsetPopCommands,
  ...zsetRandomCommands,
  ...zsetAlgebraCommands,
  ...zsetScanCommands,
]
