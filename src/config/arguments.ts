/**
 * Words of a configuration line: splitting with Redis's quoting rules, and quoting back.
 *
 * Main thread, at start and in CONFIG SET and CONFIG REWRITE. Invariant: `splitArguments(quoteArgument(text))` is
 * `[text]` for every text without characters above U+00FF. Texts hold one character a byte, as everywhere in `config/`.
 */

const HEX_PAIR = /^[0-9a-fA-F]{2}$/

/** What may stand between words. C's `isspace` in the C locale. */
const SPACE = new Set([' ', '\t', '\n', '\v', '\f', '\r'])

/** What ends a word without quotes. Fewer than `isspace`: Redis lets a vertical tab be part of a word. */
const WORD_END = new Set([' ', '\t', '\n', '\r', '\0'])

const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['a', '\x07'],
])

/**
 * Splits a line into words, or returns undefined when quotes are not balanced or a closing quote is followed by
 * something other than a space.
 *
 * In double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` are escapes, and a backslash before any other character
 * stands for that character. In single quotes only `\'` is an escape.
 */
export function splitArguments(line: string): string[] | undefined {
  const words: string[] = []
  let i = 0
  for (;;) {
    while (i < line.length && SPACE.has(line[i]!)) i++
    if (i >= line.length || line[i] === '\0') return words
    let word = ''
    let quote = ''
    for (;;) {
      const character = line[i]
      if (quote === '') {
        if (character === undefined || WORD_END.has(character)) break
        if (character === '"' || character === "'") quote = character
        else word += character
        i++
      } else if (character === undefined) {
        return undefined
      } else if (character === quote) {
        const next = line[i + 1]
        if (next !== undefined && !SPACE.has(next)) return undefined
        i++
        break
      } else if (character === '\\' && i + 1 < line.length && (quote === '"' || line[i + 1] === "'")) {
        const next = line[i + 1]!
        const hex = line.slice(i + 2, i + 4)
        if (next === 'x' && HEX_PAIR.test(hex)) {
          word += String.fromCharCode(Number.parseInt(hex, 16))
          i += 4
        } else {
          word += quote === '"' ? (ESCAPES.get(next) ?? next) : next
          i += 2
        }
      } else {
        word += character
        i++
      }
    }
    words.push(word)
  }
}

const QUOTED = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\x07', '\\a'],
  ['\b', '\\b'],
])

/** The two that have a meaning in double quotes, and all that do not print. */
const TO_ESCAPE = /["\\]|[^ -~]/g

/** The text in double quotes, so that `splitArguments` gives it back; bytes that do not print become `\xHH`. */
export function quoteArgument(text: string): string {
  return `"${text.replace(TO_ESCAPE, escaped)}"`
}

function escaped(character: string): string {
  return QUOTED.get(character) ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
