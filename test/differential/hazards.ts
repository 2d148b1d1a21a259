/**
 * Commands that a workload must not hold: those whose outcome the clock decides, that never end, or that would fill the
 * memory of a small machine.
 *
 * Only used by tests.
 */
import type { Argv } from './step.js'

/** A key that lives longer than this cannot end within an episode. */
const LIFE_MS_MIN = 1_000_000

/** A value of up to this size is quickly written; beyond proto-max-bulk-len it is refused. */
const OFFSET_MAX = 10_000

/** The smallest proto-max-bulk-len that there can be. Values of that size are no hazard. */
export const SMALL_BULK_BYTES_MAX = 1_048_576
export const BULK_BYTES_MAX = 536_870_912

/** An argument as the number it is, or NaN. */
function numberAt(argv: Argv, i: number): number {
  const text = argv[i]?.toString('latin1') ?? ''
  return /^-?\d+$/.test(text) ? Number(text) : Number.NaN
}

function endsSoon(duration: number, unitMs: number): boolean {
  return duration > 0 && duration * unitMs < LIFE_MS_MIN
}

/** Whether SET or GETEX is given a duration, at any place, that ends soon. */
function optionEndsSoon(argv: Argv): boolean {
  return argv.some((argument, i) => {
    const option = argument.toString('latin1').toLowerCase()
    if (option === 'ex') return endsSoon(numberAt(argv, i + 1), 1000)
    return option === 'px' && endsSoon(numberAt(argv, i + 1), 1)
  })
}

/** @param bulkBytesMax what proto-max-bulk-len is set to */
export function isHazardous(argv: Argv, bulkBytesMax: number): boolean {
  const name = argv[0]?.toString('latin1').toLowerCase()
  switch (name) {
    case 'expire':
    case 'setex':
      return endsSoon(numberAt(argv, 2), 1000)
    case 'pexpire':
    case 'psetex':
      return endsSoon(numberAt(argv, 2), 1)
    case 'set':
    case 'getex':
      return optionEndsSoon(argv)
    case 'setrange': {
      const offset = numberAt(argv, 2)
      const isQuick = offset <= OFFSET_MAX || bulkBytesMax <= SMALL_BULK_BYTES_MAX
      return !isQuick && offset + (argv[3]?.length ?? 0) <= bulkBytesMax
    }
    case 'wait':
      return numberAt(argv, 1) > 0
    case 'hello':
      // Of several credentials newer versions take the last, 7.0 tries each.
      return argv.filter((option) => option.toString('latin1').toLowerCase() === 'auth').length > 1
    default:
      return false
  }
}

/** The times that a workload draws are well in the past or in the far future, see vocabulary.ts. */
const PAST_MS_MAX = 1_500_000_000_000

/**
 * Whether SET stores a key whose time is over: it stays until it is looked up. A command that chooses keys by chance looks
 * at other ones on each server.
 */
export function storesExpired(argv: Argv): boolean {
  if (argv[0]?.toString('latin1').toLowerCase() !== 'set') return false
  return argv.some((argument, i) => {
    const option = argument.toString('latin1').toLowerCase()
    const unitMs = option === 'exat' ? 1000 : option === 'pxat' ? 1 : Number.NaN
    return numberAt(argv, i + 1) * unitMs < PAST_MS_MAX
  })
}
