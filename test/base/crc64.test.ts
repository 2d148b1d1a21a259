import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { Crc64 } from '../../src/base/crc64.js'

function hexOf(crc: Crc64): string {
  const bytes = new Uint8Array(8)
  crc.writeTo(bytes, 0)
  expect(crc.equals(bytes, 0)).toBe(true)
  return Buffer.from(bytes).reverse().toString('hex')
}

test('the check value of CRC-64/Redis, and that of a longer text', () => {
  const crc = new Crc64()
  crc.update(asciiBytes('123456789'), 0, 9)
  expect(hexOf(crc)).toBe('e9c6d914c4b8d9ca')
  crc.reset()
  expect(hexOf(crc)).toBe('0000000000000000')
})

test('is the remainder of the polynomial division, computed bit by bit, also when it comes in pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100, size: 'max' }), fc.nat(100), (bytes, cut) => {
      let remainder = 0n
      for (const byte of bytes) {
        remainder ^= BigInt(byte)
        for (let bit = 0; bit < 8; bit++) {
          remainder = (remainder >> 1n) ^ ((remainder & 1n) * 0x95ac9329ac4bc9b5n)
        }
      }
      const crc = new Crc64()
      const at = Math.min(cut, bytes.length)
      crc.update(bytes, 0, at)
      crc.update(bytes, at, bytes.length - at)
      expect(hexOf(crc)).toBe(remainder.toString(16).padStart(16, '0'))
    }),
  )
})

test('tells any changed byte', () => {
  const bytes = Uint8Array.from({ length: 50 }, (_, i) => i * 7)
  const crc = new Crc64()
  crc.update(bytes, 0, 50)
  const sum = new Uint8Array(8)
  crc.writeTo(sum, 0)
  for (let i = 0; i < 8; i++) {
    sum[i]! ^= 1
    expect(crc.equals(sum, 0)).toBe(false)
    sum[i]! ^= 1
  }
})
