/**
 * Which cells a search for places has to look at, and which of the places there are in its circle or box.
 *
 * Runs on every thread. The cells are those around the centre, 3 by 3, of a size that they cover the area; cells that cannot
 * hold anything are left out. Their order is part of what clients see: without a sorting it is the order of the results.
 *
 * Algorithm: geohash_helper.c and geo.c of Redis, every operation on doubles in the same order.
 */
import { distance, distanceUpTo, EARTH_RADIUS_METRES, latitudeDistance, RADIANS_PER_DEGREE } from './distance.js'
import {
  cellNumber,
  columnOf,
  firstScoreOf,
  latitudeOf,
  longitudeOf,
  position,
  readScore,
  rowOf,
  SCORE_STEPS,
} from './geohash.js'

/** Half of the earth's girth on the map, in metres. */
const MAP_METRES_MAX = 20037726.37

/** Rows and columns from the centre, in the order in which the cells are searched. */
const DIRECTIONS: readonly (readonly [rows: number, columns: number])[] = [
  [0, 0],
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [1, 1],
  [1, -1],
  [-1, 1],
  [-1, -1],
]

/** A circle or a box around a centre; lengths are in the unit, which has so many metres. */
export interface SearchShape {
  longitude: number
  latitude: number
  unitMetres: number
  /** What counts when it is a circle. */
  radius: number
  /** What counts when it is a box. */
  isBox: boolean
  width: number
  height: number
}

/** The range of scores of a cell: from `from` on, and below `to`. */
export interface ScoreRange {
  readonly from: number
  readonly to: number
}

/** How small the cells may be: the more steps the smaller. */
function stepsFor(radiusMetres: number, latitude: number): number {
  if (radiusMetres === 0) return SCORE_STEPS
  let steps = 1
  for (let metres = radiusMetres; metres < MAP_METRES_MAX; metres *= 2) steps++
  steps -= 2
  // Towards the poles the cells become narrow.
  if (latitude > 66 || latitude < -66) {
    steps--
    if (latitude > 80 || latitude < -80) steps--
  }
  return Math.max(1, Math.min(SCORE_STEPS, steps))
}

/** A column or row next to another one, with those at both ends of the map as neighbours. */
function neighbour(part: number, away: number, steps: number): number {
  return away === 0 ? part : (part + away) & (2 ** steps - 1)
}

/** The ranges of scores to look through, in their order. */
export function scoreRangesOf(shape: SearchShape): ScoreRange[] {
  const { longitude, latitude, unitMetres, isBox } = shape
  const heightMetres = unitMetres * (isBox ? shape.height / 2 : shape.radius)
  const widthMetres = unitMetres * (isBox ? shape.width / 2 : shape.radius)
  const rows = heightMetres / EARTH_RADIUS_METRES / RADIANS_PER_DEGREE
  // Parallels are shorter towards the poles, so that the side that is farther from the equator reaches farther.
  const farLatitude = latitude < 0 ? latitude - rows : latitude + rows
  const columns = widthMetres / EARTH_RADIUS_METRES / Math.cos(farLatitude * RADIANS_PER_DEGREE) / RADIANS_PER_DEGREE
  const west = longitude - columns
  const east = longitude + columns
  const south = latitude - rows
  const north = latitude + rows

  const halfWidth = shape.width / 2
  const halfHeight = shape.height / 2
  const reach = isBox ? Math.sqrt(halfWidth * halfWidth + halfHeight * halfHeight) : shape.radius
  let steps = stepsFor(reach * unitMetres, latitude)
  if (steps > 1 && !isCovered(longitude, latitude, steps, west, south, east, north)) steps--

  const column = columnOf(longitude, steps)
  const row = rowOf(latitude, steps)
  const leavesOut = steps >= 2
  const skipsSouth = leavesOut && latitudeOf(row, steps) < south
  const skipsNorth = leavesOut && latitudeOf(row + 1, steps) > north
  const skipsWest = leavesOut && longitudeOf(column, steps) < west
  const skipsEast = leavesOut && longitudeOf(column + 1, steps) > east

  const ranges: ScoreRange[] = []
  let last = -1
  for (const [rowsAway, columnsAway] of DIRECTIONS) {
    if ((rowsAway < 0 && skipsSouth) || (rowsAway > 0 && skipsNorth)) continue
    if ((columnsAway < 0 && skipsWest) || (columnsAway > 0 && skipsEast)) continue
    const number = cellNumber(neighbour(column, columnsAway, steps), neighbour(row, rowsAway, steps))
    // On a map of few cells two neighbours may be the same one. Redis compares only with the one before, and never with
    // the centre.
    if (number === last) continue
    if (rowsAway !== 0 || columnsAway !== 0) last = number
    ranges.push({ from: firstScoreOf(number, steps), to: firstScoreOf(number + 1, steps) })
  }
  return ranges
}

/** Whether the cells around the centre reach as far as the area does. */
function isCovered(
  longitude: number,
  latitude: number,
  steps: number,
  west: number,
  south: number,
  east: number,
  north: number,
): boolean {
  const column = columnOf(longitude, steps)
  const row = rowOf(latitude, steps)
  return !(
    latitudeOf(neighbour(row, 1, steps) + 1, steps) < north ||
    latitudeOf(neighbour(row, -1, steps), steps) > south ||
    longitudeOf(neighbour(column, 1, steps) + 1, steps) < east ||
    longitudeOf(neighbour(column, -1, steps), steps) > west
  )
}

/**
 * The distance in metres of the place with this score from the centre, if it is in the shape, else -1. Its position is in
 * `position`.
 */
export function distanceInShape(shape: SearchShape, score: number): number {
  readScore(score)
  const { longitude, latitude, unitMetres } = shape
  if (!shape.isBox) {
    return distanceUpTo(shape.radius * unitMetres, longitude, latitude, position.longitude, position.latitude)
  }
  if (latitudeDistance(position.latitude, latitude) > (shape.height * unitMetres) / 2) return -1
  const halfWidth = (shape.width * unitMetres) / 2
  if (distanceUpTo(halfWidth, position.longitude, position.latitude, longitude, position.latitude) < 0) return -1
  return distance(longitude, latitude, position.longitude, position.latitude)
}
