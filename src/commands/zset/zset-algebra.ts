/**
 * Several sorted sets and sets at a time: union, intersection and difference, replied, stored or counted.
 *
 * Runs in a shard worker, for keys that are all on this shard. Long work is done in slices; the result is collected where
 * nobody sees it, and replied or put in its place in the last one.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zunionstore/ and the pages of the others; order of checks, and the
 * order in which scores are added up, as in Redis.
 */
import { keyEvents } from '../../store/keyspace-events.js'
import { VISITED } from '../../store/set/open-set.js'
import { SortedSetResult } from '../../store/zset/sorted-set-result.js'
import type { ShardCall } from '../shard-call.js'
import { type AlgebraCommand, AlgebraInputs } from './algebra-inputs.js'
import type { ElementVisit, ScoredSource } from './scored-source.js'
import { replyMembers, replyMembersAndScores, runResult, runWork, storeResult } from './zset-result.js'

const STORE_EVENTS = {
  union: keyEvents.zunionstore,
  intersection: keyEvents.zinterstore,
  difference: keyEvents.zdiffstore,
} as const

export function zunion(call: ShardCall): void {
  combine(call, { operation: 'union', result: 'replied' })
}

export function zunionstore(call: ShardCall): void {
  combine(call, { operation: 'union', result: 'stored' })
}

export function zinter(call: ShardCall): void {
  combine(call, { operation: 'intersection', result: 'replied' })
}

export function zinterstore(call: ShardCall): void {
  combine(call, { operation: 'intersection', result: 'stored' })
}

export function zdiff(call: ShardCall): void {
  combine(call, { operation: 'difference', result: 'replied' })
}

export function zdiffstore(call: ShardCall): void {
  combine(call, { operation: 'difference', result: 'stored' })
}

export function zintercard(call: ShardCall): void {
  const inputs = new AlgebraInputs(call, { operation: 'intersection', result: 'counted' })
  if (!inputs.read(1)) return
  inputs.sortBySize()
  runWork(call, inputs.sources[0]!.size, count(call, inputs))
}

function combine(call: ShardCall, command: AlgebraCommand): void {
  const inputs = new AlgebraInputs(call, command)
  const stores = command.result === 'stored'
  if (!inputs.read(stores ? 2 : 1)) return
  const result = new SortedSetResult(call.keyspace)
  const replies = inputs.withScores ? replyMembersAndScores : replyMembers
  const use = stores ? () => storeResult(call, result, 1, STORE_EVENTS[command.operation]) : replies
  runResult(call, result, inputs.size, collect(command, inputs, result), use)
}

function* collect(command: AlgebraCommand, inputs: AlgebraInputs, result: SortedSetResult): Generator<undefined> {
  try {
    if (command.operation === 'union') yield* unite(inputs, result)
    else if (command.operation === 'intersection') yield* intersect(inputs, result)
    else yield* subtract(inputs, result)
  } finally {
    inputs.release()
  }
}

/**
 * Visits all elements of a source, in steps before each of which it is opened anew, and with it the sources that `visit`
 * asks: others may have run.
 */
function* visitAll(
  source: ScoredSource,
  visit: ElementVisit,
  asked: readonly ScoredSource[] = [],
): Generator<undefined> {
  for (let position = 0; position !== VISITED; ) {
    source.open()
    for (const other of asked) other.open()
    position = source.visitSome(visit, position)
    yield
  }
}

function* unite(inputs: AlgebraInputs, result: SortedSetResult): Generator<undefined> {
  inputs.sortBySize()
  for (const source of inputs.sources) {
    const { weight } = source
    const visit: ElementVisit = (bytes, offset, length, score) => {
      const own = weighted(weight, score)
      const known = result.scoreOf(bytes, offset, length)
      if (Number.isNaN(known)) result.add(bytes, offset, length, own)
      else result.setScore(inputs.combined(known, own))
      return true
    }
    yield* visitAll(source, visit)
  }
}

function* intersect(inputs: AlgebraInputs, result: SortedSetResult): Generator<undefined> {
  inputs.sortBySize()
  const [smallest, ...others] = inputs.sources as [ScoredSource, ...ScoredSource[]]
  const visit: ElementVisit = (bytes, offset, length, score) => {
    let combined = weighted(smallest.weight, score)
    for (const other of others) {
      const found = other.scoreOf(bytes, offset, length)
      if (Number.isNaN(found)) return true
      combined = inputs.combined(combined, found * other.weight)
    }
    // Looks the member up, because `add` goes on from there.
    result.scoreOf(bytes, offset, length)
    result.add(bytes, offset, length, combined)
    return true
  }
  yield* visitAll(smallest, visit, others)
}

function* count(call: ShardCall, inputs: AlgebraInputs): Generator<undefined> {
  const [smallest, ...others] = inputs.sources as [ScoredSource, ...ScoredSource[]]
  let counted = 0
  const visit: ElementVisit = (bytes, offset, length) => {
    for (const other of others) if (Number.isNaN(other.scoreOf(bytes, offset, length))) return true
    counted++
    return counted !== inputs.limit
  }
  try {
    yield* visitAll(smallest, visit, others)
  } finally {
    inputs.release()
  }
  call.reply.integer(counted)
}

/** Redis's two ways, chosen by what they cost: ask the other sets about each element of the first, or go through them. */
function* subtract(inputs: AlgebraInputs, result: SortedSetResult): Generator<undefined> {
  const [first, ...others] = inputs.sources as [ScoredSource, ...ScoredSource[]]
  // Half, because asking ends at the first set that has an element.
  const costOfAsking = (first.size * inputs.sources.length) / 2
  if (costOfAsking <= inputs.size) yield* keepOthers(first, others, result)
  else yield* removeOthers(first, others, result)
}

function* keepOthers(first: ScoredSource, others: ScoredSource[], result: SortedSetResult): Generator<undefined> {
  // The larger a set, the likelier it has a member.
  others.sort((a, b) => b.size - a.size)
  const visit: ElementVisit = (bytes, offset, length, score) => {
    for (const other of others) if (!Number.isNaN(other.scoreOf(bytes, offset, length))) return true
    result.scoreOf(bytes, offset, length)
    result.add(bytes, offset, length, score)
    return true
  }
  yield* visitAll(first, visit, others)
}

function* removeOthers(first: ScoredSource, others: ScoredSource[], result: SortedSetResult): Generator<undefined> {
  const add: ElementVisit = (bytes, offset, length, score) => {
    result.scoreOf(bytes, offset, length)
    result.add(bytes, offset, length, score)
    return true
  }
  const remove: ElementVisit = (bytes, offset, length) => {
    if (!Number.isNaN(result.scoreOf(bytes, offset, length))) result.removeFound()
    return result.count > 0
  }
  yield* visitAll(first, add)
  for (const other of others) if (result.count > 0) yield* visitAll(other, remove)
}

/** Infinity times 0 is 0 here. */
function weighted(weight: number, score: number): number {
  const product = weight * score
  return Number.isNaN(product) ? 0 : product
}
