/** Commands on keys that do not exist find nothing, and touch nothing of what lies where a key was that they saw before. */
import { expect, it } from 'vitest'
import { OneShard } from './one-shard.js'

const COMMANDS: readonly (readonly string[])[] = [
  ['hget', 'none', 'f'],
  ['hmget', 'none', 'f', 'g'],
  ['hgetall', 'none'],
  ['hkeys', 'none'],
  ['hvals', 'none'],
  ['hlen', 'none'],
  ['hexists', 'none', 'f'],
  ['hstrlen', 'none', 'f'],
  ['hrandfield', 'none'],
  ['hrandfield', 'none', '3'],
  ['hrandfield', 'none', '-3', 'WITHVALUES'],
  ['hscan', 'none', '0'],
  ['hdel', 'none', 'f'],
  ['hpexpire', 'none', '1000', 'FIELDS', '1', 'f'],
  ['hpersist', 'none', 'FIELDS', '1', 'f'],
  ['hpttl', 'none', 'FIELDS', '1', 'f'],
  ['hgetex', 'none', 'PX', '1000', 'FIELDS', '1', 'f'],
  ['hgetdel', 'none', 'FIELDS', '1', 'f'],
  ['scard', 'none'],
  ['sismember', 'none', 'm'],
  ['smismember', 'none', 'm', 'n'],
  ['smembers', 'none'],
  ['srandmember', 'none'],
  ['srandmember', 'none', '-3'],
  ['spop', 'none'],
  ['spop', 'none', '3'],
  ['srem', 'none', 'm'],
  ['smove', 'none', 'nowhere', 'm'],
  ['sscan', 'none', '0'],
  ['sinter', 'none', 'nowhere'],
  ['sunion', 'none', 'nowhere'],
  ['sdiff', 'none', 'nowhere'],
  ['sintercard', '2', 'none', 'nowhere'],
  ['sinterstore', 'd', 'none'],
  ['zcard', 'none'],
  ['zscore', 'none', 'm'],
  ['zmscore', 'none', 'm', 'n'],
  ['zrank', 'none', 'm', 'WITHSCORE'],
  ['zcount', 'none', '-inf', '+inf'],
  ['zlexcount', 'none', '-', '+'],
  ['zrange', 'none', '0', '-1'],
  ['zrange', 'none', '-', '+', 'BYLEX', 'REV'],
  ['zrandmember', 'none'],
  ['zrandmember', 'none', '-3', 'WITHSCORES'],
  ['zpopmin', 'none'],
  ['zmpop', '2', 'none', 'nowhere', 'MIN'],
  ['zrem', 'none', 'm'],
  ['zremrangebyrank', 'none', '0', '-1'],
  ['zremrangebylex', 'none', '-', '+'],
  ['zscan', 'none', '0'],
  ['zunion', '2', 'none', 'nowhere'],
  ['zinter', '2', 'none', 'nowhere', 'WITHSCORES'],
  ['zdiff', '2', 'none', 'nowhere'],
  ['zintercard', '2', 'none', 'nowhere'],
  ['zrangestore', 'd', 'none', '0', '-1'],
  ['geopos', 'none', 'm'],
  ['geosearch', 'none', 'FROMLONLAT', '1', '1', 'BYRADIUS', '1', 'km'],
]

// As a listpack these bytes have so many entries that they would have to be counted, and the count would be written down.
const VALUES = Array.from({ length: 200 }, (_, i) => '\xff'.repeat(4 + (i % 24)))

it.each(COMMANDS)('%s', (...argv) => {
  const shard = new OneShard()
  // The first of each stays, so that the memory of the second is used for the next value of its size.
  for (const key of ['1', '2']) {
    shard.call('hset', `h${key}`, 'a', 1)
    shard.call('sadd', `s${key}`, 'a')
    shard.call('zadd', `z${key}`, 1, 'a')
  }
  shard.call('hrandfield', 'h2', 1)
  shard.call('srandmember', 's2', 1)
  shard.call('zrandmember', 'z2', 1)
  shard.call('sunion', 's2', 's2')
  shard.call('zunion', 2, 's2', 'z2')
  shard.call('del', 'h2', 's2', 'z2')
  for (const [i, value] of VALUES.entries()) shard.call('set', `k${i}`, value)
  const { dirty } = shard.keyspace.stats
  shard.call(...argv)
  for (const [i, value] of VALUES.entries()) {
    expect(shard.call('get', `k${i}`)).toBe(`$${value.length}\r\n${value}\r\n`)
  }
  expect(shard.keyspace.stats.dirty).toBe(dirty)
  expect(shard.keyspace.database(0).size).toBe(VALUES.length + 3)
})
