/**
 * What the geo commands share in reading their arguments, and the descriptions of those.
 *
 * Runs in a shard worker; the descriptions are imported by both threads.
 */

import { fixedText } from '../../base/fixed-text.js'
import { parseDouble } from '../../base/float.js'
import { LATITUDE_MAX, LATITUDE_MIN, LONGITUDE_MAX, LONGITUDE_MIN } from '../../base/geo/geohash.js'
import { encodeError, errors } from '../../resp/errors.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec } from '../spec.js'

const UNSUPPORTED_UNIT = encodeError('ERR unsupported unit provided. please use M, KM, FT, MI')

/** printf's %f, in the error about a position. */
const SHOWN_DECIMALS = 6

/** Argument `i` as a double; NaN after an error reply. */
export function doubleAt(call: ShardCall, i: number, error: Uint8Array = errors.notAFloat): number {
  const value = parseDouble(call.bytes, call.offsets[i]!, call.lengths[i]!)
  if (Number.isNaN(value)) call.reply.error(error)
  return value
}

/** What `readPosition` has read. */
export const given = { longitude: 0, latitude: 0 }

/** Reads arguments `i` and `i + 1` into `given`. @returns false after an error reply */
export function readPosition(call: ShardCall, i: number): boolean {
  const longitude = doubleAt(call, i)
  if (Number.isNaN(longitude)) return false
  const latitude = doubleAt(call, i + 1)
  if (Number.isNaN(latitude)) return false
  const isOnMap =
    longitude >= LONGITUDE_MIN && longitude <= LONGITUDE_MAX && latitude >= LATITUDE_MIN && latitude <= LATITUDE_MAX
  if (!isOnMap) {
    const shown = `${fixedText(longitude, SHOWN_DECIMALS)},${fixedText(latitude, SHOWN_DECIMALS)}`
    call.reply.errorText(`ERR invalid longitude,latitude pair ${shown}`)
    return false
  }
  given.longitude = longitude
  given.latitude = latitude
  return true
}

/** How many metres the unit that argument `i` names has; 0 after an error reply. */
export function unitMetresAt(call: ShardCall, i: number): number {
  if (call.is(i, 'M')) return 1
  if (call.is(i, 'KM')) return 1000
  if (call.is(i, 'FT')) return 0.3048
  if (call.is(i, 'MI')) return 1609.34
  call.reply.error(UNSUPPORTED_UNIT)
  return 0
}

export const positionArguments: readonly ArgumentSpec[] = [
  { name: 'longitude', type: 'double' },
  { name: 'latitude', type: 'double' },
]

export const unitArgument: ArgumentSpec = {
  name: 'unit',
  type: 'oneof',
  arguments: [
    { name: 'm', type: 'pure-token', token: 'M' },
    { name: 'km', type: 'pure-token', token: 'KM' },
    { name: 'ft', type: 'pure-token', token: 'FT' },
    { name: 'mi', type: 'pure-token', token: 'MI' },
  ],
}
