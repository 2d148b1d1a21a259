/**
 * Commands that a workload must not hold: those whose outcome the clock decides, that never end, or that would fill the
 * memory of a small machine.
 *
 * Only used by tests.
 */
import type { Argv } from './step.js'
import { BLOCKING_MILLISECONDS, BLOCKING_SECONDS, DRAWN_WITH_REPETITION_MAX, ENTRIES_MAX } from './type-words.js'

/** A key that lives longer than this cannot end within an episode. */
const LIFE_MS_MIN = 1_000_000

/** Added to the time of today it is in the range of 64 bits. */
const LIFE_MS_MAX = 9_000_000_000_000_000_000

/** A value of up to this size is quickly written; beyond proto-max-bulk-len it is refused. */
const OFFSET_MAX = 10_000

/** The smallest proto-max-bulk-len that there can be. Values of that size are no hazard. */
export const SMALL_BULK_BYTES_MAX = 1_048_576
export const BULK_BYTES_MAX = 536_870_912

/** No set has so many members: SPOP of as many takes all of them. */
const ALL_MEMBERS_MIN = 1_000_000

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

/** Less than nothing, and so much of it that the reply would not end; the least integer is refused. */
function isEndlessRepetition(argv: Argv): boolean {
  return numberAt(argv, 2) < -DRAWN_WITH_REPETITION_MAX && argv[2]?.toString('latin1') !== '-9223372036854775808'
}

/** SPOP of some, but not of all; see random-members.ts. */
function isChoosing(argv: Argv): boolean {
  if (argv.length === 2) return true
  const count = numberAt(argv, 2)
  return argv.length === 3 && count > 0 && count < ALL_MEMBERS_MIN
}

/** Whether a command waits for another time than those that are soon over, or no times at all. */
function blocksLong(argv: Argv, timeoutAt: number): boolean {
  const timeout = argv[timeoutAt]
  return timeout !== undefined && !BLOCKING_SECONDS.includes(timeout.toString('latin1'))
}

/** The places behind an option, wherever it stands. */
function placesBehind(argv: Argv, option: string): number[] {
  return argv.flatMap((argument, i) => (argument.toString('latin1').toLowerCase() === option ? [i + 1] : []))
}

function readBlocksLong(argv: Argv): boolean {
  return placesBehind(argv, 'block').some(
    (at) => at < argv.length && !BLOCKING_MILLISECONDS.includes(argv[at]?.toString('latin1') ?? ''),
  )
}

function isRecentIdleTime(argv: Argv, at: number): boolean {
  const idleMs = numberAt(argv, at)
  return idleMs > 0 && idleMs < LIFE_MS_MIN
}

/** Whether a number of entries or deliveries is greater than what a double holds exactly. */
function countsBeyondMax(argv: Argv, option: string): boolean {
  return placesBehind(argv, option).some((at) => numberAt(argv, at) > ENTRIES_MAX)
}

/** Whether a BITFIELD writes so far away that the string gets long. */
function writesFar(argv: Argv, bulkBytesMax: number): boolean {
  if (bulkBytesMax <= SMALL_BULK_BYTES_MAX) return false
  return ['set', 'incrby'].some((operation) =>
    placesBehind(argv, operation).some((at) => {
      const bits = Number(argv[at]?.toString('latin1').slice(1))
      const text = argv[at + 1]?.toString('latin1') ?? ''
      const offset = text.startsWith('#') ? Number(text.slice(1)) * bits : Number(text)
      return offset > OFFSET_MAX * 8
    }),
  )
}

/** SORT with STORE of elements of which Redis may find several equal that are not the same: a set gives them in no order. */
function storesInNoOrder(argv: Argv): boolean {
  return ['store', 'by', 'alpha'].every((option) => placesBehind(argv, option).length > 0)
}

/** Whether a command asks for members between two others, which is undefined when scores are not all the same. */
export function looksBetweenMembers(argv: Argv): boolean {
  const name = argv[0]?.toString('latin1').toLowerCase() ?? ''
  if (/lex(count)?$/.test(name)) return true
  return name.startsWith('zrange') && argv.some((argument) => argument.toString('latin1').toLowerCase() === 'bylex')
}

const contains = (argv: Argv, word: string): boolean => argv.some((argument) => argument.toString('latin1') === word)

/** @param bulkBytesMax what proto-max-bulk-len is set to */
export function isHazardous(argv: Argv, bulkBytesMax: number): boolean {
  const name = argv[0]?.toString('latin1').toLowerCase()
  switch (name) {
    case 'srandmember':
    case 'hrandfield':
    case 'zrandmember':
      return isEndlessRepetition(argv)
    case 'spop':
      return isChoosing(argv)
    case 'blpop':
    case 'brpop':
    case 'bzpopmin':
    case 'bzpopmax':
    case 'blmove':
    case 'brpoplpush':
      return blocksLong(argv, argv.length - 1)
    case 'blmpop':
    case 'bzmpop':
      return blocksLong(argv, 1)
    case 'xread':
    case 'xreadgroup':
      // The last entry, which + stands for, is newer than 7.0.
      return readBlocksLong(argv) || contains(argv, '+')
    case 'xadd':
      // The time is the identifier.
      return contains(argv, '*')
    case 'xgroup':
    case 'xsetid':
      return countsBeyondMax(argv, 'entriesread') || countsBeyondMax(argv, 'entriesadded')
    case 'xclaim':
      return isRecentIdleTime(argv, 4) || countsBeyondMax(argv, 'retrycount')
    case 'xautoclaim':
      return isRecentIdleTime(argv, 4)
    case 'xpending':
      return placesBehind(argv, 'idle').some((at) => isRecentIdleTime(argv, at))
    case 'setbit': {
      const offset = numberAt(argv, 2)
      return offset > OFFSET_MAX * 8 && bulkBytesMax > SMALL_BULK_BYTES_MAX && offset < bulkBytesMax * 8
    }
    case 'bitfield':
      return writesFar(argv, bulkBytesMax)
    case 'sort':
      return storesInNoOrder(argv)
    case 'restore':
      // A time to live that is too long makes Redis's addition overflow.
      return (
        placesBehind(argv, 'absttl').length === 0 && (endsSoon(numberAt(argv, 2), 1) || numberAt(argv, 2) > LIFE_MS_MAX)
      )
    case 'zrank':
    case 'zrevrank':
      // Newer versions take one argument more.
      return argv.length > 3
    case 'lpos':
      // The negative of this rank is itself.
      return contains(argv, '-9223372036854775808')
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
