/**
 * SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what they stand for.
 *
 * Runs in a shard worker, for keys that are all on this shard: over several shards the router lends it the others' records.
 * The elements are copied out of their collection first, because looking up what they stand for moves the cursor.
 *
 * Behaviour: https://redis.io/docs/latest/commands/sort/
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { ValueType } from '../../store/value-type.js'
import { ownsKey } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { effectOfState } from '../state-effect.js'
import { ByteStrings } from './byte-strings.js'
import { addElements, elementCount, storeList } from './sort-elements.js'
import { SortLookup } from './sort-lookup.js'
import { limitedRange, parseSortOptions, reachOfSort, type SortOptions } from './sort-options.js'
import { byBytes, byNumber, byText, inTurn, type Order, sortedPlaces, sortNumber } from './sort-order.js'
import type { SortPattern } from './sort-pattern.js'

const NOT_NUMBERS = encodeError("ERR One or more scores can't be converted into double")

const NOTHING = new Int32Array(0)

export function sort(call: ShardCall): void {
  sortKey(call, true)
}

export function sortReadOnly(call: ShardCall): void {
  sortKey(call, false)
}

function sortKey(call: ShardCall, mayStore: boolean): void {
  const { reply } = call
  const options = parseSortOptions(call, call.argc, mayStore)
  if (options instanceof Uint8Array) {
    reply.error(options)
    return
  }
  const elements = new ByteStrings()
  const places = resultPlaces(call, options, elements)
  if (places instanceof Uint8Array) {
    reply.error(places)
    return
  }
  if (options.storeArgument >= 0) storeResult(call, options, elements, places)
  else replyResult(call, options, elements, places)
}

/**
 * Fills `elements` with the key's elements.
 * @returns which of them are the result, in its order; or the error that the client gets
 */
function resultPlaces(call: ShardCall, options: SortOptions, elements: ByteStrings): Int32Array | Uint8Array {
  const { db } = call
  if (!call.find(1)) return NOTHING
  const { type } = db
  if (type !== ValueType.list && type !== ValueType.set && type !== ValueType.zset) return errors.wrongType
  // A set has no order of its own, but what is stored, or a script sees, must not depend on where its elements lie.
  const mustHaveOrder = options.storeArgument >= 0 || call.isInScript
  const byElement = options.isUnsorted && type === ValueType.set && mustHaveOrder
  const count = elementCount(db)
  const { start, end } = limitedRange(options, count)
  if (options.isUnsorted && !byElement) {
    const isOrdered = type !== ValueType.set
    const isReversed = options.descending && isOrdered
    const shown = end - start + 1
    // Of a collection with an order nothing but the result is looked at.
    if (isOrdered) addElements(db, elements, isReversed ? count - 1 - end : start, shown)
    else addElements(db, elements, 0, count)
    const first = isOrdered ? 0 : start
    return Int32Array.from({ length: shown }, (_, i) => (isReversed ? shown - 1 - i : first + i))
  }
  addElements(db, elements, 0, count)
  const order = byElement ? byBytes(elements) : orderOf(call, options, elements, type === ValueType.set)
  if (order === undefined) return NOT_NUMBERS
  return sortedPlaces(count, order, options.descending).subarray(start, end + 1)
}

/** @returns undefined when something to sort by is no number */
function orderOf(
  call: ShardCall,
  { alpha, by, storeArgument }: SortOptions,
  elements: ByteStrings,
  isSet: boolean,
): Order | undefined {
  const lookup = new SortLookup(call.db)
  if (!alpha) {
    const scores = new Float64Array(elements.count)
    for (let i = 0; i < scores.length; i++) {
      // A key that is missing counts as 0.
      if (by !== undefined && !lookup.find(by, elements, i)) continue
      const score =
        by !== undefined
          ? sortNumber(lookup.bytes, lookup.offset, lookup.length)
          : sortNumber(elements.bytes, elements.offsets[i]!, elements.lengths[i]!)
      if (Number.isNaN(score)) return undefined
      scores[i] = score
    }
    return byNumber(scores, elements)
  }
  let weights = elements
  if (by !== undefined) {
    weights = new ByteStrings()
    for (let i = 0; i < elements.count; i++) {
      if (lookup.find(by, elements, i)) weights.add(lookup.bytes, lookup.offset, lookup.length)
      else weights.addMissing()
    }
  }
  if (storeArgument < 0) return byText(weights)
  // Of elements of a set that are equal so far none is the first, and what is stored must not depend on where they lie.
  return isSet ? inTurn(byBytes(weights), byBytes(elements)) : byBytes(weights)
}

