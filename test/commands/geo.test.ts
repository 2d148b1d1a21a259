/**
 * The geo commands beside Redis 7.0.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { Choice } from '../differential/choice.js'
import { type Argument, BesideRedis } from './beside-redis.js'
import { sameStream } from './random-stream.js'

const STREAM_STEPS = 700
const SOURCES = ['a', 'b', '{a}c']
/** Distances are stored here. They may differ in the last bit, because C libraries do not round all sines correctly. */
const DISTANCES = 'distances'
const UNITS = ['m', 'km', 'ft', 'mi', 'KM']
const LIMITS = [180, -180, 85.05112878, -85.05112878, 0, 90, -0]

/** Positions are all over the map, or close together at one of a few places. */
function position(choice: Choice): [string, string] {
  if (choice.oneIn(30)) return [String(choice.of(LIMITS)), String(choice.of(LIMITS.filter((limit) => limit < 86)))]
  if (choice.oneIn(60)) return [choice.of(['181', '-180.0000001', '200.0078125', 'inf', 'x', '1e30']), '10']
  if (choice.oneIn(3)) return [coordinate(choice, 180), coordinate(choice, 85)]
  const [longitude, latitude] = choice.of([
    [13.361389, 38.115556],
    [179.9999, 66.1],
    [-0.1, 0.05],
    [-120, -81],
    [100, 84.9],
  ]) as [number, number]
  const spread = choice.of([0, 0.0001, 0.01, 2])
  const away = (): number => (choice.below(2001) / 1000 - 1) * spread
  const inside = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value))
  return [String(inside(longitude + away(), 180)), String(inside(latitude + away(), 85.05))]
}

function coordinate(choice: Choice, limit: number): string {
  const value = (choice.below(2_000_001) / 1_000_000 - 1) * limit
  return choice.oneIn(2) ? value.toFixed(choice.below(4)) : String(value)
}

function member(choice: Choice): string {
  return choice.oneIn(40) ? 'missing' : `place ${choice.below(60)}`
}

function length(choice: Choice): string {
  if (choice.oneIn(50)) return choice.of(['-1', 'x', '', '1e300', 'inf', '1e-300'])
  return String(choice.of([0, 0.5, 1, 5, 30, 200, 1000, 5000, 20000, 1e7]) * (1 + choice.below(100) / 50))
}

function unit(choice: Choice): string {
  return choice.oneIn(40) ? 'yards' : choice.of(UNITS)
}

function limits(choice: Choice): Argument[] {
  const words: Argument[] = []
  if (choice.oneIn(2)) words.push(choice.of(['ASC', 'desc']))
  if (choice.oneIn(3)) words.push('COUNT', choice.oneIn(20) ? choice.of(['0', '-1', 'x']) : choice.between(1, 30))
  if (choice.oneIn(8)) words.push('ANY')
  return words
}

function details(choice: Choice): Argument[] {
  return ['WITHCOORD', 'withdist', 'WITHHASH'].filter(() => choice.oneIn(3))
}

function centre(choice: Choice): Argument[] {
  return choice.oneIn(2) ? ['FROMMEMBER', member(choice)] : ['FROMLONLAT', ...position(choice)]
}

function area(choice: Choice): Argument[] {
  if (choice.oneIn(2)) return ['BYRADIUS', length(choice), unit(choice)]
  return ['BYBOX', length(choice), length(choice), unit(choice)]
}

/** The parts of a GEOSEARCH, rarely with one too few or too many. */
function searchParts(choice: Choice, extra: readonly Argument[]): Argument[] {
  const parts = [centre(choice), area(choice), limits(choice), [...extra]]
  if (choice.oneIn(30)) parts.splice(choice.below(2), 1)
  if (choice.oneIn(30)) parts.push(choice.of([centre(choice), area(choice), ['nothing'], ['STORE', 'x']]))
  return choice.shuffled(parts).flat()
}

function command(choice: Choice): Argument[][] {
  const key = choice.of(choice.oneIn(15) ? ['missing', 'text', DISTANCES] : SOURCES)
  switch (choice.below(16)) {
    case 0:
      return [['DEL', key === 'text' ? 'a' : key]]
    case 1:
      return [['ZREM', choice.of(SOURCES), member(choice), member(choice)]]
    case 2: {
      const score = choice.of(['-5', '1.5', '1e300', '-inf', 'inf', '4503599627370496', '18014398509481984', '3e15'])
      return [['ZADD', choice.of(SOURCES), score, member(choice)]]
    }
    case 3:
      return [['GEOPOS', key, member(choice), member(choice)]]
    case 4:
      return [['GEOHASH', key, member(choice), member(choice)]]
    case 5:
      return [['GEODIST', key, member(choice), member(choice), ...(choice.oneIn(2) ? [unit(choice)] : [])]]
    case 6:
    case 7: {
      const destination = choice.of(SOURCES)
      const centred = choice.oneIn(2)
        ? ['GEORADIUS', key, ...position(choice)]
        : ['GEORADIUSBYMEMBER', key, member(choice)]
      const store = choice.oneIn(3) ? ['STORE', destination] : choice.oneIn(5) ? ['storedist', DISTANCES] : []
      const extra = choice.oneIn(store.length === 0 ? 1 : 20) ? details(choice) : []
      return [
        [...centred, length(choice), unit(choice), ...choice.shuffled([limits(choice), extra, store]).flat()],
        ['ZRANGE', destination, 0, -1, 'WITHSCORES'],
        ['OBJECT', 'ENCODING', destination],
      ]
    }
    case 8: {
      const centred = choice.oneIn(2)
        ? ['GEORADIUS_RO', key, ...position(choice)]
        : ['GEORADIUSBYMEMBER_RO', key, member(choice)]
      const store = choice.oneIn(20) ? ['STORE', 'x'] : []
      return [[...centred, length(choice), unit(choice), ...limits(choice), ...details(choice), ...store]]
    }
    case 9: {
      const destination = choice.of(SOURCES)
      return [
        ['geosearchstore', destination, key, ...searchParts(choice, [])],
        ['ZRANGE', destination, 0, -1, 'WITHSCORES'],
        ['geosearchstore', DISTANCES, key, ...searchParts(choice, ['STOREDIST'])],
        ['ZCARD', DISTANCES],
      ]
    }
    case 10:
    case 11:
    case 12:
      return [['geosearch', key, ...searchParts(choice, details(choice))]]
    default: {
      const options = ['NX', 'xx', 'CH', 'CH'].filter(() => choice.oneIn(6))
      const places = Array.from({ length: choice.between(1, 12) }, () => [...position(choice), member(choice)]).flat()
      return [
        ['GEOADD', key === DISTANCES ? 'a' : key, ...options, ...places],
        ['ZRANGE', key, 0, -1],
      ]
    }
  }
}

