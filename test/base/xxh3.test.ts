import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.js'
import { xxh3, xxh3Hex } from '../../src/base/xxh3.js'

/** The input of the recorded vectors: the top bytes of a linear congruential generator. */
function pseudoRandomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 2654435761
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

describe('xxh3', () => {
  const input = pseudoRandomBytes(70000)

  // Recorded from XXH3_64bits of libxxhash 0.8.1, around every border between the ways of hashing.
  test.each([
    [0, '2d06800538d394c2'],
    [1, '74d3766ca02423f3'],
    [2, '52a4e47d9348fa36'],
    [3, '9e77e470a7018920'],
    [4, '093645744145d7e3'],
    [5, '8030fd917e4cbf5a'],
    [7, '88a1647440a9b56c'],
    [8, '854c59bc83f9a7b7'],
    [9, 'fb2102f80bd05046'],
    [12, '144939e7611fe0a5'],
    [15, '2c15c43df633db07'],
    [16, '294d5381d3d9f990'],
    [17, '79770199644b19d3'],
    [31, '2ca9ccc7a97f2562'],
    [32, '01adb610690b30e5'],
    [33, '47485c2c29c37a79'],
    [63, 'b04b44345ff01c54'],
    [64, 'e64d3d0ef69415a8'],
    [65, 'fa0c3fffe196c471'],
    [95, 'ed8cd718091d5d5d'],
    [96, 'bd031f5852866924'],
    [97, '26be75dcd91851cb'],
    [127, 'cfb7fd194d2ac875'],
    [128, '7a255dc3181c5ede'],
    [129, '074f486ff94b8e7d'],
    [143, '786e56e3cc71b8e7'],
    [144, 'a161d6f8544ca8ee'],
    [159, 'f4cbfc6c552220a9'],
    [160, '569a0e9dbf9f0feb'],
    [161, 'ca4fe20c86eb8cce'],
    [239, '040dcfa50e41eafe'],
    [240, '414bbb0678ea02e0'],
    [241, 'ef60a4fc8b25f1cc'],
    [255, '65c755610182b9c9'],
    [256, 'ddf43fdda4785f38'],
    [257, '200c6e72861d52c6'],
    [511, '7cdb8118cd14fdd9'],
    [512, 'b68df51d0f0b428b'],
    [513, '358c329ed0865511'],
    [1023, '78d83b4028b26105'],
    [1024, '53de00d98ba8bad5'],
    [1025, 'de126c62f3f1d23e'],
    [1087, 'a2ddabbd7f7c0edb'],
    [1088, '3e236c374f22b41b'],
    [1089, '1e3f1eace339e22f'],
    [2047, 'c61674251da0978c'],
    [2048, '317d259e9c5489f8'],
    [2049, '7d64a65c9a497324'],
    [2112, '997abc4a2d13bfcb'],
    [4096, 'acf8c0a7adc95ae3'],
    [10000, 'b6910dfd4077246b'],
    [65536, '3982eeb4afe5e5a1'],
    [70000, '344b6d7840f25966'],
  ] as [number, string][])('the first %d bytes', (length, expected) => {
    expect(xxh3Hex(input, 0, length)).toBe(expected)
    expect(xxh3(input, 0, length)).toBe(BigInt(`0x${expected}`))
  })

  test('does not depend on where the range lies, nor on what stands around it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500, size: 'max' }), fc.nat(9), (bytes, offset) => {
        const buffer = new Uint8Array(new SharedArrayBuffer(bytes.length + offset + 9)).fill(0xa5)
        buffer.set(bytes, offset)
        expect(xxh3(buffer, offset, bytes.length)).toBe(xxh3(bytes, 0, bytes.length))
      }),
    )
  })

  test('every byte counts', () => {
    for (const length of [1, 3, 8, 16, 17, 128, 240, 241, 1025, 1100]) {
      const bytes = pseudoRandomBytes(length)
      const hash = xxh3(bytes, 0, length)
      for (let i = 0; i < length; i++) {
        bytes[i]! ^= 0x10
        expect(xxh3(bytes, 0, length)).not.toBe(hash)
        bytes[i]! ^= 0x10
      }
    }
  })

  test('digests are 16 digits, also when the hash begins with zeros', () => {
    for (let i = 0; i < 600; i++) {
      const bytes = utf8Bytes(`value ${i}`)
      expect(xxh3Hex(bytes, 0, bytes.length)).toMatch(/^[0-9a-f]{16}$/)
    }
  })
})
