import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asciiBytes, latin1Of } from '../../src/base/bytes.js'
import { type Lcs, lcsLength, lcsTableBytes, longestCommonSubsequence } from '../../src/base/lcs.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from './redis-oracle.js'

/** Both ranges inside larger buffers, which begin and end with bytes that would match. */
function lcs(left: string, right: string): Lcs {
  const a = asciiBytes(`aa${left}aa`)
  const b = asciiBytes(`a${right}a`)
  const result = longestCommonSubsequence(a, 2, left.length, b, 1, right.length)
  expect(lcsLength(a, 2, left.length, b, 1, right.length)).toBe(result.bytes.length)
  return result
}

const textOf = (result: Lcs): string => latin1Of(result.bytes, 0, result.bytes.length)

/** Few different letters, so that long subsequences and many ties arise. */
const text = fc.string({ unit: fc.constantFrom(...'aaabbc\xff'), maxLength: 40, size: 'max' })

function isSubsequence(part: string, whole: string): boolean {
  let found = 0
  for (const character of whole) if (character === part.charAt(found)) found++
  return found === part.length
}

/** The textbook recurrence, from the ends of the texts, remembered in a map. */
function expectedLength(left: string, right: string): number {
  const known = new Map<string, number>()
  const length = (i: number, j: number): number => {
    if (i === left.length || j === right.length) return 0
    const key = `${i},${j}`
    const before = known.get(key)
    if (before !== undefined) return before
    const result = left[i] === right[j] ? 1 + length(i + 1, j + 1) : Math.max(length(i + 1, j), length(i, j + 1))
    known.set(key, result)
    return result
  }
  return length(0, 0)
}

describe('longestCommonSubsequence', () => {
  test("the example of the LCS command's documentation", () => {
    const result = lcs('ohmytext', 'mynewtext')
    expect(textOf(result)).toBe('mytext')
    expect(result.matches).toEqual([
      { leftStart: 4, leftEnd: 7, rightStart: 5, rightEnd: 8, length: 4 },
      { leftStart: 2, leftEnd: 3, rightStart: 0, rightEnd: 1, length: 2 },
    ])
  })

  test.each([
    ['', '', ''],
    ['a', '', ''],
    ['', 'a', ''],
    ['a', 'a', 'a'],
    ['a', 'b', ''],
    ['abcdef', 'abcdef', 'abcdef'],
    ['abc', 'cba', 'c'],
    ['aaaa', 'aa', 'aa'],
    ['ab', 'ba', 'b'],
  ])('%j and %j have %j', (left, right, expected) => {
    expect(textOf(lcs(left, right))).toBe(expected)
  })

  test('is a longest common subsequence, and the matches spell it', () => {
    fc.assert(
      fc.property(text, text, (left, right) => {
        const result = lcs(left, right)
        const found = textOf(result)
        expect(isSubsequence(found, left) && isSubsequence(found, right)).toBe(true)
        expect(found.length).toBe(expectedLength(left, right))
        let spelled = ''
        for (const match of [...result.matches].reverse()) {
          const fromLeft = left.slice(match.leftStart, match.leftEnd + 1)
          expect(right.slice(match.rightStart, match.rightEnd + 1)).toBe(fromLeft)
          expect(match.length).toBe(fromLeft.length)
          spelled += fromLeft
        }
        expect(spelled).toBe(found)
      }),
      { numRuns: 300 },
    )
  })

  test('the table that Redis would need', () => {
    expect(lcsTableBytes(0, 0)).toBe(4)
    expect(lcsTableBytes(11584, 11584)).toBe(11585 * 11585 * 4)
    expect(lcsTableBytes(512 * 1024 * 1024, 512 * 1024 * 1024)).toBeGreaterThan(2 ** 59)
  })
})

describe.runIf(hasRedis7)('the same as Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  test('LCS chooses the same subsequence and the same ranges', async () => {
    const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)
    const pairs = fc.sample(fc.tuple(text, text), { seed, numRuns: 600 })
    const replies = await oracle.replies(
      pairs.flatMap(([left, right]) => [
        ['MSET', 'a', Buffer.from(left, 'latin1'), 'b', Buffer.from(right, 'latin1')],
        ['LCS', 'a', 'b'],
        ['LCS', 'a', 'b', 'IDX', 'WITHMATCHLEN'],
      ]),
    )
    pairs.forEach(([left, right], index) => {
      const message = `seed ${seed}: ${JSON.stringify(left)} and ${JSON.stringify(right)}`
      const result = lcs(left, right)
      expect(textOf(result), message).toBe((replies[index * 3 + 1] as Buffer).toString('latin1'))
      const ranges = result.matches.map((m) => [[m.leftStart, m.leftEnd], [m.rightStart, m.rightEnd], m.length])
      const [, matches, , length] = replies[index * 3 + 2] as unknown[]
      expect(ranges, message).toEqual(matches)
      expect(result.bytes.length, message).toBe(length)
    })
  })
})
