/**
 * What a search for places asks for: the options of GEOSEARCH, GEORADIUS and their relatives.
 *
 * Runs in a shard worker; one request, filled anew by every command. Options are read in Redis's order, because clients see
 * which error comes first.
 */

import { position, readScore } from '../../base/geo/geohash.js'
import type { SearchShape } from '../../base/geo/search-area.js'
import { encodeError, errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import type { ShardCall } from '../shard-call.js'
import { doubleAt, given, readPosition, unitMetresAt } from './geo-arguments.js'

const NO_SUCH_MEMBER = encodeError('ERR could not decode requested zset member')
const NEED_RADIUS = encodeError('ERR need numeric radius')
const NEED_WIDTH = encodeError('ERR need numeric width')
const NEED_HEIGHT = encodeError('ERR need numeric height')
const NEGATIVE_RADIUS = encodeError('ERR radius cannot be negative')
const NEGATIVE_SIDE = encodeError('ERR height or width cannot be negative')
const COUNT_NOT_POSITIVE = encodeError('ERR COUNT must be > 0')
const ANY_WITHOUT_COUNT = encodeError('ERR the ANY argument requires COUNT argument')

/** The forms that the arguments of a search have. */
export interface SearchForm {
  /** The argument that is the key of the places. */
  readonly sourceAt: number
  /** Where the centre is: two coordinates or a member at fixed places, or among the options. */
  readonly centre: 'coordinates' | 'member' | 'option'
  /** Where the options begin. */
  readonly optionsAt: number
  /** Where the result may go: to the key that an option names, that the first argument is, or nowhere. */
  readonly stores: 'by-option' | 'always' | 'never'
}

export const Order = { none: 0, nearestFirst: 1, farthestFirst: 2 } as const

export const request = {
  shape: {
    longitude: 0,
    latitude: 0,
    unitMetres: 1,
    radius: 0,
    isBox: false,
    width: 0,
    height: 0,
  } as SearchShape,
  withDistance: false,
  withHash: false,
  withPosition: false,
  order: Order.none as number,
  /** The most places that are wanted, 0 for all. */
  count: 0,
  /** Any `count` places will do, not the nearest. */
  takesAny: false,
  /** The argument that is the key for the result, 0 for none. */
  storeAt: 0,
  /** Whether distances are stored as scores. */
  storesDistances: false,
}

/** Which of the two halves of a GEOSEARCH were given. */
let hasMember = false
let hasPosition = false
let hasRadius = false
let hasBox = false

function startRequest(form: SearchForm): void {
  request.withDistance = false
  request.withHash = false
  request.withPosition = false
  request.order = Order.none
  request.count = 0
  request.takesAny = false
  request.storeAt = form.stores === 'always' ? 1 : 0
  request.storesDistances = false
  request.shape.isBox = false
  hasMember = false
  hasPosition = false
  hasRadius = false
  hasBox = false
}

/**
 * Reads the arguments into `request`.
 * @param set the places, null when there is no such key
 * @returns false after an error reply
 */
export function readRequest(call: ShardCall, form: SearchForm, set: SortedSet | null): boolean {
  startRequest(form)
  if (!readFixedCentre(call, form, set)) return false
  for (let i = form.optionsAt; i < call.argc; ) {
    const next = readOption(call, form, set, i)
    if (next === REFUSED) return false
    i = next
  }
  return isComplete(call, form)
}

function readFixedCentre(call: ShardCall, form: SearchForm, set: SortedSet | null): boolean {
  switch (form.centre) {
    case 'coordinates':
      return takePosition(call, 2) && readRadius(call, 4)
    case 'member':
      // As in Redis: without the key the radius is not looked at.
      return set === null || (takeMember(call, set, 2) && readRadius(call, 3))
    case 'option':
      return true
  }
}

/** Stands for "not an option": options begin behind it. */
const REFUSED = 0

/** Reads the option at argument `i`. @returns the argument behind it, `REFUSED` after an error reply */
function readOption(call: ShardCall, form: SearchForm, set: SortedSet | null, i: number): number {
  const following = call.argc - i - 1
  if (call.is(i, 'WITHDIST')) request.withDistance = true
  else if (call.is(i, 'WITHHASH')) request.withHash = true
  else if (call.is(i, 'WITHCOORD')) request.withPosition = true
  else if (call.is(i, 'ANY')) request.takesAny = true
  else if (call.is(i, 'ASC')) request.order = Order.nearestFirst
  else if (call.is(i, 'DESC')) request.order = Order.farthestFirst
  else if (call.is(i, 'COUNT') && following >= 1) return readCount(call, i + 1) ? i + 2 : REFUSED
  else if (form.centre === 'option') return readAreaOption(call, form, set, i)
  else return readStoreOption(call, form, i)
  return i + 1
}

/** Reads STORE or STOREDIST with a key: the last one counts. */
function readStoreOption(call: ShardCall, form: SearchForm, i: number): number {
  const storesDistances = call.is(i, 'STOREDIST')
  if (form.stores !== 'by-option' || i + 1 >= call.argc || !(storesDistances || call.is(i, 'STORE')))
    return refuse(call)
  request.storeAt = i + 1
  request.storesDistances = storesDistances
  return i + 2
}

/** Reads what only GEOSEARCH and GEOSEARCHSTORE have. */
function readAreaOption(call: ShardCall, form: SearchForm, set: SortedSet | null, i: number): number {
  const following = call.argc - i - 1
  if (call.is(i, 'STOREDIST') && form.stores === 'always') {
    request.storesDistances = true
    return i + 1
  }
  if (call.is(i, 'FROMMEMBER') && following >= 1 && !hasPosition) {
    hasMember = true
    return set === null || takeMember(call, set, i + 1) ? i + 2 : REFUSED
  }
  if (call.is(i, 'FROMLONLAT') && following >= 2 && !hasMember) {
    hasPosition = true
    return takePosition(call, i + 1) ? i + 3 : REFUSED
  }
  if (call.is(i, 'BYRADIUS') && following >= 2 && !hasBox) {
    hasRadius = true
    return readRadius(call, i + 1) ? i + 3 : REFUSED
  }
  if (call.is(i, 'BYBOX') && following >= 3 && !hasRadius) {
    hasBox = true
    return readBox(call, i + 1) ? i + 4 : REFUSED
  }
  return refuse(call)
}

function refuse(call: ShardCall): number {
  call.reply.error(errors.syntax)
  return REFUSED
}

function takePosition(call: ShardCall, i: number): boolean {
  if (!readPosition(call, i)) return false
  request.shape.longitude = given.longitude
  request.shape.latitude = given.latitude
  return true
}

function takeMember(call: ShardCall, set: SortedSet, i: number): boolean {
  if (!set.find(call.bytes, call.offsets[i]!, call.lengths[i]!)) {
    call.reply.error(NO_SUCH_MEMBER)
    return false
  }
  readScore(set.score)
  request.shape.longitude = position.longitude
  request.shape.latitude = position.latitude
  return true
}

function readRadius(call: ShardCall, i: number): boolean {
  const radius = doubleAt(call, i, NEED_RADIUS)
  if (Number.isNaN(radius)) return false
  if (radius < 0) {
    call.reply.error(NEGATIVE_RADIUS)
    return false
  }
  request.shape.radius = radius
  return readUnit(call, i + 1)
}

function readBox(call: ShardCall, i: number): boolean {
  const width = doubleAt(call, i, NEED_WIDTH)
  if (Number.isNaN(width)) return false
  const height = doubleAt(call, i + 1, NEED_HEIGHT)
  if (Number.isNaN(height)) return false
  if (height < 0 || width < 0) {
    call.reply.error(NEGATIVE_SIDE)
    return false
  }
  request.shape.isBox = true
  request.shape.width = width
  request.shape.height = height
  return readUnit(call, i + 2)
}

function readUnit(call: ShardCall, i: number): boolean {
  const unitMetres = unitMetresAt(call, i)
  if (unitMetres !== 0) request.shape.unitMetres = unitMetres
  return unitMetres !== 0
}

function readCount(call: ShardCall, i: number): boolean {
  const count = call.int64(i)
  if (count === undefined) {
    call.reply.error(errors.notAnInteger)
    return false
  }
  if (count <= 0n) {
    call.reply.error(COUNT_NOT_POSITIVE)
    return false
  }
  request.count = Number(count)
  return true
}

/** Whether the options fit together and nothing is missing. @returns false after an error reply */
function isComplete(call: ShardCall, form: SearchForm): boolean {
  const { reply } = call
  const { storeAt, withDistance, withHash, withPosition, takesAny, count } = request
  const isSearch = form.centre === 'option'
  if (storeAt > 0 && (withDistance || withHash || withPosition)) {
    const subject = form.stores === 'always' ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS'
    reply.errorText(`ERR ${subject} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
  } else if (isSearch && !hasMember && !hasPosition) {
    reply.errorText(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${call.spec.name}`)
  } else if (isSearch && !hasRadius && !hasBox) {
    reply.errorText(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${call.spec.name}`)
  } else if (takesAny && count === 0) {
    reply.error(ANY_WITHOUT_COUNT)
  } else {
    return true
  }
  return false
}
