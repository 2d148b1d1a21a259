/**
 * The character classes of Lua's patterns (%a, %d, ...), for bytes as C's "C" locale sees them.
 *
 * Runs wherever scripts run. Invariant: no byte above 127 is in any class.
 */

const ALPHA = 1
const CONTROL = 2
const DIGIT = 4
const LOWER = 8
const PUNCTUATION = 16
const SPACE = 32
const UPPER = 64
const HEX = 128

const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => classesOf(byte))

function classesOf(byte: number): number {
  if (byte > 126) return byte === 127 ? CONTROL : 0
  if (byte < 32) return byte >= 9 && byte <= 13 ? CONTROL | SPACE : CONTROL
  const character = String.fromCharCode(byte)
  const hex = /[0-9a-fA-F]/.test(character) ? HEX : 0
  if (/[a-z]/.test(character)) return ALPHA | LOWER | hex
  if (/[A-Z]/.test(character)) return ALPHA | UPPER | hex
  if (/[0-9]/.test(character)) return DIGIT | hex
  return character === ' ' ? SPACE : PUNCTUATION
}

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

/** Whether `byte` is in the class that `letter` names (an upper-case letter: the others); no class stands for itself. */
export function inClass(byte: number, letter: number): boolean {
  const isUpper = letter >= 65 && letter <= 90
  let mask = 0
  switch (isUpper ? letter + 32 : letter) {
    case 0x61: // a
      mask = ALPHA
      break
    case 0x63: // c
      mask = CONTROL
      break
    case 0x64: // d
      mask = DIGIT
      break
    case 0x6c: // l
      mask = LOWER
      break
    case 0x70: // p
      mask = PUNCTUATION
      break
    case 0x73: // s
      mask = SPACE
      break
    case 0x75: // u
      mask = UPPER
      break
    case 0x77: // w
      mask = ALPHA | DIGIT
      break
    case 0x78: // x
      mask = HEX
      break
    case 0x7a: // z
      return (byte === 0) !== isUpper
    default:
      return byte === letter
  }
  return (((CLASSES[byte] as number) & mask) !== 0) !== isUpper
}
