/**
 * The options of SCAN, SSCAN, HSCAN and ZSCAN, and the empty reply of the last three.
 *
 * Runs in a shard worker; one object for the command in hand.
 */
import { globMatches } from '../base/glob.js'
import { errors } from '../resp/errors.js'
import type { ShardCall } from './shard-call.js'

const COUNT_DEFAULT = 10
/** A sparse table has many empty buckets: a call looks at so many for each element asked for, and no more. */
const STEPS_PER_COUNT = 10

const STAR = 42

/** An option that only one of the commands has: SCAN's TYPE has a value, HSCAN's NOVALUES none. */
type OwnOption = 'TYPE' | 'NOVALUES' | null

class ScanOptions {
  /** COUNT: how many elements are wanted, about. */
  count = COUNT_DEFAULT
  /** The argument with the type that keys must have, 0 for any. */
  typeArgument = 0
  /** NOVALUES was not given. */
  withValues = true
  /** The argument with the pattern of MATCH, 0 for none. */
  private patternArgument = 0

  /** Reads the options from argument `from` on. @returns false after an error reply */
  read(call: ShardCall, from: number, own: OwnOption): boolean {
    this.count = COUNT_DEFAULT
    this.typeArgument = 0
    this.withValues = true
    this.patternArgument = 0
    for (let i = from; i < call.argc; i++) {
      const hasValue = i + 1 < call.argc
      if (hasValue && call.is(i, 'COUNT')) {
        if (!this.readCount(call, ++i)) return false
      } else if (hasValue && call.is(i, 'MATCH')) {
        this.patternArgument = matchesAll(call, ++i) ? 0 : i
      } else if (own === 'TYPE' && hasValue && call.is(i, 'TYPE')) {
        this.typeArgument = ++i
      } else if (own === 'NOVALUES' && call.is(i, 'NOVALUES')) {
        this.withValues = false
      } else {
        call.reply.error(errors.syntax)
        return false
      }
    }
    return true
  }

  /** How many steps of its table a call takes at most. */
  get stepsMax(): number {
    return this.count * STEPS_PER_COUNT
  }

  /** Whether there is no pattern, or it matches this. */
  matches(call: ShardCall, bytes: Uint8Array, offset: number, length: number): boolean {
    const pattern = this.patternArgument
    if (pattern === 0) return true
    return globMatches(call.bytes, call.offsets[pattern]!, call.lengths[pattern]!, bytes, offset, length, false)
  }

  private readCount(call: ShardCall, i: number): boolean {
    const integer = call.integer(i)
    this.count = Number.isNaN(integer) ? Number(call.int64(i)) : integer
    if (this.count >= 1) return true
    call.reply.error(Number.isNaN(this.count) ? errors.notAnInteger : errors.syntax)
    return false
  }
}

/** What the command in hand asks for. */
export const scanOptions = new ScanOptions()

/** The reply to a scan of a key that does not exist. */
export function replyNothingScanned({ reply }: ShardCall): void {
  reply.array(2)
  reply.bulkInteger(0)
  reply.array(0)
}

/** A pattern that need not be asked about each element. */
function matchesAll(call: ShardCall, i: number): boolean {
  return call.lengths[i] === 1 && call.bytes[call.offsets[i]!] === STAR
}
