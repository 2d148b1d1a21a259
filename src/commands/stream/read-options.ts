/**
 * The options of XREAD and XREADGROUP, and where their keys stand.
 *
 * The options are read in a shard worker, where one parser serves the thread, filled anew by every `parse`; the keys are
 * looked for on both threads.
 *
 * Options: https://redis.io/docs/latest/commands/xread/ and https://redis.io/docs/latest/commands/xreadgroup/
 */
import { encodeError, errors } from '../../resp/errors.js'
import type { ShardCall } from '../shard-call.js'
import { readInteger } from './stream-call.js'

const UNBALANCED = encodeError(
  "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
)
const GROUP_IN_XREAD = encodeError('ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.')
const NOACK_IN_XREAD = encodeError('ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.')
const NO_GROUP = encodeError('ERR Missing GROUP option for XREADGROUP')
const TIMEOUT_NO_INTEGER = encodeError('ERR timeout is not an integer or out of range')
const TIMEOUT_NEGATIVE = encodeError('ERR timeout is negative')

class ReadOptions {
  /** -1 without BLOCK. */
  timeoutMs = -1
  /** 0 for all. */
  count = 0
  isAcknowledged = false
  /** Where the name of the group stands, its consumer's behind it; 0 in XREAD. */
  groupAt = 0
  /** Where the keys begin; as many IDs stand behind them. */
  keysAt = 0
  streams = 0

  /** @returns false after an error reply */
  parse(call: ShardCall, isGroupRead: boolean): boolean {
    const { argc, reply } = call
    this.timeoutMs = -1
    this.count = 0
    this.isAcknowledged = false
    this.groupAt = 0
    this.keysAt = 0
    for (let i = 1; i < argc; i++) {
      const more = argc - i - 1
      if (more > 0 && call.is(i, 'BLOCK')) {
        if (call.isInScript) {
          // The name as the script has it, unless the command has come from another shard.
          const name = call.lengths[0] === 0 ? call.spec.name : call.text(0)
          reply.errorText(`ERR ${name} command is not allowed with BLOCK option from scripts`)
          return false
        }
        this.timeoutMs = readInteger(call, ++i, TIMEOUT_NO_INTEGER)
        if (Number.isNaN(this.timeoutMs)) return false
        if (this.timeoutMs < 0) {
          reply.error(TIMEOUT_NEGATIVE)
          return false
        }
      } else if (more > 0 && call.is(i, 'COUNT')) {
        this.count = readInteger(call, ++i)
        if (Number.isNaN(this.count)) return false
        if (this.count < 0) this.count = 0
      } else if (more > 0 && call.is(i, 'STREAMS')) {
        if (more % 2 !== 0) {
          reply.error(UNBALANCED)
          return false
        }
        this.keysAt = i + 1
        this.streams = more / 2
        break
      } else if (more > 1 && call.is(i, 'GROUP')) {
        if (!isGroupRead) {
          reply.error(GROUP_IN_XREAD)
          return false
        }
        this.groupAt = i + 1
        i += 2
      } else if (call.is(i, 'NOACK')) {
        if (!isGroupRead) {
          reply.error(NOACK_IN_XREAD)
          return false
        }
        this.isAcknowledged = true
      } else {
        reply.error(errors.syntax)
        return false
      }
    }
    if (this.keysAt === 0) {
      reply.error(errors.syntax)
      return false
    }
    if (isGroupRead && this.groupAt === 0) {
      reply.error(NO_GROUP)
      return false
    }
    return true
  }
}

/** The parser of this thread. */
export const readOptions = new ReadOptions()

/** The keys stand between STREAMS and as many IDs; options before may have arguments that look like it. */
export function findStreamKeys(
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  let i = 1
  for (; i < argc; i++) {
    const word = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + (offsets[i] as number), lengths[i])
      .toString('latin1')
      .toUpperCase()
    if (word === 'BLOCK' || word === 'COUNT') i++
    else if (word === 'GROUP') i += 2
    else if (word === 'STREAMS') break
    else if (word !== 'NOACK') return
  }
  const more = argc - i - 1
  if (more <= 0 || more % 2 !== 0) return
  for (let k = 0; k < more / 2; k++) into.push(i + 1 + k)
}
