/**
 * The common value types of settings: yes/no, integers, memory sizes, octal numbers, words of a list, and strings.
 *
 * Main thread. The accepted spellings, the bounds checks and the error texts are those of Redis 7.
 */

import { INT64_MAX, INT64_MIN } from '../base/integer.js'
import { parseMemorySize } from '../base/memory-size.js'
import { quoteArgument } from './arguments.js'
import { Refusal, type RewriteLine, type ValueType } from './setting.js'

export const INT_MAX = 2147483647n
export const INT_MIN = -2147483648n
export const UINT_MAX = 4294967295n
export const UINT64_MAX = 18446744073709551615n
export const LONG_MAX = INT64_MAX

/** What every type that takes exactly one word shares. The caller has checked that there is one. */
const ONE_WORD = { takesSeveralWords: false, addsUp: false } as const

function oneLine(text: string, isDefault: boolean): readonly RewriteLine[] {
  return [{ text, force: !isDefault }]
}

export const yesNo: ValueType<boolean> = {
  ...ONE_WORD,
  description: 'yes or no',
  parse(words) {
    const word = words[0]!.toLowerCase()
    if (word === 'yes') return true
    if (word === 'no') return false
    return new Refusal("argument must be 'yes' or 'no'")
  },
  print: (value) => (value ? 'yes' : 'no'),
  rewriteLines: (value, defaultValue) => oneLine(value ? 'yes' : 'no', value === defaultValue),
}

const CANONICAL_INTEGER = /^(?:0|-?[1-9][0-9]*)$/

