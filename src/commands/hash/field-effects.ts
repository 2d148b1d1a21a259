/**
 * Effects (see effects.ts) of commands on fields of hashes: fields that go, and fields that get a time or lose it.
 *
 * Runs in a shard worker.
 */
import { NO_EXPIRY } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'

/** Every `step`th argument from `first` on names a field that has gone, or was not there. */
export function effectOfFieldRemovals(call: ShardCall, first: number, step: number): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  effects.begin('HDEL', 2 + Math.ceil((argc - first) / step))
  call.effectArgument(1)
  for (let i = first; i < argc; i += step) call.effectArgument(i)
}

/** The arguments at these places name fields that have gone. */
export function effectOfRemovalsAt(call: ShardCall, places: readonly number[]): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin('HDEL', 2 + places.length)
  call.effectArgument(1)
  for (const i of places) call.effectArgument(i)
}

/**
 * The fields that the arguments from `first` on name, behind their number, got a time, or with `NO_EXPIRY` lost theirs.
 * @param condition the place of the condition on which they did, 0 for none
 */
export function effectOfFieldTimes(call: ShardCall, first: number, timeMs: number, condition: number): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  const isTimed = timeMs !== NO_EXPIRY
  const options = (isTimed ? 1 : 0) + (condition > 0 ? 1 : 0)
  effects.begin(isTimed ? 'HPEXPIREAT' : 'HPERSIST', 4 + options + argc - first)
  call.effectArgument(1)
  if (isTimed) effects.integer(timeMs)
  if (condition > 0) call.effectArgument(condition)
  effects.text('FIELDS')
  for (let i = first - 1; i < argc; i++) call.effectArgument(i)
}

/** The fields that the arguments from `first` on name were set to the values behind them, on whatever condition. */
export function effectOfFieldsSet(call: ShardCall, first: number, timeMs: number, keepsTime: boolean): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  const pairs = argc - first
  if (timeMs === NO_EXPIRY && !keepsTime) {
    effects.begin('HSET', 2 + pairs)
    call.effectArgument(1)
  } else {
    effects.begin('HSETEX', (keepsTime ? 5 : 6) + pairs)
    call.effectArgument(1)
    effects.text(keepsTime ? 'KEEPTTL' : 'PXAT')
    if (!keepsTime) effects.integer(timeMs)
    effects.text('FIELDS')
    effects.integer(pairs / 2)
  }
  for (let i = first; i < argc; i++) call.effectArgument(i)
}
