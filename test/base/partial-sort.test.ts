/** The first few in order, whatever the order of the rest. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sortFirst } from '../../src/base/partial-sort.js'

it('brings the least to the beginning and loses none', () => {
  const values = fc.oneof(
    fc.array(fc.nat(9), { minLength: 1, maxLength: 300 }),
    fc.array(fc.nat(100000), { minLength: 1, maxLength: 300 }),
  )
  fc.assert(
    fc.property(values, fc.nat(), (keys, any) => {
      const last = any % keys.length
      const order = Int32Array.from(keys, (_, i) => i)
      sortFirst(order, last, (left, right) => keys[left]! - keys[right]!)
      const sorted = [...keys].sort((left, right) => left - right)
      expect(Array.from(order.subarray(0, last + 1), (i) => keys[i])).toEqual(sorted.slice(0, last + 1))
      expect([...order].sort((left, right) => left - right)).toEqual(keys.map((_, i) => i))
    }),
    { numRuns: 500 },
  )
})
