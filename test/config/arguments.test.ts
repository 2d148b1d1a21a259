import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoteArgument, splitArguments } from '../../src/config/arguments.js'

describe('splitArguments', () => {
  const cases: [line: string, words: string[] | undefined][] = [
    ['', []],
    ['   \t ', []],
    ['save 60 100', ['save', '60', '100']],
    ['a\tb\v c', ['a', 'b\v', 'c']],
    ['requirepass "a b"', ['requirepass', 'a b']],
    ['save ""', ['save', '']],
    ["x ''", ['x', '']],
    ['x "\\x41\\xzz\\n\\t\\q\\""', ['x', 'Axzz\n\tq"']],
    ["x '\\n\\'\"'", ['x', '\\n\'"']],
    ['ab"c d"', ['abc d']],
    ['x "a"b', undefined],
    ["x 'a'b", undefined],
    ['x "a', undefined],
    ['x "a\\', undefined],
    ["x 'a\\'", undefined],
  ]
  test.each(cases)('%j', (line, words) => {
    expect(splitArguments(line)).toEqual(words)
  })

  test('gives back what quoteArgument wrote', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1'))
    fc.assert(
      fc.property(bytes, bytes, (left, right) => {
        expect(splitArguments(`${quoteArgument(left)} ${quoteArgument(right)}`)).toEqual([left, right])
      }),
    )
  })
})

test('quoteArgument escapes what does not print', () => {
  expect(quoteArgument('a"\\\n\r\t\x07\b\x00\xff')).toBe('"a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff"')
})
