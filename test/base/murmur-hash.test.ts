/** MurmurHash64A in halves, beside the same with bigints. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { murmurHash64A, murmurResult } from '../../src/base/murmur-hash.js'

const M = 0xc6a4a7935bd1e995n

function expectedHash(bytes: Uint8Array, seed: number): bigint {
  const cut = (value: bigint): bigint => BigInt.asUintN(64, value)
  const word = (from: number, to: number): bigint => {
    let value = 0n
    for (let i = to - 1; i >= from; i--) value = (value << 8n) | BigInt(bytes[i]!)
    return value
  }
  let hash = BigInt(seed) ^ cut(BigInt(bytes.length) * M)
  let at = 0
  for (; at + 8 <= bytes.length; at += 8) {
    let part = cut(word(at, at + 8) * M)
    part = cut((part ^ (part >> 47n)) * M)
    hash = cut((hash ^ part) * M)
  }
  if (at < bytes.length) hash = cut((hash ^ word(at, bytes.length)) * M)
  hash = cut((hash ^ (hash >> 47n)) * M)
  return hash ^ (hash >> 47n)
}

it('hashes bytes of any length as with bigints', () => {
  const seed = fc.nat(2 ** 31 - 1).map((value) => value * 2 + 1)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(9), seed, (bytes, before, hashSeed) => {
      const buffer = new Uint8Array(before + bytes.length)
      buffer.set(bytes, before)
      murmurHash64A(buffer, before, bytes.length, hashSeed)
      const hash = (BigInt(murmurResult.high >>> 0) << 32n) | BigInt(murmurResult.low >>> 0)
      expect(hash).toBe(expectedHash(bytes, hashSeed))
    }),
    { numRuns: 1000 },
  )
})
