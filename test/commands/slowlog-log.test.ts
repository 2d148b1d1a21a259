/** The slow log's data structure: its limits, its order, and what it cuts off. */
import { describe, expect, test } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { loggedArguments, Slowlog } from '../../src/base/slowlog.js'

/** The arguments laid out one behind the other, as in a request frame. */
function laidOut(words: readonly string[]): [Uint8Array, number, Int32Array, Int32Array] {
  const lengths = Int32Array.from(words, (word) => word.length)
  let next = 0
  const offsets = lengths.map((length) => {
    next += length
    return next - length
  })
  return [asciiBytes(words.join('')), words.length, offsets, lengths]
}

function logOf(entries: number, maxLength: number): Slowlog {
  const log = new Slowlog(0, maxLength)
  for (let i = 0; i < entries; i++) log.add(1700000000 + i, i, [`command-${i}`], '127.0.0.1:1', '')
  return log
}

describe('arguments in the log', () => {
  test('keeps binary arguments as they are', () => {
    expect(loggedArguments(undefined, ...laidOut(['set', 'k\0\xff', '']))).toEqual(['set', 'k\0\xff', ''])
  })

  test('takes the name from the caller where argument 0 did not travel', () => {
    const [bytes, argc, offsets, lengths] = laidOut(['', 'key'])
    expect(loggedArguments('get', bytes, argc, offsets, lengths)).toEqual(['get', 'key'])
  })

  test('cuts an argument of more than 128 bytes', () => {
    const [, whole, cut] = loggedArguments(undefined, ...laidOut(['set', 'a'.repeat(128), 'b'.repeat(129)]))
    expect(whole).toBe('a'.repeat(128))
    expect(cut).toBe(`${'b'.repeat(128)}... (1 more bytes)`)
  })

  test.each([
    [31, 31, 'w30'],
    [32, 32, 'w31'],
    [33, 32, '... (2 more arguments)'],
    [100, 32, '... (69 more arguments)'],
  ])('of %i arguments keeps %i, the last of them %s', (argc, kept, last) => {
    const logged = loggedArguments(undefined, ...laidOut(Array.from({ length: argc }, (_, i) => `w${i}`)))
    expect(logged).toHaveLength(kept)
    expect(logged.at(-1)).toBe(last)
    expect(logged[30]).toBe('w30')
  })
})

describe('entries of the log', () => {
  test('come newest first, as many as asked for', () => {
    const log = logOf(5, 128)
    expect(log.entries(2).map((entry) => entry.id)).toEqual([4, 3])
    expect(log.entries(100).map((entry) => entry.id)).toEqual([4, 3, 2, 1, 0])
    expect(log.entries(0)).toEqual([])
  })

  test('are kept up to the maximum, for any number of additions', () => {
    for (const maxLength of [0, 1, 2, 7, 128]) {
      const log = new Slowlog(0, maxLength)
      for (let i = 0; i < 300; i++) {
        log.add(0, 0, [], '', '')
        const kept = Math.min(i + 1, maxLength)
        expect(log.length).toBe(kept)
        expect(log.entries(1000).map((entry) => entry.id)).toEqual(Array.from({ length: kept }, (_, k) => i - k))
      }
    }
  })

  test('go when the maximum is lowered', () => {
    const log = logOf(10, 128)
    log.maxLength = 3
    expect(log.entries(10).map((entry) => entry.id)).toEqual([9, 8, 7])
  })

  test('go with a reset, after which ids go on', () => {
    const log = logOf(3, 128)
    log.reset()
    expect(log.length).toBe(0)
    log.add(0, 0, [], '', '')
    expect(log.entries(10).map((entry) => entry.id)).toEqual([3])
  })
})

test('a command is slow from the threshold on, and never with a negative one', () => {
  expect(new Slowlog(10, 1).isSlow(9)).toBe(false)
  expect(new Slowlog(10, 1).isSlow(10)).toBe(true)
  expect(new Slowlog(0, 1).isSlow(0)).toBe(true)
  expect(new Slowlog(-1, 1).isSlow(1e9)).toBe(false)
})
