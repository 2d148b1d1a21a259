/**
 * The end of every command that computes a sorted set: what was collected is put in order, and replied or stored.
 *
 * Runs in a shard worker. Large results are made in slices, and replied or put in their place in the last one.
 */
import { type KeyspaceEvent, keyEvents } from '../../store/keyspace-events.js'
import type { SortedSetResult } from '../../store/zset/sorted-set-result.js'
import type { ShardCall } from '../shard-call.js'
import { replyElement, replyElementCount } from './zset-reply.js'

/** Takes an arranged result. @returns what is left to do of it step by step; only the last step replies */
type ResultUse = (call: ShardCall, result: SortedSetResult) => Iterable<undefined>

const NO_STEPS: readonly undefined[] = []

/**
 * Collects a result and hands it on.
 * @param size about how many elements have to be looked at
 */
export function runResult(
  call: ShardCall,
  result: SortedSetResult,
  size: number,
  collect: Iterable<undefined>,
  use: ResultUse,
): void {
  runWork(call, size, work(call, result, collect, use))
}

/** Runs work over about so many elements, in slices if it is long. */
export function runWork(call: ShardCall, size: number, steps: Generator<undefined>): void {
  if (size > call.portions.straightElementsMax) call.inSlices(steps)
  else while (steps.next().done !== true);
}

function* work(
  call: ShardCall,
  result: SortedSetResult,
  collect: Iterable<undefined>,
  use: ResultUse,
): Generator<undefined> {
  try {
    yield* collect
    yield* result.arrange()
    yield* use(call, result)
  } finally {
    result.release()
  }
}

/** Makes the result the value of the key at argument `storeAt` and replies how many elements it has; `event` tells of it. */
export function* storeResult(
  call: ShardCall,
  result: SortedSetResult,
  storeAt: number,
  event: KeyspaceEvent,
): Generator<undefined> {
  yield* result.build()
  const { count } = result
  const isChanged = result.storeAt(call.db, call.bytes, call.offsets[storeAt]!, call.lengths[storeAt]!)
  if (isChanged) call.notify(count > 0 ? event : keyEvents.del, storeAt)
  call.reply.integer(count)
}

export function replyMembers(call: ShardCall, result: SortedSetResult): Iterable<undefined> {
  replyResult(call, result, false)
  return NO_STEPS
}

export function replyMembersAndScores(call: ShardCall, result: SortedSetResult): Iterable<undefined> {
  replyResult(call, result, true)
  return NO_STEPS
}

function replyResult({ reply }: ShardCall, result: SortedSetResult, withScores: boolean): void {
  const { count } = result
  replyElementCount(reply, count, withScores)
  for (let rank = 0; rank < count; rank++) replyElement(reply, result.stand(rank), withScores)
}
