/**
 * Doubles as decimal text with a fixed number of decimals, rounded as C's printf does: ties to even.
 *
 * Runs on every thread. It makes strings.
 */

/** JavaScript writes greater numbers with an exponent. */
const PLAIN_MAX = 1e21

/** printf's "%.*f", for 1 to 30 decimals. */
export function fixedText(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Math.abs(value) >= PLAIN_MAX) return `${BigInt(value)}.${'0'.repeat(decimals)}`
  const rounded = value.toFixed(decimals)
  // A tie has one decimal more, and a number has exactly n decimals when n halvings make it from an odd integer.
  if (Math.abs((value * 2 ** (decimals + 1)) % 2) !== 1) return signed(value, rounded)
  const exact = value.toFixed(decimals + 1)
  const lastKept = exact.charCodeAt(exact.length - 2)
  // JavaScript rounds ties away from zero.
  return signed(value, lastKept % 2 === 0 ? exact.slice(0, -1) : rounded)
}

/** C writes the sign of a negative zero. */
function signed(value: number, text: string): string {
  return Object.is(value, -0) ? `-${text}` : text
}

const COORDINATE_DECIMALS = 17

/** Redis's "human" text of a double: 17 decimals, without zeros at the end, and never "-0". */
export function humanText(value: number): string {
  const text = fixedText(value, COORDINATE_DECIMALS).replace(/\.?0+$/, '')
  return text === '-0' ? '0' : text
}

/** An integer that is nearest to `value`, of two the even one. */
export function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
