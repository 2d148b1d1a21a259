/**
 * XXH3, 64 bits, with seed 0 and the default secret: the digest of the DIGEST command and of IFDEQ conditions.
 *
 * Runs on shard threads. Written from the specification (doc/xxhash_spec.md of github.com/Cyan4973/xxHash); the names of
 * the steps are those used there. It is no cryptographic hash. Invariant: all 64-bit words are read little-endian,
 * whatever the machine.
 *
 * Up to 240 bytes are hashed with big integers. Above that the loop over the stripes keeps each 64-bit word as two
 * 32-bit halves in typed arrays, which is more than ten times as fast as big integers.
 */

const MASK_64 = 0xffffffffffffffffn
const MASK_32 = 0xffffffffn

const PRIME32_1 = 0x9e3779b1
const PRIME32_2 = 0x85ebca77
const PRIME32_3 = 0xc2b2ae3d
const PRIME64_1 = 0x9e3779b185ebca87n
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn
const PRIME64_3 = 0x165667b19e3779f9n
const PRIME64_4 = 0x85ebca77c2b2ae63n
const PRIME64_5 = 0x27d4eb2f165667c5n
const PRIME_MX1 = 0x165667919e3779f9n
const PRIME_MX2 = 0x9fb21c651e98df25n

/** The default secret of the specification, 192 bytes. */
const SECRET = Uint8Array.from(
  Buffer.from(
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
      'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
      '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
      'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
      'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
      '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
    'hex',
  ),
)

/** Above this length the input is hashed in stripes. */
const MEDIUM_BYTES_MAX = 240

const STRIPE_BYTES = 64
const STRIPE_WORDS = STRIPE_BYTES / 4
const STRIPES_PER_BLOCK = (SECRET.length - STRIPE_BYTES) / 8
const BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK

/** The secret as 32-bit words, at the offsets of 4 bytes that stripes and scrambling use. */
const SECRET_WORDS = wordsOf(SECRET, 0, SECRET.length)
const SCRAMBLE_SECRET_WORD = (SECRET.length - STRIPE_BYTES) / 4

/** The last stripe uses the secret at an odd offset. */
const LAST_STRIPE_SECRET_WORDS = wordsOf(SECRET, SECRET.length - 71, STRIPE_BYTES)

const ACCUMULATORS_AT_START = Uint32Array.from(
  [
    BigInt(PRIME32_3),
    PRIME64_1,
    PRIME64_2,
    PRIME64_3,
    PRIME64_4,
    BigInt(PRIME32_2),
    PRIME64_5,
    BigInt(PRIME32_1),
  ].flatMap((word) => [Number(word & MASK_32), Number(word >> 32n)]),
)

/** The eight accumulators, each as low and high half. Only used inside one call of `xxh3Large`, which never waits. */
const accumulators = new Uint32Array(STRIPE_WORDS)
const stripe = new Uint32Array(STRIPE_WORDS)

/** The XXH3 hash of a range, as an unsigned 64-bit integer. */
export function xxh3(buffer: Uint8Array, offset: number, length: number): bigint {
  if (length > MEDIUM_BYTES_MAX) return xxh3Large(buffer, offset, length)
  if (length > 128) return xxh3From129To240(buffer, offset, length)
  if (length > 16) return xxh3From17To128(buffer, offset, length)
  if (length > 8) return xxh3From9To16(buffer, offset, length)
  if (length > 3) return xxh3From4To8(buffer, offset, length)
  if (length > 0) return xxh3From1To3(buffer, offset, length)
  return avalancheXxh64(word64(SECRET, 56) ^ word64(SECRET, 64))
}

/** The XXH3 hash of a range as the 16 lower-case hexadecimal digits that DIGEST replies. */
export function xxh3Hex(buffer: Uint8Array, offset: number, length: number): string {
  return xxh3(buffer, offset, length).toString(16).padStart(16, '0')
}

