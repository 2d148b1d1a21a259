/**
 * Effects (see effects.ts) that several commands have: keys that are deleted, keys that get a time.
 *
 * Runs in a shard worker. Each is said after the change has been made, because what fails has no effect.
 */
import { keySlot, shardOfSlot } from '../base/crc16.js'
import { KEEP_TTL } from '../store/value-type.js'
import type { ShardCall } from './shard-call.js'

/** The key that argument `i` is was deleted. */
export function effectOfRemoval(call: ShardCall, i: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin('DEL', 2)
  call.effectArgument(i)
}

/** The key that argument `i` is got a time. */
export function effectOfExpiry(call: ShardCall, i: number, expireAtMs: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin('PEXPIREAT', 3)
  call.effectArgument(i)
  effects.integer(expireAtMs)
}

/**
 * The key that argument `key` is was set to argument `value`, on whatever condition.
 * @param expireAtMs in ms, `NO_EXPIRY` or `KEEP_TTL`
 */
export function effectOfSet(call: ShardCall, key: number, value: number, expireAtMs: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  const isTimed = expireAtMs >= 0
  const keepsTime = expireAtMs === KEEP_TTL
  effects.begin('SET', isTimed ? 5 : keepsTime ? 4 : 3)
  call.effectArgument(key)
  call.effectArgument(value)
  if (keepsTime) effects.text('KEEPTTL')
  if (!isTimed) return
  effects.text('PXAT')
  effects.integer(expireAtMs)
}

/** The command did what this one does, which has its first arguments. */
export function effectOfSame(call: ShardCall, name: string, argc: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.begin(name, argc)
  for (let i = 1; i < argc; i++) call.effectArgument(i)
}

/**
 * Elements were taken out of the key that argument `i` is by what does the same without waiting.
 * @param count 0 for one element, said without a count
 */
export function effectOfPop(call: ShardCall, i: number, name: string, count: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  if (!ownsKey(call, i)) {
    // The shard that has lent it says what has become of it.
    effects.none()
    return
  }
  effects.begin(name, count === 0 ? 2 : 3)
  call.effectArgument(i)
  if (count > 0) effects.integer(count)
}

/** Whether the key that argument `i` is belongs to this shard, and is not lent to it for the command in hand. */
export function ownsKey({ shard, shardCount, bytes, offsets, lengths }: ShardCall, i: number): boolean {
  if (shardCount === 1) return true
  return shardOfSlot(keySlot(bytes, offsets[i] as number, lengths[i] as number), shardCount) === shard
}
