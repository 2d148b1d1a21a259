/**
 * Glob patterns as Redis matches them in KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL rules, on bytes.
 *
 * Runs on every thread. Invariant: the work is at most the length of the pattern times the length of the text, whatever
 * the pattern. Each element other than `*` takes exactly one byte of text, so that when the part behind a `*` cannot
 * match, no choice made for an earlier `*` can help, and going back to the latest `*` is enough.
 *
 *   *        any bytes, also none          [a-c]  one byte of a range (bytes compared as signed chars, as in C)
 *   ?        exactly one byte              [^x]   one byte that is not in the list
 *   \c       the byte c itself             [x     an open list ends with the pattern
 */

import { lowerByte } from './bytes.js'

const STAR = 0x2a
const QUESTION_MARK = 0x3f
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const BACKSLASH = 0x5c
const CARET = 0x5e
const DASH = 0x2d

/** Patterns with more runs of stars than this match nothing: Redis's protection against abusive patterns. */
const STAR_RUNS_MAX = 1000

/**
 * True when the whole text matches the whole pattern.
 *
 * One rule surprises and is kept because it is Redis's: an empty text matches only the empty pattern, not even `*`.
 * (The commands that list keys treat the pattern `*` as "everything" before they come here.)
 */
export function globMatches(
  pattern: Uint8Array,
  patternOffset: number,
  patternLength: number,
  text: Uint8Array,
  textOffset: number,
  textLength: number,
  ignoreCase: boolean,
): boolean {
  const patternEnd = patternOffset + patternLength
  const textEnd = textOffset + textLength
  if (textLength === 0) return patternLength === 0
  let p = patternOffset
  let t = textOffset
  // Where to go on after a mismatch: behind the latest run of stars, one byte of text later than last time.
  let retryPattern = -1
  let retryText = 0
  let starRuns = 0

  for (;;) {
    if (t === textEnd) {
      while (p < patternEnd && pattern[p] === STAR) p++
      return p === patternEnd
    }
    let matched = false
    if (p < patternEnd) {
      const element = pattern[p]!
      if (element === STAR) {
        while (p < patternEnd && pattern[p] === STAR) p++
        if (p === patternEnd) return true
        if (++starRuns > STAR_RUNS_MAX) return false
        retryPattern = p
        retryText = t
        continue
      }
      const elementEnd = endOfElement(pattern, p, patternEnd)
      matched = elementMatches(pattern, p, elementEnd, patternEnd, text[t]!, ignoreCase)
      p = elementEnd
    }
    if (matched) {
      t++
    } else {
      if (retryPattern < 0) return false
      p = retryPattern
      t = ++retryText
      // Behind the stars stands an element that wants a byte; without text there is nothing left to try.
      if (t === textEnd) return false
    }
  }
}

/** The offset behind the element (anything but a star) that begins at `p`. */
function endOfElement(pattern: Uint8Array, p: number, patternEnd: number): number {
  const element = pattern[p]!
  if (element === BACKSLASH) return p + 1 < patternEnd ? p + 2 : p + 1
  if (element !== OPENING_BRACKET) return p + 1
  let i = p + 1
  if (i < patternEnd && pattern[i] === CARET) i++
  for (;;) {
    if (i >= patternEnd) return patternEnd
    if (pattern[i] === BACKSLASH && i + 1 < patternEnd) i += 2
    else if (pattern[i] === CLOSING_BRACKET) return i + 1
    else if (isRange(pattern, i, patternEnd)) i += 3
    else i++
  }
}

function isRange(pattern: Uint8Array, i: number, patternEnd: number): boolean {
  return patternEnd - i >= 3 && pattern[i + 1] === DASH
}

function elementMatches(
  pattern: Uint8Array,
  p: number,
  elementEnd: number,
  patternEnd: number,
  byte: number,
  ignoreCase: boolean,
): boolean {
  const element = pattern[p]!
  if (element === QUESTION_MARK) return true
  if (element === OPENING_BRACKET) return listMatches(pattern, p + 1, elementEnd, patternEnd, byte, ignoreCase)
  const literal = element === BACKSLASH && elementEnd - p === 2 ? pattern[p + 1]! : element
  return literal === byte || (ignoreCase && lowerByte(literal) === lowerByte(byte))
}

function listMatches(
  pattern: Uint8Array,
  listStart: number,
  listEnd: number,
  patternEnd: number,
  byte: number,
  ignoreCase: boolean,
): boolean {
  let i = listStart
  const negated = i < listEnd && pattern[i] === CARET
  if (negated) i++
  let found = false
  while (i < listEnd) {
    const member = pattern[i]!
    if (member === BACKSLASH && i + 1 < patternEnd) {
      // An escaped member is compared as it is, also when case is ignored.
      if (pattern[i + 1] === byte) found = true
      i += 2
    } else if (member === CLOSING_BRACKET) {
      break
    } else if (isRange(pattern, i, patternEnd)) {
      if (rangeHolds(member, pattern[i + 2]!, byte, ignoreCase)) found = true
      i += 3
    } else {
      if (member === byte || (ignoreCase && lowerByte(member) === lowerByte(byte))) found = true
      i++
    }
  }
  return found !== negated
}

function rangeHolds(first: number, last: number, byte: number, ignoreCase: boolean): boolean {
  let low = signedChar(first)
  let high = signedChar(last)
  let candidate = signedChar(byte)
  if (low > high) {
    const swap = low
    low = high
    high = swap
  }
  if (ignoreCase) {
    // Each end by itself and after the ends were put in order, so that a range such as [Z-a] turns empty, as in Redis.
    low = lowerByte(low)
    high = lowerByte(high)
    candidate = lowerByte(candidate)
  }
  return candidate >= low && candidate <= high
}

function signedChar(byte: number): number {
  return (byte << 24) >> 24
}
