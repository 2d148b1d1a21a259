/**
 * The names of module types, as RDB writes them: nine characters of six bits each, and ten bits of a version.
 *
 * Pure; runs on every thread. Source: https://redis.io/docs/latest/develop/reference/modules/modules-native-types/
 */

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NAME_LENGTH = 9
const CHARACTER_BITS = 6n
const CHARACTER_MASK = 63n
const VERSION_BITS = 10n

/** The name in an id of 64 bits, given as two unsigned halves. */
export function moduleTypeName(high: number, low: number): string {
  let bits = ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) >> VERSION_BITS
  let name = ''
  for (let i = 0; i < NAME_LENGTH; i++) {
    name = CHARACTERS.charAt(Number(bits & CHARACTER_MASK)) + name
    bits >>= CHARACTER_BITS
  }
  return name
}
