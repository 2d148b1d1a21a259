/** Decimal texts as C's printf writes them; the expected ones are those of printf. */
import { expect, it } from 'vitest'
import { fixedText, humanText, roundToEven } from '../../src/base/fixed-text.js'

it.each([
  [0, 6, '0.000000'],
  [-0, 6, '-0.000000'],
  [200.0078125, 6, '200.007812'],
  [200.0234375, 6, '200.023438'],
  [-200.0078125, 6, '-200.007812'],
  [181, 6, '181.000000'],
  [1e21, 2, '1000000000000000000000.00'],
  [1e22, 6, '10000000000000000000000.000000'],
  [0.1, 17, '0.10000000000000001'],
  [Infinity, 6, 'inf'],
  [-Infinity, 6, '-inf'],
])('%d with %i decimals is %s', (value, decimals, text) => {
  expect(fixedText(value, decimals)).toBe(text)
})

it.each([
  [0, '0'],
  [-0, '0'],
  [-1e-18, '0'],
  [180, '180'],
  [100, '100'],
  [-0.5, '-0.5'],
  [13.361389338970184, '13.36138933897018433'],
  // Ties at the 17th decimal.
  [2 ** -18, '0.00000381469726562'],
  [3 * 2 ** -18, '0.00001144409179688'],
])('%d is %s to people', (value, text) => {
  expect(humanText(value)).toBe(text)
})

it('rounds ties to the even integer', () => {
  expect([0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, 0.49, 2.51].map(roundToEven)).toEqual([0, 2, 2, 4, -0, -2, -2, 0, 3])
})
