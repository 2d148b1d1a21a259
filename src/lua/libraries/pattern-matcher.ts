/**
 * Lua 5.1's patterns, matched on the bytes of the engine's memory.
 *
 * Runs wherever scripts run. Why not the matcher of the C library: nothing can interrupt it, and a few bytes of pattern
 * are enough to keep it busy for years. This one counts its steps and asks now and then whether the script must end.
 *
 * Source and pattern are addresses in the engine's memory; as every string of Lua ends with a zero byte, so does the
 * pattern, and a zero byte inside it ends it too, as in Lua 5.1. Nothing in here calls Lua (except to raise an error),
 * so that the memory cannot move while a match is under way. Invariant: `level` captures are valid after a match.
 */
import type { LuaState } from '../lua-state.js'
import { inClass, isDigit } from './character-class.js'

/** Lua's own limit (LUA_MAXCAPTURES). */
export const CAPTURES_MAX = 32
/** The length of a capture whose parenthesis is still open. */
export const UNFINISHED = -1
/** The length of a capture `()`, which stands for a position. */
export const POSITION = -2

/** About half a millisecond. */
const STEPS_BETWEEN_QUESTIONS = 1 << 16

/**
 * Nested calls of the matcher. A pattern nests one for each repetition and parenthesis, whatever the subject is; C has no
 * limit and overflows its stack.
 */
const DEPTH_MAX = 400

const NO_MATCH = -1

const DOLLAR = 0x24
const PERCENT = 0x25
const OPEN = 0x28
const CLOSE = 0x29
const STAR = 0x2a
const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const ONE = 0x31
const QUESTION = 0x3f
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const CARET = 0x5e
const LOWER_B = 0x62
const LOWER_F = 0x66

export class PatternMatcher {
  /** Captures so far, finished or not. */
  level = 0
  readonly captureStart = new Int32Array(CAPTURES_MAX)
  readonly captureLength = new Int32Array(CAPTURES_MAX)

  #bytes: Uint8Array = new Uint8Array(0)
  #L = 0
  #sourceStart = 0
  #sourceEnd = 0
  #depth = 0
  #stepsLeft = STEPS_BETWEEN_QUESTIONS

  constructor(private readonly state: LuaState) {}

  /** Sets the subject of the matches that follow. To be called again whenever Lua has run since. */
  begin(L: number, sourceStart: number, sourceEnd: number): void {
    this.#L = L
    this.#bytes = this.state.bytes
    this.#sourceStart = sourceStart
    this.#sourceEnd = sourceEnd
  }

  /** Matches the pattern at `source`. @returns the address behind the match, or -1 */
  matchAt(source: number, pattern: number): number {
    this.level = 0
    this.#depth = 0
    return this.#match(source, pattern)
  }

  /** Where the bytes at `word` first stand between `from` and `end`, or -1. */
  findPlain(from: number, end: number, word: number, wordLength: number): number {
    if (wordLength === 0) return from
    const bytes = this.#bytes
    const first = bytes[word] as number
    const last = end - wordLength
    for (let at = from; at <= last; at++) {
      if (bytes[at] !== first) continue
      let length = 1
      while (length < wordLength && bytes[at + length] === bytes[word + length]) length++
      if (length === wordLength) return at
      this.#count(length)
    }
    this.#count(end - from)
    return NO_MATCH
  }

  #count(steps: number): void {
    this.#stepsLeft -= steps
    if (this.#stepsLeft >= 0) return
    this.#stepsLeft = STEPS_BETWEEN_QUESTIONS
    this.state.checkInterrupt(this.#L)
  }

  #raise(text: string): never {
    return this.state.raise(this.#L, text)
  }

  #match(source: number, pattern: number): number {
    if (++this.#depth > DEPTH_MAX) this.#raise('pattern too complex')
    const end = this.#matchItems(source, pattern)
    this.#depth--
    return end
  }

  #matchItems(source: number, pattern: number): number {
    const bytes = this.#bytes
    let s = source
    let p = pattern
    for (;;) {
      this.#count(1)
      switch (bytes[p] as number) {
        case 0:
          return s
        case OPEN:
          return bytes[p + 1] === CLOSE ? this.#open(s, p + 2, POSITION) : this.#open(s, p + 1, UNFINISHED)
        case CLOSE:
          return this.#close(s, p + 1)
        case DOLLAR:
          if (bytes[p + 1] === 0) return s === this.#sourceEnd ? s : NO_MATCH
          break
        case PERCENT: {
          const kind = bytes[p + 1] as number
          if (kind === LOWER_B) {
            s = this.#balanced(s, p + 2)
            if (s === NO_MATCH) return NO_MATCH
            p += 4
            continue
          }
          if (kind === LOWER_F) {
            p = this.#frontier(s, p + 2)
            if (p === NO_MATCH) return NO_MATCH
            continue
          }
          if (isDigit(kind)) {
            s = this.#again(s, kind)
            if (s === NO_MATCH) return NO_MATCH
            p += 2
            continue
          }
          break
        }
      }
      const itemEnd = this.#itemEnd(p)
      const matches = s < this.#sourceEnd && this.#matchesOne(bytes[s] as number, p, itemEnd)
      switch (bytes[itemEnd] as number) {
        case QUESTION: {
          if (matches) {
            const end = this.#match(s + 1, itemEnd + 1)
            if (end !== NO_MATCH) return end
          }
          p = itemEnd + 1
          break
        }
        case STAR:
          return this.#longest(s, p, itemEnd)
        case PLUS:
          return matches ? this.#longest(s + 1, p, itemEnd) : NO_MATCH
        case MINUS:
          return this.#shortest(s, p, itemEnd)
        default:
          if (!matches) return NO_MATCH
          s++
          p = itemEnd
      }
    }
  }

