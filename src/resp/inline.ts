/**
 * Splits an inline command into words as Redis does: white space separates, double quotes take escapes (\n \r \t \b \a
 * \xHH), single quotes only \', and a closing quote must be followed by white space or the end. Main thread.
 *
 * White space is what C's isspace says, but inside a word vertical tab and form feed belong to it.
 */
import { isSpace } from '../base/bytes.js'

const SPACE = 32
const BACKSLASH = 92
const DOUBLE_QUOTE = 34
const SINGLE_QUOTE = 39

const ESCAPES: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 }

function hexDigit(c: number | undefined): number {
  if (c === undefined) return -1
  if (c >= 48 && c <= 57) return c - 48
  const lower = c | 0x20
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function endsWord(c: number): boolean {
  return c === SPACE || c === 9 || c === 10 || c === 13
}

/** The words of [from, end), or undefined when quotes are unbalanced. */
export function splitInline(bytes: Uint8Array, from: number, end: number): Uint8Array[] | undefined {
  const words: Uint8Array[] = []
  let at = from
  for (;;) {
    while (at < end && isSpace(bytes[at] as number)) at++
    if (at >= end) return words
    const word: number[] = []
    let quote = 0
    for (;;) {
      if (at >= end) {
        if (quote !== 0) return undefined
        break
      }
      const c = bytes[at] as number
      if (quote === 0) {
        if (endsWord(c)) break
        if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) quote = c
        else word.push(c)
        at++
        continue
      }
      if (c === quote) {
        if (at + 1 < end && !isSpace(bytes[at + 1] as number)) return undefined
        quote = 0
        at++
        break
      }
      if (c === BACKSLASH && at + 1 < end) {
        const next = bytes[at + 1] as number
        if (quote === SINGLE_QUOTE) {
          if (next === SINGLE_QUOTE) {
            word.push(next)
            at += 2
            continue
          }
        } else {
          const high = hexDigit(bytes[at + 2])
          const low = hexDigit(bytes[at + 3])
          if (next === 120 && at + 3 < end && high >= 0 && low >= 0) {
            word.push(high * 16 + low)
            at += 4
          } else {
            word.push(ESCAPES[next] ?? next)
            at += 2
          }
          continue
        }
      }
      word.push(c)
      at++
    }
    words.push(Uint8Array.from(word))
  }
}
