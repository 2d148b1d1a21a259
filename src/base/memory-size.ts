/**
 * Amounts of memory as people write and read them: "100mb" in commands and configuration, "1.23M" in INFO.
 *
 * Runs on every thread, on cold paths. Invariant: both directions agree with Redis to the letter, also where Redis is
 * odd, because configuration files and monitoring tools move between the two.
 */

const UINT64_MAX = 2n ** 64n - 1n

/** Only the units of two letters are powers of two. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['', 1n],
  ['b', 1n],
  ['k', 1000n],
  ['kb', 1024n],
  ['m', 1000n ** 2n],
  ['mb', 1024n ** 2n],
  ['g', 1000n ** 3n],
  ['gb', 1024n ** 3n],
])

/**
 * Reads a number of bytes with an optional unit, letters in either case.
 * @returns undefined when the text is anything else: a sign, a space, a fraction, another unit, 128 digits or more.
 * As in Redis, a text without digits counts as 0, digits beyond 2^64 - 1 count as 2^64 - 1, and the product with the
 * unit wraps at 2^64.
 */
export function parseMemorySize(text: string): bigint | undefined {
  const match = /^([0-9]{0,127})([a-z]*)$/i.exec(text)
  if (match === null) return undefined
  const unit = UNITS.get(match[2]!.toLowerCase())
  if (unit === undefined) return undefined
  const digits = match[1] === '' ? 0n : BigInt(match[1]!)
  return BigInt.asUintN(64, (digits > UINT64_MAX ? UINT64_MAX : digits) * unit)
}

/** A non-negative number of bytes as INFO shows it beside the exact figure: "512B", "1.50K", "2.00G". */
export function formatMemorySize(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  let value = bytes / 1024
  for (const unit of ['K', 'M', 'G', 'T', 'P']) {
    if (value < 1024) return twoDecimals(value) + unit
    value /= 1024
  }
  return `${BigInt(bytes)}B`
}

/**
 * Two decimals, ties to even as C rounds; JavaScript rounds ties up. A binary fraction that ends with its third decimal
 * is .125, .375, .625 or .875, and only for the first and third of them do the two rules differ.
 */
function twoDecimals(value: number): string {
  const eighths = (value * 8) % 8
  if (eighths === 1) return `${Math.floor(value)}.12`
  if (eighths === 5) return `${Math.floor(value)}.62`
  return value.toFixed(2)
}
