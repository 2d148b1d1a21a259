/** Counts of SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: which are refused, and how many picks there may be. */
import { describe, expect, it } from 'vitest'
import { PICKS_MAX } from '../../src/commands/random-count.js'
import { OneShard } from './one-shard.js'

const OUT_OF_RANGE = '-ERR value is out of range\r\n'
const OUTSIDE_INT64 = '-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n'
const TOO_MANY = `-ERR value is out of range, value must between -${PICKS_MAX} and 9223372036854775807\r\n`
const NO_INTEGER = '-ERR value is not an integer or out of range\r\n'

const FAMILIES = [
  { command: 'srandmember', key: 's', details: [] },
  { command: 'hrandfield', key: 'h', details: ['WITHVALUES'] },
  { command: 'zrandmember', key: 'z', details: ['WITHSCORES'] },
]

function prepared(): OneShard {
  const shard = new OneShard()
  shard.call('sadd', 's', 'a', 'b', 'c')
  shard.call('hset', 'h', 'a', 1, 'b', 2, 'c', 3)
  shard.call('zadd', 'z', 1, 'a', 2, 'b', 3, 'c')
  shard.call('set', 'other', 1)
  return shard
}

describe.each(FAMILIES)('$command', ({ command, key, details }) => {
  it('makes so many picks and no more', () => {
    const shard = prepared()
    const reply = shard.call(command, key, -PICKS_MAX)
    expect(reply.slice(0, reply.indexOf('\r\n'))).toBe(`*${PICKS_MAX}`)
    expect(reply.split('$1\r\n').length - 1).toBe(PICKS_MAX)
    for (const count of [
      -PICKS_MAX - 1,
      -2147483648,
      '-1125899906842624',
      '-4611686018427387903',
      '-9223372036854775807',
    ])
      expect(shard.call(command, key, count), String(count)).toBe(TOO_MANY)
  })

  it('looks at the key before it counts picks', () => {
    const shard = prepared()
    expect(shard.call(command, 'none', '-1125899906842624')).toBe('*0\r\n')
    expect(shard.call(command, 'other', '-1125899906842624')).toMatch(/^-WRONGTYPE/)
  })

  it('answers the same as Redis to what is no count', () => {
    const shard = prepared()
    expect(shard.call(command, 'none', '-9223372036854775808')).toBe(OUTSIDE_INT64)
    for (const count of ['9223372036854775808', 'x', '', '1.5', ' 1']) {
      expect(shard.call(command, 'none', count)).toBe(NO_INTEGER)
    }
    for (const detail of details) {
      for (const count of ['-4611686018427387904', '4611686018427387904', '9223372036854775807']) {
        expect(shard.call(command, 'none', count, detail)).toBe(OUT_OF_RANGE)
      }
      expect(shard.call(command, 'none', '4611686018427387903', detail)).toBe('*0\r\n')
      expect(shard.call(command, key, '-4611686018427387903', detail)).toBe(TOO_MANY)
      expect(shard.call(command, 'none', '-4611686018427387904', 'NONSENSE')).toMatch(/^-ERR syntax/)
    }
  })

  it('takes any number of different ones', () => {
    const shard = prepared()
    for (const count of [3, 1e6, '9223372036854775807']) {
      expect(shard.elements(command, key, count).sort()).toEqual(['a', 'b', 'c'])
    }
  })
})
