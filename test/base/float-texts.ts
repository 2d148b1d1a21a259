/** Arbitrary texts that are, or nearly are, floating-point numbers; shared by the tests that read them. */

import fc from 'fast-check'

const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: max, size: 'max' })
const hexDigits = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), maxLength: 36, size: 'max' })
const sign = fc.constantFrom('', '', '', '-', '+')
const point = fc.constantFrom('', '.', '.')

const decimal = fc
  .tuple(
    sign,
    digits(22),
    point,
    digits(25),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), sign, fc.nat(400)), { freq: 2 }),
  )
  .map(
    ([s, integer, dot, fraction, power]) =>
      `${s}${integer}${dot}${dot === '' ? '' : fraction}${power ? power.join('') : ''}`,
  )

const hexadecimal = fc
  .tuple(
    sign,
    fc.constantFrom('0x', '0X'),
    hexDigits,
    point,
    hexDigits,
    fc.option(fc.tuple(fc.constantFrom('p', 'P'), sign, fc.nat(1200))),
  )
  .map(
    ([s, prefix, integer, dot, fraction, power]) =>
      `${s}${prefix}${integer}${dot}${dot === '' ? '' : fraction}${power ? power.join('') : ''}`,
  )

const nearlyNumber = fc.string({ unit: fc.constantFrom(...'0123456789.+-eExXpPinfINFaty \t\u0000'), maxLength: 9 })

/** A double of arbitrary bits, in one of the ways that languages print it. */
export const doubleValue = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.tuple(fc.integer(), fc.nat(1000)).map(([n, d]) => n / (d + 1)),
  fc.tuple(fc.integer({ min: -100000, max: 100000 }), fc.nat(8)).map(([n, decimals]) => n / 10 ** decimals),
  // Doubles whose decimal expansion is short enough for ties at the 17th digit.
  fc.tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 26 })).map(([n, halvings]) => n / 2 ** halvings),
  fc
    .tuple(fc.integer({ min: 0, max: 262143 }), fc.integer({ min: 14, max: 24 }))
    .map(([n, halvings]) => (2 * n + 1) / 2 ** halvings),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }).map(Number),
)

export const floatText = fc.oneof(
  { weight: 4, arbitrary: decimal },
  { weight: 2, arbitrary: hexadecimal },
  { weight: 2, arbitrary: nearlyNumber },
  { weight: 2, arbitrary: doubleValue.map(String) },
  { weight: 1, arbitrary: doubleValue.map((value) => value.toExponential(25)) },
)
