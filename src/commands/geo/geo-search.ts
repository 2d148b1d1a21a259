/**
 * Searching for places: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and the variants that only read.
 *
 * Runs in a shard worker, for keys that are all on this shard.
 *
 * Behaviour: https://redis.io/docs/latest/commands/geosearch/ and the pages of the others.
 */
import { position } from '../../base/geo/geohash.js'
import { distanceInShape, scoreRangesOf } from '../../base/geo/search-area.js'
import { keyEvents } from '../../store/keyspace-events.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { SortedSetResult } from '../../store/zset/sorted-set-result.js'
import type { ShardCall } from '../shard-call.js'
import type { ShardHandler } from '../spec.js'
import { isOfOtherType } from '../zset/zset-reply.js'
import { runResult, storeResult } from '../zset/zset-result.js'
import { FoundPlaces } from './found-places.js'
import { replyDistance, replyPosition } from './geo-reply.js'
import { Order, readRequest, request, type SearchForm } from './search-request.js'

const found = new FoundPlaces()

/** The handler of a command whose arguments have this form. */
export function searchHandler(form: SearchForm): ShardHandler {
  return (call) => search(call, form)
}

function search(call: ShardCall, form: SearchForm): void {
  const { db, reply, keyspace } = call
  const exists = call.find(form.sourceAt)
  if (exists && isOfOtherType(call)) return
  const set = exists ? keyspace.sortedSets.open(db) : null
  if (!readRequest(call, form, set)) return
  if (set === null) {
    if (request.storeAt === 0) {
      reply.array(0)
      return
    }
    if (call.findForWrite(request.storeAt)) {
      db.remove()
      call.notify(keyEvents.del, request.storeAt)
    }
    reply.integer(0)
    return
  }
  found.clear()
  collect(set)
  const wanted = request.count === 0 ? found.count : Math.min(found.count, request.count)
  // The first of places in no order would not mean much, but for ANY.
  const order =
    request.order === Order.none && request.count > 0 && !request.takesAny ? Order.nearestFirst : request.order
  if (order !== Order.none) found.sort(wanted, order === Order.farthestFirst)
  if (request.storeAt === 0) replyPlaces(call, wanted)
  else storePlaces(call, wanted)
}

/** Fills `found` from the sorted set. */
function collect(set: SortedSet): void {
  const { shape, takesAny, count } = request
  const enough = takesAny ? count : Number.POSITIVE_INFINITY
  for (const { from, to } of scoreRangesOf(shape)) {
    if (found.count >= enough) return
    const rank = set.countBelowScore(from, false)
    if (rank === set.count) continue
    set.seek(rank)
    for (let more = true; more && set.score < to && found.count < enough; more = set.next()) {
      const distance = distanceInShape(shape, set.score)
      if (distance >= 0) found.add(set, distance, position.longitude, position.latitude)
    }
  }
}

function replyPlaces(call: ShardCall, wanted: number): void {
  const { reply } = call
  const { withDistance, withHash, withPosition, shape } = request
  const details = Number(withDistance) + Number(withHash) + Number(withPosition)
  reply.array(wanted)
  for (let i = 0; i < wanted; i++) {
    const place = found.order[i]!
    if (details > 0) reply.array(details + 1)
    const start = found.memberStarts[place]!
    reply.bulk(found.members, start, found.memberStarts[place + 1]! - start)
    if (withDistance) replyDistance(reply, found.distances[place]! / shape.unitMetres)
    if (withHash) replyScore(call, found.scores[place]!)
    if (withPosition) replyPosition(reply, found.longitudes[place]!, found.latitudes[place]!)
  }
}

/** A score as an integer. */
function replyScore(call: ShardCall, score: number): void {
  const whole = Math.trunc(score)
  if (Number.isSafeInteger(whole)) call.reply.integer(whole)
  else call.reply.bigInteger(BigInt(whole))
}

function storePlaces(call: ShardCall, wanted: number): void {
  const { storeAt, storesDistances, shape } = request
  const result = new SortedSetResult(call.keyspace)
  try {
    for (let i = 0; i < wanted; i++) {
      const place = found.order[i]!
      const start = found.memberStarts[place]!
      const length = found.memberStarts[place + 1]! - start
      const score = storesDistances ? found.distances[place]! / shape.unitMetres : found.scores[place]!
      if (Number.isNaN(result.scoreOf(found.members, start, length))) result.add(found.members, start, length, score)
    }
  } catch (error) {
    result.release()
    throw error
  }
  const event = call.spec.name === 'geosearchstore' ? keyEvents.geosearchstore : keyEvents.georadiusstore
  runResult(call, result, wanted, [], () => storeResult(call, result, storeAt, event))
}