function xxh3From1To3(buffer: Uint8Array, offset: number, length: number): bigint {
  const first = buffer[offset]!
  const middle = buffer[offset + (length >>> 1)]!
  const last = buffer[offset + length - 1]!
  const combined = (last | (length << 8) | (first << 16) | (middle << 24)) >>> 0
  const secret = (word32(SECRET, 0) ^ word32(SECRET, 4)) >>> 0
  return avalancheXxh64(BigInt(secret) ^ BigInt(combined))
}

function xxh3From4To8(buffer: Uint8Array, offset: number, length: number): bigint {
  const first = BigInt(word32(buffer, offset))
  const last = BigInt(word32(buffer, offset + length - 4))
  let value = word64(SECRET, 8) ^ word64(SECRET, 16) ^ (last | (first << 32n))
  value ^= rotateLeft(value, 49n) ^ rotateLeft(value, 24n)
  value = (value * PRIME_MX2) & MASK_64
  value ^= (value >> 35n) + BigInt(length)
  value = (value * PRIME_MX2) & MASK_64
  return value ^ (value >> 28n)
}

function xxh3From9To16(buffer: Uint8Array, offset: number, length: number): bigint {
  const low = word64(SECRET, 24) ^ word64(SECRET, 32) ^ word64(buffer, offset)
  const high = word64(SECRET, 40) ^ word64(SECRET, 48) ^ word64(buffer, offset + length - 8)
  return avalanche((BigInt(length) + swapBytes(low) + high + multiplyAndFold(low, high)) & MASK_64)
}

function xxh3From17To128(buffer: Uint8Array, offset: number, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1
  for (let i = (length - 1) >>> 5; i >= 0; i--) {
    sum += mixStep(buffer, offset + i * 16, i * 32)
    sum += mixStep(buffer, offset + length - i * 16 - 16, i * 32 + 16)
  }
  return avalanche(sum & MASK_64)
}

function xxh3From129To240(buffer: Uint8Array, offset: number, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1
  for (let i = 0; i < 8; i++) sum += mixStep(buffer, offset + i * 16, i * 16)
  sum = avalanche(sum & MASK_64)
  const chunks = length >>> 4
  for (let i = 8; i < chunks; i++) sum += mixStep(buffer, offset + i * 16, (i - 8) * 16 + 3)
  sum += mixStep(buffer, offset + length - 16, 119)
  return avalanche(sum & MASK_64)
}

function xxh3Large(buffer: Uint8Array, offset: number, length: number): bigint {
  accumulators.set(ACCUMULATORS_AT_START)
  // The last block is left to the end even if it is full.
  const fullBlocks = Math.floor((length - 1) / BLOCK_BYTES)
  let position = offset
  for (let block = 0; block < fullBlocks; block++) {
    for (let i = 0; i < STRIPES_PER_BLOCK; i++) {
      accumulate(buffer, position, SECRET_WORDS, i * 2)
      position += STRIPE_BYTES
    }
    scramble()
  }
  const fullStripes = Math.floor((offset + length - 1 - position) / STRIPE_BYTES)
  for (let i = 0; i < fullStripes; i++) {
    accumulate(buffer, position, SECRET_WORDS, i * 2)
    position += STRIPE_BYTES
  }
  accumulate(buffer, offset + length - STRIPE_BYTES, LAST_STRIPE_SECRET_WORDS, 0)

  let result = BigInt(length) * PRIME64_1
  for (let i = 0; i < 4; i++) {
    const left = accumulator(i * 2) ^ word64(SECRET, 11 + i * 16)
    const right = accumulator(i * 2 + 1) ^ word64(SECRET, 19 + i * 16)
    result += multiplyAndFold(left, right)
  }
  return avalanche(result & MASK_64)
}

function accumulator(index: number): bigint {
  return (BigInt(accumulators[index * 2 + 1]!) << 32n) | BigInt(accumulators[index * 2]!)
}