  /** The address behind the single item at `p`: a byte, an escaped one, or a set. */
  #itemEnd(p: number): number {
    const bytes = this.#bytes
    const first = bytes[p++]
    if (first === PERCENT) {
      if (bytes[p] === 0) this.#raise("malformed pattern (ends with '%')")
      return p + 1
    }
    if (first !== OPEN_BRACKET) return p
    if (bytes[p] === CARET) p++
    // The first byte of a set is one of it, even when it is the bracket that would close it.
    do {
      if (bytes[p] === 0) this.#raise("malformed pattern (missing ']')")
      if (bytes[p++] === PERCENT && bytes[p] !== 0) p++
    } while (bytes[p] !== CLOSE_BRACKET)
    return p + 1
  }

  #matchesOne(byte: number, p: number, itemEnd: number): boolean {
    const first = this.#bytes[p] as number
    switch (first) {
      case DOT:
        return true
      case PERCENT:
        return inClass(byte, this.#bytes[p + 1] as number)
      case OPEN_BRACKET:
        return this.#inSet(byte, p, itemEnd - 1)
      default:
        return byte === first
    }
  }

  /** Whether the set between the brackets at `p` and `close` has the byte. */
  #inSet(byte: number, p: number, close: number): boolean {
    const bytes = this.#bytes
    this.#stepsLeft -= close - p
    let wanted = true
    if (bytes[p + 1] === CARET) {
      wanted = false
      p++
    }
    while (++p < close) {
      const member = bytes[p] as number
      if (member === PERCENT) {
        p++
        if (inClass(byte, bytes[p] as number)) return wanted
      } else if (bytes[p + 1] === MINUS && p + 2 < close) {
        p += 2
        if (member <= byte && byte <= (bytes[p] as number)) return wanted
      } else if (member === byte) {
        return wanted
      }
    }
    return !wanted
  }

  /** `%bxy`: from an x to the y that closes it. */
  #balanced(s: number, p: number): number {
    const bytes = this.#bytes
    const opening = bytes[p]
    const closing = bytes[p + 1]
    if (opening === 0 || closing === 0) this.#raise('unbalanced pattern')
    if (bytes[s] !== opening) return NO_MATCH
    const end = this.#sourceEnd
    let open = 1
    let at = s
    while (++at < end) {
      const byte = bytes[at]
      if (byte === closing) {
        if (--open === 0) break
      } else if (byte === opening) open++
    }
    this.#count(at - s)
    return at < end ? at + 1 : NO_MATCH
  }

  /** `%f[set]`: between a byte that is not in the set and one that is. @returns the rest of the pattern, or -1 */
  #frontier(s: number, p: number): number {
    const bytes = this.#bytes
    if (bytes[p] !== OPEN_BRACKET) this.#raise("missing '[' after '%f' in pattern")
    const itemEnd = this.#itemEnd(p)
    const previous = s === this.#sourceStart ? 0 : (bytes[s - 1] as number)
    const between = !this.#inSet(previous, p, itemEnd - 1) && this.#inSet(bytes[s] as number, p, itemEnd - 1)
    return between ? itemEnd : NO_MATCH
  }

  /** `%1` to `%9`: the bytes of a capture once more. */
  #again(s: number, digit: number): number {
    const capture = digit - ONE
    if (capture < 0 || capture >= this.level || this.captureLength[capture] === UNFINISHED)
      this.#raise('invalid capture index')
    // A position capture has no bytes: C compares its length as a huge one, so that it never matches.
    const length = this.captureLength[capture] as number
    if (length === POSITION || this.#sourceEnd - s < length) return NO_MATCH
    const bytes = this.#bytes
    const start = this.captureStart[capture] as number
    this.#count(length)
    for (let i = 0; i < length; i++) if (bytes[start + i] !== bytes[s + i]) return NO_MATCH
    return s + length
  }

  #longest(s: number, p: number, itemEnd: number): number {
    const bytes = this.#bytes
    const end = this.#sourceEnd
    let at = s
    while (at < end && this.#matchesOne(bytes[at] as number, p, itemEnd)) {
      at++
      this.#count(1)
    }
    for (; at >= s; at--) {
      const matchEnd = this.#match(at, itemEnd + 1)
      if (matchEnd !== NO_MATCH) return matchEnd
    }
    return NO_MATCH
  }

  #shortest(s: number, p: number, itemEnd: number): number {
    const bytes = this.#bytes
    for (let at = s; ; at++) {
      const matchEnd = this.#match(at, itemEnd + 1)
      if (matchEnd !== NO_MATCH) return matchEnd
      if (at >= this.#sourceEnd || !this.#matchesOne(bytes[at] as number, p, itemEnd)) return NO_MATCH
    }
  }

  #open(s: number, p: number, length: number): number {
    if (this.level >= CAPTURES_MAX) this.#raise('too many captures')
    this.captureStart[this.level] = s
    this.captureLength[this.level] = length
    this.level++
    const end = this.#match(s, p)
    if (end === NO_MATCH) this.level--
    return end
  }

  #close(s: number, p: number): number {
    let capture = this.level - 1
    while (capture >= 0 && this.captureLength[capture] !== UNFINISHED) capture--
    if (capture < 0) this.#raise('invalid pattern capture')
    this.captureLength[capture] = s - (this.captureStart[capture] as number)
    const end = this.#match(s, p)
    if (end === NO_MATCH) this.captureLength[capture] = UNFINISHED
    return end
  }
}
