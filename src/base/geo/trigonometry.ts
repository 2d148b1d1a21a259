/**
 * Sine, cosine and arc sine, rounded correctly all but always.
 *
 * Runs on every thread. JavaScript's own functions may be wrong in the last bit, and are for some two arguments in a hundred.
 * Redis computes with a C library that is right in 999 of 1000 cases; distances that are stored as scores show each bit.
 *
 * Numbers are sums of two doubles ("double-double"): about 106 bits. The upper part is returned, the lower one left in
 * `low`. The building blocks are Dekker's and Knuth's, see T. J. Dekker, A floating-point technique for extending the
 * available precision (1971).
 */

/** pi/2 as a sum. */
const HALF_PI = Math.PI / 2
const HALF_PI_LOW = 6.123233995736766e-17

/** 2^27 + 1 cuts a double into two halves whose products are exact. */
const SPLITTER = 134217729

/** The lower part of the last sum or product. */
let low = 0

/** a + b exactly. */
function exactSum(a: number, b: number): number {
  const sum = a + b
  const shareOfB = sum - a
  low = a - (sum - shareOfB) + (b - shareOfB)
  return sum
}

/** a * b exactly. */
function exactProduct(a: number, b: number): number {
  const product = a * b
  const scaledA = SPLITTER * a
  const highA = scaledA - (scaledA - a)
  const lowA = a - highA
  const scaledB = SPLITTER * b
  const highB = scaledB - (scaledB - b)
  const lowB = b - highB
  low = highA * highB - product + highA * lowB + lowA * highB + lowA * lowB
  return product
}

/** (aHigh + aLow) + (bHigh + bLow) */
function sum(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const high = exactSum(aHigh, bHigh)
  return exactSum(high, low + aLow + bLow)
}

/** (aHigh + aLow) * (bHigh + bLow) */
function product(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const high = exactProduct(aHigh, bHigh)
  return exactSum(high, low + (aHigh * bLow + aLow * bHigh))
}

/** The first coefficients of the Taylor series, as sums; the higher ones need not be that exact. */
const THIRD = -1 / 6
const THIRD_LOW = -9.25185853854297e-18
const FIFTH = 1 / 120
const FIFTH_LOW = 1.1564823173178714e-19
const FOURTH = 1 / 24
const FOURTH_LOW = 2.3129646346357427e-18
const SIXTH = -1 / 720
const SIXTH_LOW = 5.300543954373577e-20

/** The sine of high + rest, which is at most pi/4 in absolute value; the lower part is in `low`. */
function sineSeries(high: number, rest: number): number {
  const square = product(high, rest, high, rest)
  const squareLow = low
  const z = square
  const tail =
    z *
    (-1 / 5040 +
      z *
        (1 / 362880 +
          z * (-1 / 39916800 + z * (1 / 6227020800 + z * (-1 / 1307674368000 + z * (1 / 355687428096000))))))
  let factor = sum(FIFTH, FIFTH_LOW, tail, 0)
  factor = product(factor, low, square, squareLow)
  factor = sum(THIRD, THIRD_LOW, factor, low)
  factor = product(factor, low, square, squareLow)
  factor = product(factor, low, high, rest)
  return sum(high, rest, factor, low)
}

/** The cosine of high + rest, which is at most pi/4 in absolute value; the lower part is in `low`. */
function cosineSeries(high: number, rest: number): number {
  const square = product(high, rest, high, rest)
  const squareLow = low
  const z = square
  const tail =
    z *
    (1 / 40320 +
      z *
        (-1 / 3628800 +
          z * (1 / 479001600 + z * (-1 / 87178291200 + z * (1 / 20922789888000 + z * (-1 / 6402373705728000))))))
  let factor = sum(SIXTH, SIXTH_LOW, tail, 0)
  factor = product(factor, low, square, squareLow)
  factor = sum(FOURTH, FOURTH_LOW, factor, low)
  factor = product(factor, low, square, squareLow)
  factor = sum(-0.5, 0, factor, low)
  factor = product(factor, low, square, squareLow)
  return sum(1, 0, factor, low)
}

/** The sine of the sum of `x` and `quarters` times pi/2; the lower part is in `low`. */
function sineFrom(x: number, quarters: number): number {
  const nearest = Math.round(x / HALF_PI)
  // Exact for the few multiples there are: the difference is less than half of either.
  const high = exactSum(x - nearest * HALF_PI, -nearest * HALF_PI_LOW)
  const turn = (nearest + quarters) & 3
  const value = (turn & 1) === 0 ? sineSeries(high, low) : cosineSeries(high, low)
  if (turn < 2) return value
  low = -low
  return -value
}

/** The sine of an angle of at most pi in absolute value. */
export function sine(x: number): number {
  return sineFrom(x, 0)
}

/** The cosine of an angle of at most pi in absolute value. */
export function cosine(x: number): number {
  return sineFrom(x, 1)
}

/** The angle from 0 to pi/2 whose sine is `x`, from 0 to 1. */
export function arcSine(x: number): number {
  const nearly = Math.asin(x)
  // One step of Newton's method, with the exact error of what is nearly right.
  const sineOfIt = sineFrom(nearly, 0)
  const error = x - sineOfIt - low
  return error === 0 ? nearly : nearly + error / Math.cos(nearly)
}