/** Reads the one form of an integer that Redis accepts: no plus sign, no leading zero, within int64. */
function parseInt64(text: string): bigint | undefined {
  if (text.length > 20 || !CANONICAL_INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return value < INT64_MIN || value > INT64_MAX ? undefined : value
}

function outOfBounds(min: string, max: string): Refusal {
  return new Refusal(`argument must be between ${min} and ${max} inclusive`)
}

interface NumberOptions {
  /** Accepted values are silently moved into this range, as Redis does with `hz`. */
  readonly clamp?: readonly [low: bigint, high: bigint]
}

function clamped(value: bigint, options: NumberOptions): bigint {
  if (options.clamp === undefined) return value
  const [low, high] = options.clamp
  if (value < low) return low
  return value > high ? high : value
}

/** An integer with bounds, both inclusive. */
export function integer(min: bigint, max: bigint, options: NumberOptions = {}): ValueType<bigint> {
  return {
    ...ONE_WORD,
    description: `integer ${describeBounds(min, max, String)}`,
    parse(words) {
      const value = parseInt64(words[0]!)
      if (value === undefined) return new Refusal("argument couldn't be parsed into an integer")
      if (value < min || value > max) return outOfBounds(String(min), String(max))
      return clamped(value, options)
    },
    print: String,
    rewriteLines: (value, defaultValue) => oneLine(String(value), value === defaultValue),
  }
}

const BINARY_UNITS = [
  ['gb', 1024n ** 3n],
  ['mb', 1024n ** 2n],
  ['kb', 1024n],
] as const

/** A number of bytes with the greatest binary unit that divides it, as CONFIG REWRITE writes it. */
export function formatMemory(bytes: bigint): string {
  for (const [unit, size] of BINARY_UNITS) {
    if (bytes !== 0n && bytes % size === 0n) return `${bytes / size}${unit}`
  }
  return String(bytes)
}

interface MemoryOptions extends NumberOptions {
  /** Also "10%"; held as -10. The lower bound then is the greatest percentage, negated. */
  readonly orPercent?: boolean
  /** A further condition; returns Redis-style text when it does not hold. */
  readonly check?: (bytes: bigint) => string | undefined
}

/** A number of bytes, with or without a unit. Reported in bytes. */
export function memory(min: bigint, max: bigint, options: MemoryOptions = {}): ValueType<bigint> {
  const orPercent = options.orPercent === true
  // Redis keeps sizes in signed integers, except those that may take all 64 bits.
  const signed = max !== UINT64_MAX
  return {
    ...ONE_WORD,
    description: orPercent
      ? `memory size, or 0% to ${-min}% of maxmemory`
      : `memory size ${describeBounds(min, max, formatMemory)}`,
    parse(words) {
      const text = words[0]!
      const bytes = parseMemorySize(text)
      if (bytes === undefined) {
        const percent = orPercent && text.endsWith('%') ? parseInt64(text.slice(0, -1)) : undefined
        if (percent === undefined || percent < 0n) {
          return new Refusal(`argument must be a memory ${orPercent ? 'or percent ' : ''}value`)
        }
        if (percent > -min) return new Refusal(`percentage argument must be less or equal to ${-min}`)
        return -percent
      }
      const value = signed ? BigInt.asIntN(64, bytes) : bytes
      if (value < min || value > max || (orPercent && value < 0n)) return outOfBounds(String(min), String(max))
      const reason = options.check?.(value)
      return reason === undefined ? clamped(value, options) : new Refusal(reason)
    },
    print: (value) => (value < 0n ? `${-value}%` : String(value)),
    rewriteLines: (value, defaultValue) =>
      oneLine(value < 0n ? `${-value}%` : formatMemory(value), value === defaultValue),
  }
}

const DURATION_UNITS = [
  ['w', 604800n],
  ['d', 86400n],
  ['h', 3600n],
  ['m', 60n],
  ['s', 1n],
] as const

function formatDuration(seconds: bigint): string {
  for (const [unit, size] of DURATION_UNITS) {
    if (seconds !== 0n && seconds % size === 0n) return `${seconds / size}${unit}`
  }
  return String(seconds)
}

/** A time such as `24h`: weeks, days, hours, minutes or seconds, which are meant without a unit. Held in seconds. */
export function duration(min: bigint, max: bigint): ValueType<bigint> {
  return {
    ...ONE_WORD,
    description: `time such as 24h, ${describeBounds(min, max, formatDuration)}`,
    parse(words) {
      const parts = /^([0-9]{1,18})([wdhms]?)$/.exec(words[0]!.toLowerCase())
      if (parts === null) return new Refusal('argument must be a time such as 30s, 15m, 24h, 7d or 4w')
      const size = DURATION_UNITS.find(([unit]) => unit === parts[2])?.[1] ?? 1n
      const seconds = BigInt(parts[1]!) * size
      return seconds < min || seconds > max ? outOfBounds(formatDuration(min), formatDuration(max)) : seconds
    },
    print: formatDuration,
    rewriteLines: (value, defaultValue) => oneLine(formatDuration(value), value === defaultValue),
  }
}

/** A number written in octal, such as a file mode. */
export function octal(min: bigint, max: bigint): ValueType<bigint> {
  const print = (value: bigint) => value.toString(8)
  return {
    ...ONE_WORD,
    description: `octal number from ${print(min)} to ${print(max)}`,
    parse(words) {
      if (!/^[0-7]{1,20}$/.test(words[0]!)) return new Refusal("argument couldn't be parsed as an octal number")
      const value = BigInt(`0o${words[0]!}`)
      return value < min || value > max ? outOfBounds(print(min), print(max)) : value
    },
    print,
    rewriteLines: (value, defaultValue) => oneLine(print(value), value === defaultValue),
  }
}

function mustBeOneOf(words: readonly string[]): Refusal {
  return new Refusal(`argument(s) must be one of the following: ${words.join(', ')}`)
}

/**
 * One word of a list.
 * @param synonyms words that are accepted and reported as another one
 */
export function oneOf(words: readonly string[], synonyms: Readonly<Record<string, string>> = {}): ValueType<string> {
  return {
    ...ONE_WORD,
    description: words.map((word) => `\`${word}\``).join(', '),
    parse(given) {
      const word = given[0]!.toLowerCase()
      if (!words.includes(word)) return mustBeOneOf(words)
      return synonyms[word] ?? word
    },
    print: (value) => value,
    rewriteLines: (value, defaultValue) => oneLine(value, value === defaultValue),
  }
}

/**
 * Any number of words of a list. Held in the list's order, each once.
 * @param none the word that stands for none of them
 */
export function someOf(
  none: string,
  words: readonly string[],
  check: (chosen: readonly string[]) => string | undefined,
): ValueType<readonly string[]> {
  const print = (value: readonly string[]) => (value.length === 0 ? none : value.join(' '))
  return {
    description: `one or more of ${[none, ...words].map((word) => `\`${word}\``).join(', ')}`,
    takesSeveralWords: true,
    addsUp: false,
    parse(given) {
      const chosen = given.map((word) => word.toLowerCase())
      if (chosen.length === 0 || !chosen.every((word) => word === none || words.includes(word))) {
        return mustBeOneOf([none, ...words])
      }
      const value = words.filter((word) => chosen.includes(word))
      const reason = check(value)
      return reason === undefined ? value : new Refusal(reason)
    },
    print,
    rewriteLines: (value, defaultValue) => oneLine(print(value), print(value) === print(defaultValue)),
  }
}

interface StringOptions {
  /** True when an empty text means that the setting is not set, so that CONFIG REWRITE drops its line. */
  readonly emptyIsUnset?: boolean
  readonly check?: (text: string) => string | undefined
  readonly description?: string
}

/** Any text. */
export function string(options: StringOptions = {}): ValueType<string> {
  return {
    ...ONE_WORD,
    description: options.description ?? 'text',
    parse(words) {
      const reason = options.check?.(words[0]!)
      return reason === undefined ? words[0]! : new Refusal(reason)
    },
    print: (value) => value,
    rewriteLines: (value, defaultValue) =>
      value === '' && options.emptyIsUnset === true ? [] : oneLine(quoteArgument(value), value === defaultValue),
  }
}

/** The common case: text that may be left out. */
export const optionalText = string({ emptyIsUnset: true })

/** The same, for a file or folder; a relative one is resolved against `dir`. */
export const optionalPath = string({ emptyIsUnset: true, description: 'path' })

/** A port, 0 for none. */
export const port = integer(0n, 65535n)

/** An integer of C's `int` from 0. */
export const count = integer(0n, INT_MAX)

function describeBounds(min: bigint, max: bigint, print: (bound: bigint) => string): string {
  // The bounds of C's own types tell a reader nothing.
  const isLimit = max === INT_MAX || max === UINT_MAX || max === LONG_MAX || max === UINT64_MAX
  if (isLimit) return min === INT_MIN ? '' : `from ${print(min)}`
  return `from ${print(min)} to ${print(max)}`
}
