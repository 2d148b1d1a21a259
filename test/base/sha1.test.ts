/** Our SHA-1 of short data beside the platform's, at every length around a block's border and beyond the longest. */
import { createHash, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { SHA1_BYTES, sha1Into } from '../../src/base/sha1.js'

it('is the hash of data of any length, and may take its place', () => {
  for (let length = 0; length <= 1100; length++) {
    const data = randomBytes(Math.max(length, SHA1_BYTES)).subarray(0, length)
    const expected = createHash('sha1').update(data).digest('hex')
    const target = Buffer.alloc(SHA1_BYTES)
    sha1Into(target, data)
    expect(target.toString('hex'), data.toString('hex')).toBe(expected)
    if (length < SHA1_BYTES) continue
    sha1Into(data, data)
    expect(data.subarray(0, SHA1_BYTES).toString('hex')).toBe(expected)
  }
})
