/**
 * Positions on the earth as numbers: the scores of a sorted set of places, and the cells that they lie in.
 *
 * Runs on every thread. The map is cut into 2^steps columns and as many rows. The bits of a column and of a row, one after
 * the other (a row's bit is the lower one of each pair), number a cell; what lies close together mostly has numbers that begin
 * alike. A score is the number of a cell of 26 steps, 52 bits.
 *
 * Invariant: every operation is done on doubles in Redis's order, so that both compute the same scores and positions. Scores
 * may be any doubles, because ZADD can set them; they are read as C converts them to 64 bits.
 *
 * Algorithm: geohash.c of Redis. Limits: those of the map projection EPSG:3857, which has no poles.
 */

export const LONGITUDE_MIN = -180
export const LONGITUDE_MAX = 180
export const LATITUDE_MIN = -85.05112878
export const LATITUDE_MAX = 85.05112878

/** Steps of the cells that scores number. */
export const SCORE_STEPS = 26

const TWO_TO_32 = 2 ** 32
const TWO_TO_63 = 2 ** 63

/** Where a value lies in a range that is cut into 2^steps parts; at the range's end it is 2^steps. */
function partOf(value: number, min: number, max: number, steps: number): number {
  return Math.floor(((value - min) / (max - min)) * 2 ** steps)
}

/** The column of cells that a longitude lies in. */
export function columnOf(longitude: number, steps: number): number {
  return partOf(longitude, LONGITUDE_MIN, LONGITUDE_MAX, steps)
}

/** The row of cells that a latitude lies in. */
export function rowOf(latitude: number, steps: number): number {
  return partOf(latitude, LATITUDE_MIN, LATITUDE_MAX, steps)
}

/** The longitude at which a column begins. */
export function longitudeOf(column: number, steps: number): number {
  return LONGITUDE_MIN + (column / 2 ** steps) * (LONGITUDE_MAX - LONGITUDE_MIN)
}

/** The latitude at which a row begins. */
export function latitudeOf(row: number, steps: number): number {
  return LATITUDE_MIN + (row / 2 ** steps) * (LATITUDE_MAX - LATITUDE_MIN)
}

/** 16 bits with a zero above each. */
function spread(bits: number): number {
  let spaced = bits & 0xffff
  spaced = (spaced | (spaced << 8)) & 0x00ff00ff
  spaced = (spaced | (spaced << 4)) & 0x0f0f0f0f
  spaced = (spaced | (spaced << 2)) & 0x33333333
  return (spaced | (spaced << 1)) & 0x55555555
}

/** Every second bit of a word, from the lowest. */
function gather(word: number): number {
  let bits = word & 0x55555555
  bits = (bits | (bits >>> 1)) & 0x33333333
  bits = (bits | (bits >>> 2)) & 0x0f0f0f0f
  bits = (bits | (bits >>> 4)) & 0x00ff00ff
  return (bits | (bits >>> 8)) & 0xffff
}

/** The number of a cell. */
export function cellNumber(column: number, row: number): number {
  const low = spread(row) | (spread(column) << 1)
  const high = spread(row >>> 16) | (spread(column >>> 16) << 1)
  return (high >>> 0) * TWO_TO_32 + (low >>> 0)
}

/** The score of a position inside the limits. */
export function scoreOfPosition(longitude: number, latitude: number): number {
  return cellNumber(columnOf(longitude, SCORE_STEPS), rowOf(latitude, SCORE_STEPS))
}

/** The lowest score in a cell. That of the cell with the next number is the first one behind it. */
export function firstScoreOf(number: number, steps: number): number {
  return number * 4 ** (SCORE_STEPS - steps)
}

/** The result of `readScore`: the middle of the cell that a score numbers. */
export const position = { longitude: 0, latitude: 0 }

/** Turns a score into a position, which is then in `position`. */
export function readScore(score: number): void {
  let whole = Math.trunc(score)
  let top = 0
  if (whole >= TWO_TO_63) {
    // As x86 converts to unsigned: the upper half is converted without its top bit, and what still is too great becomes it.
    whole -= TWO_TO_63
    top = whole >= TWO_TO_63 ? 0 : 0x80000000
    if (top === 0) whole = 0
  } else if (whole < -TWO_TO_63) {
    whole = -TWO_TO_63
  }
  const high = Math.floor(whole / TWO_TO_32)
  const lowWord = (whole - high * TWO_TO_32) | 0
  const highWord = (high | 0) ^ top
  const row = gather(lowWord) + gather(highWord) * 0x10000
  const column = gather(lowWord >>> 1) + gather(highWord >>> 1) * 0x10000
  position.longitude = middle(longitudeOf(column, SCORE_STEPS), longitudeOf(next(column), SCORE_STEPS), LONGITUDE_MAX)
  position.latitude = middle(latitudeOf(row, SCORE_STEPS), latitudeOf(next(row), SCORE_STEPS), LATITUDE_MAX)
}

/** One more in 32 bits, of which the highest is followed by 0. */
function next(part: number): number {
  return (part + 1) >>> 0
}

/** The middle of two coordinates, within the limits: `limit` and its opposite. */
function middle(from: number, to: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, (from + to) / 2))
}

const LETTERS = '0123456789bcdefghjkmnpqrstuvwxyz'
const TEXT_LETTERS = 11

/**
 * The position in `position` as geohash.org writes it, with latitudes from -90 to 90. Of eleven letters the last is always
 * 0: there are 52 bits for ten.
 */
export function geohashText(): string {
  const column = partOf(position.longitude, -180, 180, SCORE_STEPS)
  const row = partOf(position.latitude, -90, 90, SCORE_STEPS)
  const number = cellNumber(column, row)
  let text = ''
  for (let letter = 1; letter < TEXT_LETTERS; letter++) {
    text += LETTERS.charAt(Math.floor(number / 2 ** (2 * SCORE_STEPS - 5 * letter)) % 32)
  }
  return `${text}0`
}
