/**
 * Effects (see effects.ts) of commands on streams: entries get the ID that was chosen for them, what was trimmed about is
 * trimmed exactly, and pending entries are said one by one.
 *
 * Runs in a shard worker.
 */
import { StreamId } from '../../store/stream/stream-id.js'
import { References, TrimBy } from '../../store/stream/stream-trim.js'
import type { ShardCall } from '../shard-call.js'
import { idBytes } from './stream-call.js'
import { trimOptions } from './trim-options.js'

const scratchId = new StreamId()

function effectId(call: ShardCall, id: StreamId): void {
  const text = idBytes(id)
  call.effects.argument(text, 0, text.length)
}

/**
 * XADD or XTRIM was executed with the options in `trimOptions`. Where a trim leaves out what groups still need, it goes by
 * nodes in any case, and is the same again where these are.
 * @param idAt the place of the ID that `id` has been chosen for, or the number of arguments
 */
export function effectOfTrim(call: ShardCall, name: string, idAt: number, id: StreamId | null): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  const { trim, id: given, isIdGiven, thresholdAt } = trimOptions
  const isIdChosen = id !== null && !(isIdGiven && given.isSequenceGiven)
  const becomesExact = trim.isApproximate && trim.references !== References.respect
  if (!isIdChosen && !becomesExact) return
  let left = argc
  for (let i = 2; i < idAt; i++) if (becomesExact && call.is(i, 'LIMIT')) left -= 2
  effects.begin(name, left)
  for (let i = 1; i < argc; i++) {
    if (i === idAt && isIdChosen && id !== null) effectId(call, id)
    else if (!becomesExact || i === 1 || i >= idAt) call.effectArgument(i)
    else if (call.is(i, 'LIMIT')) i++
    else if (i === thresholdAt - 1) effects.text('=')
    else if (i === thresholdAt) effectOfThreshold(call)
    else call.effectArgument(i)
  }
}

/** What keeps just what is left. */
function effectOfThreshold(call: ShardCall): void {
  const { root } = call.keyspace.streams
  if (trimOptions.trim.by === TrimBy.length) {
    call.effects.integer(root.length)
    return
  }
  if (root.length > 0) root.readFirstId(scratchId)
  else scratchId.setMax()
  effectId(call, scratchId)
}

/**
 * The entry on which the pending entries of the group in hand stand was given to a consumer, or delivered once more. The
 * last ID of the group goes with it.
 * @param group the place of the group's name, which the consumer's follows
 */
export function effectOfClaim(call: ShardCall, key: number, group: number, id: StreamId): void {
  const { effects } = call
  if (!effects.isRecording) return
  const { groups } = call.keyspace.streams
  effects.begin('XCLAIM', 14)
  call.effectArgument(key)
  call.effectArgument(group)
  call.effectArgument(group + 1)
  effects.integer(0)
  effectId(call, id)
  effects.text('TIME')
  effects.integer(groups.deliveredAtMs)
  effects.text('RETRYCOUNT')
  effects.integer(groups.deliveries)
  effects.text('FORCE')
  effects.text('JUSTID')
  effects.text('LASTID')
  effectId(call, groups.readLastId(scratchId))
}

/** An entry is pending no more in the group in hand. */
export function effectOfAcknowledgement(call: ShardCall, key: number, group: number, id: StreamId): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin('XACK', 4)
  call.effectArgument(key)
  call.effectArgument(group)
  effectId(call, id)
}

/** The group in hand has got everything up to its last ID. */
export function effectOfLastId(call: ShardCall, key: number, group: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  const { groups } = call.keyspace.streams
  effects.begin('XGROUP', 7)
  effects.text('SETID')
  call.effectArgument(key)
  call.effectArgument(group)
  effectId(call, groups.readLastId(scratchId))
  effects.text('ENTRIESREAD')
  effects.integer(groups.entriesRead)
}

/** A consumer was made. */
export function effectOfNewConsumer(call: ShardCall, key: number, group: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin('XGROUP', 5)
  effects.text('CREATECONSUMER')
  call.effectArgument(key)
  call.effectArgument(group)
  call.effectArgument(group + 1)
}
