import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { globMatches } from '../../src/base/glob.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from './redis-oracle.js'

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  // Inside larger buffers, so that reading past either end would be seen.
  const patternBuffer = asciiBytes(`*]${pattern}*]`)
  const textBuffer = asciiBytes(`ab${text}ab`)
  return globMatches(patternBuffer, 2, pattern.length, textBuffer, 2, text.length, ignoreCase)
}

describe('globMatches', () => {
  test.each([
    ['*', 'anything', true],
    ['**', 'x', true],
    ['*', '', false],
    ['', '', true],
    ['', 'a', false],
    ['a', '', false],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['h*llo', 'hllo', true],
    ['h*llo', 'heeeello', true],
    ['h[ae]llo', 'hallo', true],
    ['h[ae]llo', 'hillo', false],
    ['h[^e]llo', 'hallo', true],
    ['h[^e]llo', 'hello', false],
    ['h[a-b]llo', 'hbllo', true],
    ['h[b-a]llo', 'hallo', true],
    ['h[a-b]llo', 'hcllo', false],
    ['[a-]', 'a', true],
    ['[a-]', '-', false],
    ['[a-]', ']', true],
    ['[a-]x', ']', true],
    ['[-a]', '-', true],
    ['[]', ']', false],
    ['[^]', 'x', true],
    ['[^]x', 'yx', true],
    ['[', '[', false],
    ['[^', 'x', true],
    ['[a', 'a', true],
    ['[\\]]', ']', true],
    ['[\\]', ']', true],
    ['[\\', '\\', true],
    ['a\\', 'a\\', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['\\?', '?', true],
    ['\\[a]', '[a]', true],
    ['\\a', 'a', true],
    ['*a', 'ba', true],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['*a*b*c', 'xxaxxcxxb', false],
    ['a**b***', 'ab', true],
    ['*\\', 'x\\', true],
    ['[\x80-\xff]', '\x90', true],
    ['[\x80-\x7f]', 'a', true],
    ['[a-\xff]', '~', false],
    ['[a-\xff]', '\x00', true],
    ['a\x00b', 'a\x00b', true],
    ['a\x00*', 'a\x00b', true],
  ])('%j against %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  test.each([
    ['MAX*', 'maxmemory', true],
    ['max*', 'MAXMEMORY', true],
    ['[A-C]x', 'bX', true],
    ['[^A-C]x', 'bX', false],
    ['[Z-a]', 'z', false],
    ['[z-A]', 'b', true],
    ['[a]', 'A', true],
    ['[\\a]', 'A', false],
    ['\\a', 'A', true],
    ['{', '[', false],
    ['\xc0', '\xe0', false],
  ])('ignoring case, %j against %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text, true)).toBe(expected)
  })

  test('a pattern made of a text by escaping each byte matches that text only', () => {
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 20, size: 'max' })
      .map((array) => String.fromCharCode(...array))
    fc.assert(
      fc.property(bytes, bytes, fc.boolean(), (text, other, ignoreCase) => {
        const pattern = [...text].map((character) => `\\${character}`).join('')
        expect(matches(pattern, text, ignoreCase)).toBe(true)
        if (!ignoreCase) expect(matches(pattern, other)).toBe(text === other)
        expect(matches(`*${pattern}*`, other + text + other, ignoreCase)).toBe(true)
      }),
    )
  })

  test("a pattern of many stars costs no more than its length times the text's", () => {
    const text = 'a'.repeat(20000)
    const started = performance.now()
    expect(matches(`${'a*'.repeat(500)}b`, text)).toBe(false)
    expect(matches(`${'*a'.repeat(500)}*`, text)).toBe(true)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('more than a thousand runs of stars match nothing', () => {
    const text = 'a'.repeat(3000)
    expect(matches(`${'*a'.repeat(1000)}*`, text)).toBe(true)
    expect(matches(`${'*a'.repeat(1001)}*`, text)).toBe(false)
  })
})

describe.runIf(hasRedis7)('the same as Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  test('HSCAN MATCH over a small hash finds what globMatches finds', async () => {
    const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)
    const piece = fc.constantFrom('*', '?', '[', ']', '[^', '-', '\\', 'a', 'b', 'c', '\x80', '\xfe', 'a-c', '\x00')
    const patterns = fc.sample(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
      { seed, numRuns: 2000 },
    )
    const letter = fc.constantFrom('a', 'b', 'c', 'a', 'b', 'c', '-', ']', '[', '\\', '^', '\x80', '\xfe', '\x00', '*')
    const texts = [
      ...new Set(
        fc.sample(
          fc.array(letter, { maxLength: 5 }).map((letters) => letters.join('')),
          { seed, numRuns: 300 },
        ),
      ),
    ]
    await oracle.client.hset('texts', ...texts.flatMap((text) => [Buffer.from(text, 'latin1'), '1']))
    const commands = patterns.map((pattern) => ['HSCAN', 'texts', '0', 'MATCH', Buffer.from(pattern, 'latin1')])
    const replies = (await oracle.replies(commands)) as [Buffer, Buffer[]][]
    replies.forEach(([, fields], index) => {
      const pattern = patterns[index]!
      const expected = fields.filter((_, i) => i % 2 === 0).map((field) => field.toString('latin1'))
      // The scan commands take the pattern "*" as "no pattern".
      const found = texts.filter((text) => pattern === '*' || matches(pattern, text))
      expect(found.sort(), `seed ${seed}, pattern ${JSON.stringify(pattern)}`).toEqual(expected.sort())
    })
  })
})
