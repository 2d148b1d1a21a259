/**
 * CRC-64/Redis: the checksum at the end of RDB files and of DUMP's payloads.
 *
 * Runs on every thread. The polynomial is Jones's (0xad93d23594c935a9), input and output reflected, initial value 0,
 * nothing added at the end. Invariant: the register is held as two 32-bit halves, because 64-bit integers are objects in
 * JavaScript; a file may be added piece by piece, with the same result as at once.
 *
 * Eight bytes are taken at a time ("slicing by 8"): table `k` says what a byte becomes that `k` more bytes follow.
 */

const SLICES = 8

/** Jones's polynomial with its bits reversed. */
const POLYNOMIAL_HIGH = 0x95ac9329
const POLYNOMIAL_LOW = 0xac4bc9b5

const tablesLow = new Int32Array(SLICES * 256)
const tablesHigh = new Int32Array(SLICES * 256)

for (let byte = 0; byte < 256; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry !== 0) {
      low ^= POLYNOMIAL_LOW
      high ^= POLYNOMIAL_HIGH
    }
  }
  tablesLow[byte] = low
  tablesHigh[byte] = high
}
for (let i = 256; i < SLICES * 256; i++) {
  const low = tablesLow[i - 256]!
  const high = tablesHigh[i - 256]!
  const next = low & 0xff
  tablesLow[i] = ((low >>> 8) | (high << 24)) ^ tablesLow[next]!
  tablesHigh[i] = (high >>> 8) ^ tablesHigh[next]!
}

export const CRC64_BYTES = 8

export class Crc64 {
  /** The lower and the upper half of the checksum so far, as signed 32-bit integers. */
  low = 0
  high = 0

  reset(): void {
    this.low = 0
    this.high = 0
  }

  /** Adds a byte range to what was added before. */
  update(bytes: Uint8Array, offset: number, length: number): void {
    let { low, high } = this
    const end = offset + length
    const lastGroup = end - SLICES
    let at = offset
    while (at <= lastGroup) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
      const i0 = 1792 | (low & 0xff)
      const i1 = 1536 | ((low >>> 8) & 0xff)
      const i2 = 1280 | ((low >>> 16) & 0xff)
      const i3 = 1024 | (low >>> 24)
      const i4 = 768 | (high & 0xff)
      const i5 = 512 | ((high >>> 8) & 0xff)
      const i6 = 256 | ((high >>> 16) & 0xff)
      const i7 = high >>> 24
      low =
        tablesLow[i0]! ^
        tablesLow[i1]! ^
        tablesLow[i2]! ^
        tablesLow[i3]! ^
        tablesLow[i4]! ^
        tablesLow[i5]! ^
        tablesLow[i6]! ^
        tablesLow[i7]!
      high =
        tablesHigh[i0]! ^
        tablesHigh[i1]! ^
        tablesHigh[i2]! ^
        tablesHigh[i3]! ^
        tablesHigh[i4]! ^
        tablesHigh[i5]! ^
        tablesHigh[i6]! ^
        tablesHigh[i7]!
      at += SLICES
    }
    for (; at < end; at++) {
      const index = (low ^ bytes[at]!) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ tablesLow[index]!
      high = (high >>> 8) ^ tablesHigh[index]!
    }
    this.low = low
    this.high = high
  }

  /** Writes the checksum as RDB keeps it: eight bytes, lowest first. */
  writeTo(bytes: Uint8Array, offset: number): void {
    for (let i = 0; i < 4; i++) {
      bytes[offset + i] = this.low >>> (8 * i)
      bytes[offset + 4 + i] = this.high >>> (8 * i)
    }
  }

  /** Whether the checksum is the one that `writeTo` has written there. */
  equals(bytes: Uint8Array, offset: number): boolean {
    for (let i = 0; i < 4; i++) {
      if (bytes[offset + i] !== ((this.low >>> (8 * i)) & 0xff)) return false
      if (bytes[offset + 4 + i] !== ((this.high >>> (8 * i)) & 0xff)) return false
    }
    return true
  }
}
