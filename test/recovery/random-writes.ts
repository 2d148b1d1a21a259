/**
 * Random commands that write, of all types, over a few names in two databases. Only used by tests. Nothing here has a time that
 * could be over while a test runs.
 */
import type { Prng } from '../../src/base/prng.js'

type Argument = string | number

const NAMES = 60
const FAR_MS = 4_000_000_000_000

export class RandomWrites {
  readonly #prng: Prng
  #entry = 0

  constructor(prng: Prng) {
    this.#prng = prng
  }

  next(): Argument[] {
    const templates = this.#templates()
    return templates[this.#prng.below(templates.length)] as Argument[]
  }

  #below(n: number): number {
    return this.#prng.below(n)
  }

  #templates(): Argument[][] {
    const below = (n: number) => this.#below(n)
    const name = (type: string) => `${type}:${below(NAMES)}`
    const element = () => `element ${below(300)}`
    const type = ['string', 'list', 'set', 'hash', 'zset', 'stream'][below(6)] as string
    const many = (count: number, make: () => Argument[]) => Array.from({ length: count }, make).flat()
    const large = below(20) === 0 ? 200 : 3
    return [
      ['SET', name('string'), 'x'.repeat(below(400))],
      ['SET', `key:${below(6000)}`, element()],
      ['APPEND', name('string'), element()],
      ['SETRANGE', name('string'), below(500), 'changed'],
      ['SETBIT', name('string'), below(4000), below(2)],
      ['INCR', `number:${below(NAMES)}`],
      ['PFADD', `hll:${below(NAMES)}`, element()],
      ['PFCOUNT', `hll:${below(NAMES)}`],
      ['MSET', name('string'), 'a', name('string'), 'b', name('string'), 'c'],
      ['RPUSH', name('list'), ...many(large, () => [element()])],
      ['LPOP', name('list'), 2],
      ['LSET', name('list'), 0, element()],
      ['LINSERT', name('list'), 'BEFORE', element(), element()],
      ['LMOVE', name('list'), name('list'), 'LEFT', 'RIGHT'],
      ['LTRIM', name('list'), 0, 100],
      ['SADD', name('set'), ...many(large, () => [element()])],
      ['SADD', `set:numbers:${below(NAMES)}`, below(100_000)],
      ['SREM', name('set'), element()],
      ['SMOVE', name('set'), name('set'), element()],
      ['SUNIONSTORE', name('set'), name('set'), name('set')],
      ['SPOP', name('set')],
      ['HSET', name('hash'), ...many(large, () => [element(), below(1000)])],
      ['HINCRBY', name('hash'), `count ${below(5)}`, 1],
      ['HDEL', name('hash'), element()],
      ['ZADD', name('zset'), ...many(large, () => [below(1000), element()])],
      ['ZINCRBY', name('zset'), 1.5, element()],
      ['ZPOPMIN', name('zset')],
      ['ZUNIONSTORE', name('zset'), 2, name('zset'), name('zset')],
      ['XADD', name('stream'), `${++this.#entry}-1`, 'field', element()],
      ['XTRIM', name('stream'), 'MAXLEN', 20],
      ['XGROUP', 'CREATE', name('stream'), 'group', 0, 'MKSTREAM'],
      ['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', 2, 'STREAMS', name('stream'), '>'],
      ['DEL', name(type)],
      ['UNLINK', name(type)],
      ['DEL', `key:${below(6000)}`],
      ['RENAME', name(type), name(type)],
      ['COPY', name(type), name(type), 'REPLACE'],
      ['COPY', name(type), name(type), 'DB', below(2), 'REPLACE'],
      ['MOVE', name(type), below(2)],
      ['PEXPIREAT', name(type), FAR_MS + below(1000)],
      ['PERSIST', name(type)],
      ['SORT', name('set'), 'ALPHA', 'STORE', name('list')],
      ['GETDEL', name('string')],
      [
        'EVAL',
        "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('DEL', KEYS[2])",
        2,
        name('string'),
        name(type),
        'x',
      ],
      ['SELECT', below(2)],
      below(20) === 0 ? ['SWAPDB', 0, 1] : ['SET', name('string'), 'y'],
      below(40) === 0 ? ['FLUSHDB'] : ['INCR', 'number:all'],
    ]
  }
}