/** Adds one stripe: each lane goes as it is to the neighbouring accumulator, and multiplied with itself to its own. */
function accumulate(buffer: Uint8Array, offset: number, secret: Uint32Array, secretWord: number): void {
  for (let word = 0, byte = offset; word < STRIPE_WORDS; word++, byte += 4) {
    stripe[word] = buffer[byte]! | (buffer[byte + 1]! << 8) | (buffer[byte + 2]! << 16) | (buffer[byte + 3]! << 24)
  }
  for (let low = 0; low < STRIPE_WORDS; low += 2) {
    const laneLow = stripe[low]!
    const laneHigh = stripe[low + 1]!
    addTo(low ^ 2, laneLow, laneHigh)
    const a = (laneLow ^ secret[secretWord + low]!) >>> 0
    const b = (laneHigh ^ secret[secretWord + low + 1]!) >>> 0
    addTo(low, Math.imul(a, b) >>> 0, highOfProduct(a, b))
  }
}

/** accumulator += high:low, modulo 2^64. */
function addTo(index: number, low: number, high: number): void {
  const sum = accumulators[index]! + low
  accumulators[index] = sum
  accumulators[index + 1] = accumulators[index + 1]! + high + (sum > 0xffffffff ? 1 : 0)
}

/** The upper 32 bits of the product of two unsigned 32-bit integers, from four products of 16 bits. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const otherMiddle = aLow * bHigh + (middle & 0xffff)
  // Both sums stay below 2^32, so that the unsigned shifts lose nothing.
  return aHigh * bHigh + (middle >>> 16) + (otherMiddle >>> 16)
}

/** Ends a block: every accumulator is mixed with the end of the secret and multiplied by a 32-bit prime. */
function scramble(): void {
  for (let low = 0; low < STRIPE_WORDS; low += 2) {
    let lowHalf = accumulators[low]!
    let highHalf = accumulators[low + 1]!
    // A shift by 47 leaves the upper 17 bits of the upper half, and nothing of the lower half.
    lowHalf = (lowHalf ^ (highHalf >>> 15) ^ SECRET_WORDS[SCRAMBLE_SECRET_WORD + low]!) >>> 0
    highHalf = (highHalf ^ SECRET_WORDS[SCRAMBLE_SECRET_WORD + low + 1]!) >>> 0
    accumulators[low] = Math.imul(lowHalf, PRIME32_1)
    accumulators[low + 1] = (Math.imul(highHalf, PRIME32_1) >>> 0) + highOfProduct(lowHalf, PRIME32_1)
  }
}

function mixStep(buffer: Uint8Array, offset: number, secretOffset: number): bigint {
  return multiplyAndFold(
    word64(buffer, offset) ^ word64(SECRET, secretOffset),
    word64(buffer, offset + 8) ^ word64(SECRET, secretOffset + 8),
  )
}

/** The 128-bit product of two words, its halves combined by exclusive or. */
function multiplyAndFold(left: bigint, right: bigint): bigint {
  const product = left * right
  return (product & MASK_64) ^ (product >> 64n)
}

function avalanche(word: bigint): bigint {
  let mixed = word ^ (word >> 37n)
  mixed = (mixed * PRIME_MX1) & MASK_64
  return mixed ^ (mixed >> 32n)
}

function avalancheXxh64(word: bigint): bigint {
  let mixed = word ^ (word >> 33n)
  mixed = (mixed * PRIME64_2) & MASK_64
  mixed ^= mixed >> 29n
  mixed = (mixed * PRIME64_3) & MASK_64
  return mixed ^ (mixed >> 32n)
}

function rotateLeft(word: bigint, bits: bigint): bigint {
  return ((word << bits) | (word >> (64n - bits))) & MASK_64
}

function swapBytes(word: bigint): bigint {
  let swapped = 0n
  for (let rest = word, i = 0; i < 8; i++, rest >>= 8n) swapped = (swapped << 8n) | (rest & 0xffn)
  return swapped
}

function word32(buffer: Uint8Array, offset: number): number {
  return (
    (buffer[offset]! | (buffer[offset + 1]! << 8) | (buffer[offset + 2]! << 16) | (buffer[offset + 3]! << 24)) >>> 0
  )
}

function word64(buffer: Uint8Array, offset: number): bigint {
  return (BigInt(word32(buffer, offset + 4)) << 32n) | BigInt(word32(buffer, offset))
}

function wordsOf(bytes: Uint8Array, offset: number, length: number): Uint32Array {
  return Uint32Array.from({ length: length / 4 }, (_, index) => word32(bytes, offset + index * 4))
}
