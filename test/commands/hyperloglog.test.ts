/**
 * HyperLogLogs beside Redis 7.0: replies, and the bytes of the values that GET shows.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { Choice } from '../differential/choice.js'
import { type Argument, BesideRedis } from './beside-redis.js'
import { sameStream } from './random-stream.js'

const STREAM_STEPS = 500
const KEYS = ['a', 'b', 'c', '{a}d', 'e']
/** Bytes of a header, with an estimate that counts as valid. */
const HEADER = 'HYLL\x01\0\0\0\x2a\0\0\0\0\0\0\0'
const STALE_HEADER = `${HEADER.slice(0, 15)}\x80`

function elements(choice: Choice): Buffer[] {
  const count = choice.below(choice.of([2, 5, 60, 400]))
  return Array.from({ length: count }, () => choice.bytes(choice.below(choice.of([3, 9, 40]))))
}

/** Something that is, or nearly is, a HyperLogLog. */
function value(choice: Choice): Buffer {
  const header = choice.of([HEADER, STALE_HEADER, STALE_HEADER, `HYLL\x02${HEADER.slice(5)}`, `HYL${HEADER.slice(3)}`])
  const opcodes = choice.of(['\x7f\xff', '\x40\x10\x80\x7f\xed', '\x7f\xfe\x84', '\x7f\xff\x00', '\x7f\xfe', ''])
  return Buffer.from(choice.oneIn(8) ? header.slice(0, choice.below(16)) : header + opcodes, 'latin1')
}

function dense(choice: Choice): Buffer {
  const registers = choice.oneIn(2) ? choice.bytes(12288) : Buffer.alloc(12288, choice.of([0, 0x41, 0xcf, 0xff]))
  const length = choice.oneIn(4) ? choice.of([12287, 12289]) : 12288
  const body = Buffer.concat([registers, Buffer.alloc(1)]).subarray(0, length)
  return Buffer.concat([Buffer.from(`HYLL\0${STALE_HEADER.slice(5)}`, 'latin1'), body])
}

function someKeys(choice: Choice): string[] {
  return Array.from({ length: choice.between(1, 4) }, () => choice.of(choice.oneIn(10) ? [...KEYS, 'missing'] : KEYS))
}

function command(choice: Choice): Argument[][] {
  const key = choice.of(KEYS)
  switch (choice.below(16)) {
    case 0:
      return [['DEL', key]]
    case 1:
      return [['SET', key, choice.oneIn(4) ? dense(choice) : value(choice)]]
    case 2:
      return [['PFMERGE', key, ...(choice.oneIn(5) ? [] : someKeys(choice))]]
    case 3:
      return [['PFCOUNT', ...someKeys(choice)]]
    case 4:
      return [['PFDEBUG', choice.of(['ENCODING', 'decode', 'GETREG', 'TODENSE', 'NOTHING']), key]]
    case 5:
      return [['CONFIG', 'SET', 'hll-sparse-max-bytes', choice.of([0, 30, 300, 3000, 3000, 30000])]]
    case 6:
    case 7:
      return [['PFCOUNT', key]]
    default:
      return [['PFADD', key, ...elements(choice)]]
  }
}

describe.skipIf(!hasRedis7).each([1, 4])('HyperLogLogs on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.allSame(['FLUSHALL'], ['CONFIG', 'SET', 'hll-sparse-max-bytes', 3000])
  })

  it('answers and stores the same after random commands', async () => {
    await sameStream(both, STREAM_STEPS, (choice) => {
      const commands = command(choice)
      return [...commands, ...KEYS.map((key) => ['GET', key]), ['OBJECT', 'ENCODING', choice.of(KEYS)]]
    })
  })

  it('grows from empty to dense, one element after the other', async () => {
    for (let i = 0; i < 2500; i++) {
      await both.same('PFADD', 'k', `element ${i}`)
      if (i % 50 === 0) await both.allSame(['GET', 'k'], ['PFCOUNT', 'k'])
    }
    expect(await both.same('PFDEBUG', 'ENCODING', 'k')).toEqual({ simple: 'dense' })
    for (let i = 0; i < 100; i++) {
      await both.same('PFADD', 'k', ...Array.from({ length: 1000 }, (_, j) => `more ${i * 1000 + j}`))
    }
    await both.allSame(['GET', 'k'], ['PFCOUNT', 'k'], ['GET', 'k'])
  })

  it('estimates beyond 53 bits as Redis does', async () => {
    for (const filler of [0x41, 0xcf, 0xf3, 0xff]) {
      const registers = Buffer.alloc(12288, filler)
      await both.allSame(
        ['SET', 'k', Buffer.concat([Buffer.from(`HYLL\0${STALE_HEADER.slice(5)}`, 'latin1'), registers])],
        ['PFCOUNT', 'k'],
        ['GET', 'k'],
        ['PFCOUNT', 'k', 'missing'],
      )
    }
    await both.allSame(['SET', 'k', `HYLL\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\x7f\xff`], ['PFCOUNT', 'k'])
  })

  it('refuses what is no HyperLogLog', async () => {
    await both.allSame(
      ['SET', 'k', 'text'],
      ['PFADD', 'k', 'x'],
      ['PFCOUNT', 'k'],
      ['PFCOUNT', 'missing', 'k'],
      ['PFMERGE', 'other', 'k'],
      ['PFMERGE', 'k'],
      ['EXISTS', 'other'],
      ['PFDEBUG', 'ENCODING', 'k'],
      ['PFDEBUG', 'ENCODING', 'missing'],
      ['SET', 'k', 12345],
      ['PFCOUNT', 'k'],
      ['PFADD', 'only'],
      ['PFADD', 'only'],
      ['GET', 'only'],
    )
  })

  it('passes its own test', async () => {
    expect(await both.ours.call('PFSELFTEST')).toEqual({ simple: 'OK' })
  })
})