function replyResult(call: ShardCall, { gets }: SortOptions, elements: ByteStrings, places: Int32Array): void {
  const { reply } = call
  const lookup = new SortLookup(call.db)
  reply.array(places.length * Math.max(1, gets.length))
  for (const place of places) {
    if (gets.length === 0) reply.bulk(elements.bytes, elements.offsets[place]!, elements.lengths[place]!)
    for (const pattern of gets) {
      if (lookup.find(pattern, elements, place)) reply.bulk(lookup.bytes, lookup.offset, lookup.length)
      else reply.nil()
    }
  }
}

/** The result becomes a list; what is missing in it an empty string. */
function storeResult(
  call: ShardCall,
  { gets, storeArgument }: SortOptions,
  elements: ByteStrings,
  places: Int32Array,
): void {
  const { db, reply } = call
  const result = new ByteStrings()
  const lookup = new SortLookup(db)
  for (const place of places) {
    if (gets.length === 0) result.add(elements.bytes, elements.offsets[place]!, elements.lengths[place]!)
    for (const pattern of gets) {
      if (lookup.find(pattern, elements, place)) result.add(lookup.bytes, lookup.offset, lookup.length)
      else result.add(lookup.bytes, 0, 0)
    }
  }
  if (result.count > 0) {
    storeList(db, call.copy(storeArgument), result)
    call.notify(keyEvents.sortstore, storeArgument)
  } else if (call.findForWrite(storeArgument)) {
    db.remove()
    call.notify(keyEvents.del, storeArgument)
  }
  effectOfStore(call, storeArgument)
  reply.integer(result.count)
}

/** Patterns may have read keys of other shards: then the log gets the result. */
function effectOfStore(call: ShardCall, storeArgument: number): void {
  const { effects, bytes, offsets, lengths, argc } = call
  if (!effects.isRecording || call.shardCount === 1) return
  if (reachOfSort(bytes, offsets, lengths, argc) !== 'keyspace') return
  effects.none()
  if (ownsKey(call, storeArgument)) effectOfState(effects, call.db, call.copy(storeArgument))
}

/**
 * Replies the keys that the patterns name: with `forOrder` those of BY for all elements, else those of GET for the elements
 * of the result. Nothing when SORT itself would be an error. The last argument is none of SORT's.
 */
export function replyKeysOfPatterns(call: ShardCall, forOrder: boolean): void {
  const { reply } = call
  const options = parseSortOptions(call, call.argc - 1, true)
  const elements = new ByteStrings()
  let patterns: readonly SortPattern[] = []
  let places: Int32Array | Uint8Array = NOTHING
  if (!(options instanceof Uint8Array)) {
    const asked = forOrder ? [options.isUnsorted ? undefined : options.by] : options.gets
    patterns = asked.filter((pattern) => pattern !== undefined).filter((pattern) => pattern.namesKeys)
    // In their own order, and so without a look at what they are sorted by.
    if (patterns.length > 0) places = resultPlaces(call, forOrder ? inOwnOrder : options, elements)
  }
  if (places instanceof Uint8Array) places = NOTHING
  let key = new Uint8Array(256)
  reply.array(places.length * patterns.length)
  for (const place of places) {
    const offset = elements.offsets[place]!
    const length = elements.lengths[place]!
    for (const pattern of patterns) {
      const keyLength = pattern.keyLength(length)
      if (keyLength > key.length) key = new Uint8Array(keyLength * 2)
      pattern.writeKey(elements.bytes, offset, length, key)
      reply.bulk(key, 0, keyLength)
    }
  }
}

/** Options that give all elements as they come. */
const inOwnOrder: SortOptions = {
  alpha: false,
  descending: false,
  limitStart: 0,
  limitCount: -1,
  isUnsorted: true,
  by: undefined,
  gets: [],
  storeArgument: -1,
}
