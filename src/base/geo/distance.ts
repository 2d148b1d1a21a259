/**
 * Distances between positions on the earth, seen as a ball, in metres.
 *
 * Runs on every thread. Every operation is done on doubles in Redis's order, so that both compute the same distances.
 *
 * Formula: haversine, as in geohash_helper.c of Redis.
 */
import { arcSine, cosine, sine } from './trigonometry.js'

export const EARTH_RADIUS_METRES = 6372797.560856
export const RADIANS_PER_DEGREE = Math.PI / 180

/** The quick estimate of a distance is not further off than this, relative to it. */
const ESTIMATE_ERROR = 1e-9

/** The distance of two latitudes along a meridian. */
export function latitudeDistance(latitude1: number, latitude2: number): number {
  return EARTH_RADIUS_METRES * Math.abs(latitude2 * RADIANS_PER_DEGREE - latitude1 * RADIANS_PER_DEGREE)
}

export function distance(longitude1: number, latitude1: number, longitude2: number, latitude2: number): number {
  const v = sine((longitude2 * RADIANS_PER_DEGREE - longitude1 * RADIANS_PER_DEGREE) / 2)
  if (v === 0) return latitudeDistance(latitude1, latitude2)
  const radians1 = latitude1 * RADIANS_PER_DEGREE
  const radians2 = latitude2 * RADIANS_PER_DEGREE
  const u = sine((radians2 - radians1) / 2)
  const a = u * u + cosine(radians1) * cosine(radians2) * v * v
  return 2 * EARTH_RADIUS_METRES * arcSine(Math.sqrt(a))
}

/**
 * The distance if it is at most `max`, else -1. What is clearly farther, as most of what a search looks at, is told from an
 * estimate that takes a quarter of the time.
 */
export function distanceUpTo(
  max: number,
  longitude1: number,
  latitude1: number,
  longitude2: number,
  latitude2: number,
): number {
  const v = Math.sin(((longitude2 - longitude1) * RADIANS_PER_DEGREE) / 2)
  const u = Math.sin(((latitude2 - latitude1) * RADIANS_PER_DEGREE) / 2)
  const cosines = Math.cos(latitude1 * RADIANS_PER_DEGREE) * Math.cos(latitude2 * RADIANS_PER_DEGREE)
  const estimate = 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(u * u + cosines * v * v)))
  // Below a millimetre the differences of coordinates have few bits left.
  if (estimate > max + max * ESTIMATE_ERROR + 1e-3) return -1
  const exact = distance(longitude1, latitude1, longitude2, latitude2)
  return exact > max ? -1 : exact
}
