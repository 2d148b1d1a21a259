/**
 * The bitmap commands: beside Redis 7.0 where it has them, and those operations of BITOP that came later by what they mean.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { Choice } from '../differential/choice.js'
import { type Argument, BesideRedis } from './beside-redis.js'
import { sameStream } from './random-stream.js'

const STREAM_STEPS = 600
const KEYS = ['a', 'b', 'c', 'd', '{a}e', 'list']
const INTEGERS = ['0', '1', '-1', '2', '7', '8', '-8', '31', '32', '-33', '100', '1000', 'x', '', '01', '-0']
const LARGE_INTEGERS = [
  '9223372036854775807',
  '-9223372036854775808',
  '-9223372036854775807',
  '9223372036854775808',
  '9007199254740993',
  '-9007199254740993',
  '4503599627370496',
  '-4503599627370497',
  '4294967296',
  '-4294967296',
  '2147483648',
  '-129',
  '255',
  '256',
]

function integer(choice: Choice): string {
  if (choice.oneIn(8)) return choice.of(LARGE_INTEGERS)
  return choice.oneIn(3) ? choice.of(INTEGERS) : String(choice.between(-300, 300))
}

function offset(choice: Choice): string {
  if (choice.oneIn(30)) return choice.of([...INTEGERS, '4294967296', '4294967295x', '-1', '#0', '9007199254740993'])
  return String(choice.below(choice.of([8, 64, 400])))
}

function value(choice: Choice): Buffer | string {
  if (choice.oneIn(4)) return choice.of(['', '12345', '-1', 'text', '\0', '\xff'])
  const length = choice.below(choice.of([5, 40, 300]))
  if (choice.oneIn(3)) return Buffer.alloc(length, choice.of([0, 255]))
  return choice.bytes(length)
}

function range(choice: Choice, lengthsMax: number): Argument[] {
  const words: Argument[] = []
  const length = choice.below(lengthsMax + 1)
  if (length > 0) words.push(integer(choice))
  if (length > 1) words.push(integer(choice))
  if (length > 2) words.push(choice.of(['BIT', 'byte', 'bit', 'BYTE', 'BI']))
  if (length > 3) words.push('more')
  return words
}

function fieldType(choice: Choice): string {
  if (choice.oneIn(40)) return choice.of(['u64', 'i65', 'i0', 'U8', 'x8', 'i', '', 'u-1', 'u08'])
  const bits = choice.oneIn(2) ? choice.between(1, 63) : choice.of([1, 8, 16, 31, 32, 33, 51, 52, 53, 62, 63])
  return choice.oneIn(2) ? `u${bits}` : `i${choice.oneIn(8) ? 64 : bits}`
}

function fieldOffset(choice: Choice): string {
  if (choice.oneIn(60)) return choice.of(['#4611686018427387904', '#-1', '#', '##1', '#x', '-1', '#4294967296', '#01'])
  return choice.oneIn(2) ? String(choice.below(choice.of([16, 300]))) : `#${choice.below(8)}`
}

function fieldOperations(choice: Choice): Argument[] {
  const words: Argument[] = []
  for (let i = choice.below(5); i > 0; i--) {
    switch (choice.below(choice.oneIn(40) ? 6 : 4)) {
      case 0:
        words.push('GET', fieldType(choice), fieldOffset(choice))
        break
      case 1:
        words.push('OVERFLOW', choice.oneIn(30) ? 'NONE' : choice.of(['WRAP', 'sat', 'FAIL', 'SAT']))
        break
      case 2:
        words.push('SET', fieldType(choice), fieldOffset(choice), integer(choice))
        break
      case 3:
        words.push('INCRBY', fieldType(choice), fieldOffset(choice), integer(choice))
        break
      default:
        words.push(choice.of(['GET', 'SET', 'nothing']))
    }
  }
  return words
}

function sources(choice: Choice): string[] {
  return Array.from({ length: choice.between(1, 4) }, () => choice.of(choice.oneIn(20) ? KEYS : KEYS.slice(0, 5)))
}

function command(choice: Choice): Argument[][] {
  const key = choice.of(choice.oneIn(10) ? [...KEYS, 'missing'] : KEYS.slice(0, 5))
  switch (choice.below(11)) {
    case 0:
      return [['SET', key, value(choice), ...(choice.oneIn(3) ? ['EX', 1000] : [])]]
    case 1:
      return [['DEL', key]]
    case 2:
    case 3:
      return [['SETBIT', key, offset(choice), choice.oneIn(20) ? choice.of(['2', '-1', 'x', '']) : choice.below(2)]]
    case 4:
      return [['GETBIT', key, offset(choice)]]
    case 5:
      return [['BITCOUNT', key, ...range(choice, 4)]]
    case 6:
      return [['BITPOS', key, choice.oneIn(20) ? integer(choice) : choice.below(2), ...range(choice, 4)]]
    case 7: {
      const operation = choice.oneIn(20) ? 'NAND' : choice.of(['AND', 'or', 'XOR', 'NOT', 'and', 'OR'])
      return [
        ['BITOP', operation, key, ...sources(choice)],
        ['TTL', key],
      ]
    }
    case 8:
      return [['BITFIELD_RO', key, ...fieldOperations(choice)]]
    default:
      return [['BITFIELD', key, ...fieldOperations(choice)]]
  }
}

describe.skipIf(!hasRedis7).each([1, 4])('bitmaps on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
  })

  it('answers and stores the same after random commands', async () => {
    await both.same('RPUSH', 'list', 'element')
    await sameStream(both, STREAM_STEPS, (choice) => {
      const commands = command(choice)
      const key = commands[0]?.[commands[0][0] === 'BITOP' ? 2 : 1] as string
      return [...commands, ['GET', key], ['OBJECT', 'ENCODING', key]]
    })
  })

  it('counts and finds bits in every range of bits', async () => {
    const bytes = Buffer.from('00ff8100007fffffffffffffffffffffffffffffff000000000000000001', 'hex')
    await both.same('SET', 'k', bytes)
    for (let first = 0; first < 80; first += 7) {
      for (let last = first - 1; last < 250; last += 5) {
        await both.allSame(
          ['BITCOUNT', 'k', first, last, 'BIT'],
          ['BITPOS', 'k', 0, first, last, 'BIT'],
          ['BITPOS', 'k', 1, first, last, 'BIT'],
        )
      }
    }
  })

  it('combines strings of several blocks, also into one of them', async () => {
    const lengths = [40_001, 16_384, 16_383, 100_002]
    for (const [i, length] of lengths.entries()) {
      await both.same('SET', `k${i}`, Buffer.from(Array.from({ length }, (_, at) => (at * (i + 3) * 37) & 255)))
    }
    const keys = lengths.map((_, i) => `k${i}`)
    for (const operation of ['AND', 'OR', 'XOR']) {
      await both.allSame(
        ['BITOP', operation, 'result', ...keys],
        ['GET', 'result'],
        ['BITCOUNT', 'result'],
        ['BITOP', operation, 'k1', 'k1', 'k0', 'k1'],
        ['GET', 'k1'],
        ['BITOP', operation, 'result', 'k3'],
        ['GET', 'result'],
      )
    }
    await both.allSame(['BITOP', 'NOT', 'k0', 'k0'], ['GET', 'k0'], ['BITCOUNT', 'k0'], ['STRLEN', 'k0'])
  })

  it('reaches the last bit of the longest string', async () => {
    await both.allSame(
      ['SETBIT', 'k', 4294967295, 1],
      ['BITPOS', 'k', 1],
      ['BITPOS', 'k', 0, -1],
      ['BITCOUNT', 'k'],
      ['BITCOUNT', 'k', '4294967295', '4294967295', 'BIT'],
      ['GETBIT', 'k', 4294967295],
      ['SETBIT', 'k', 4294967296, 1],
      ['BITFIELD', 'k', 'GET', 'u8', 4294967292],
      ['DEL', 'k'],
    )
  })

  it('DIFF, DIFF1, ANDOR and ONE are what AND, OR, XOR and NOT make of them', async () => {
    const { ours } = both
    const call = (...argv: Argument[]): Promise<unknown> => ours.call(...argv)
    await call('SET', 'x', Buffer.from('f0ff00aa55', 'hex'))
    await call('SET', 'y', Buffer.from('cc0f', 'hex'))
    await call('SET', 'z', Buffer.from('aaf0ff0102030405', 'hex'))
    const hex = async (key: string): Promise<string> =>
      Buffer.from((await call('GET', key)) as string, 'latin1').toString('hex')

    expect(await call('BITOP', 'DIFF', 'result', 'x', 'y', 'z')).toBe(8)
    expect(await hex('result')).toBe('100000aa55000000')
    expect(await call('BITOP', 'diff1', 'result', 'x', 'y', 'z')).toBe(8)
    expect(await hex('result')).toBe('0e00ff0102030405')
    expect(await call('BITOP', 'ANDOR', 'result', 'x', 'y', 'z')).toBe(8)
    expect(await hex('result')).toBe('e0ff000000000000')
    expect(await call('BITOP', 'ONE', 'result', 'x', 'y', 'z')).toBe(8)
    expect(await hex('result')).toBe('1600ffab57030405')
    expect(await call('BITOP', 'ONE', 'z', 'z', 'z')).toBe(8)
    expect(await hex('z')).toBe('0000000000000000')
    expect(await call('BITOP', 'DIFF', 'result', 'x')).toEqual({
      error: 'ERR BITOP DIFF must be called with at least two source keys.',
    })
    expect(await call('BITOP', 'ONE', 'result', 'x')).toBe(5)
    expect(await hex('result')).toBe('f0ff00aa55')
  })
})