describe.skipIf(!hasRedis7).each([1, 4])('geo commands on %i shard(s) beside Redis 7.0', (shards) => {
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

  it.each([2, 3])('answers and stores the same after random commands, in RESP%i', async (protocol) => {
    await both.each('HELLO', protocol)
    await both.same('SET', 'text', 'no places')
    await sameStream(both, STREAM_STEPS, command)
    await both.each('HELLO', 2)
  })

  it('stores distances as exactly as a C library computes them', async () => {
    const places = Array.from({ length: 300 }, (_, i) => [
      ((i * 7919) % 3600) / 10 - 180,
      ((i * 104729) % 1700) / 10 - 85,
      i,
    ])
    await both.same('GEOADD', 'k', ...places.flat())
    await both.same('GEOSEARCHSTORE', 'd', 'k', 'FROMLONLAT', 10, 20, 'BYRADIUS', 30000, 'km', 'STOREDIST')
    const { ours, redis } = await both.each('ZRANGE', 'd', 0, -1, 'WITHSCORES')
    const left = ours as string[]
    const right = redis as string[]
    expect(left.length).toBe(600)
    let different = 0
    for (let i = 0; i < left.length; i += 2) {
      expect(left[i]).toBe(right[i])
      if (left[i + 1] !== right[i + 1]) different++
      const relative = Math.abs(Number(left[i + 1]) / Number(right[i + 1]) - 1)
      expect(relative).toBeLessThan(1e-15)
    }
    // Of a hundred distances less than one should differ; with JavaScript's own functions it is eight.
    expect(different).toBeLessThan(10)
  })

  it('finds the nearest of many, equal ones in the same order', async () => {
    const places = Array.from({ length: 500 }, (_, i) => [1 + (i % 5) / 100, 2 + (i % 3) / 100, `m${i}`])
    await both.same('GEOADD', 'k', ...places.flat())
    for (const count of [1, 2, 7, 40, 41, 250, 499, 500, 501]) {
      for (const order of ['ASC', 'DESC']) {
        await both.allSame(
          ['GEOSEARCH', 'k', 'FROMLONLAT', 1, 2, 'BYRADIUS', 1000, 'km', order, 'COUNT', count, 'WITHDIST'],
          ['GEOSEARCH', 'k', 'FROMLONLAT', 1, 2, 'BYBOX', 3, 4, 'km', order, 'COUNT', count, 'ANY'],
        )
      }
    }
    await both.same('GEOSEARCHSTORE', 'k', 'k', 'FROMMEMBER', 'm1', 'BYRADIUS', 2, 'km', 'COUNT', 50)
    await both.same('ZRANGE', 'k', 0, -1, 'WITHSCORES')
  })

  it('finds the nearest of few, equal ones in the same order', async () => {
    for (let size = 2; size <= 48; size++) {
      const places = Array.from({ length: size }, (_, i) => [1 + ((i * 7) % 4) / 100, 2, `m${i}`])
      await both.allSame(['DEL', 'k'], ['GEOADD', 'k', ...places.flat()])
      for (let count = 1; count <= size; count += 1 + (size >> 3)) {
        await both.same('GEOSEARCH', 'k', 'FROMLONLAT', 1.5, 2, 'BYRADIUS', 1000, 'km', 'COUNT', count)
        await both.same('GEOSEARCH', 'k', 'FROMLONLAT', 1, 2, 'BYRADIUS', 1000, 'km', 'COUNT', count, 'DESC')
      }
    }
  })

  it('finds places near the limits of the map', async () => {
    const coordinates = [-180, -179.99, -90, -0.001, 0, 0.001, 45, 179.99, 180]
    const latitudes = [-85.05112878, -85, -66.5, -0.001, 0, 0.001, 66.5, 80.5, 85.05112878]
    for (const longitude of coordinates) {
      for (const latitude of latitudes) {
        await both.same('GEOADD', 'k', longitude, latitude, `${longitude},${latitude}`)
      }
    }
    await both.same('GEOPOS', 'k', ...coordinates.map((longitude) => `${longitude},${latitudes[0]}`))
    for (const longitude of coordinates) {
      for (const latitude of latitudes) {
        for (const radius of [1, 300, 4000, 9000, 20000]) {
          await both.same('GEOSEARCH', 'k', 'FROMLONLAT', longitude, latitude, 'BYRADIUS', radius, 'km')
          await both.same('GEOSEARCH', 'k', 'FROMLONLAT', longitude, latitude, 'BYBOX', radius, radius / 2, 'km')
        }
      }
    }
  })
})
