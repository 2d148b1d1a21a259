/**
 * What random commands have found, in its shortest form, so that it stays mended whatever the seeds bring.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { Tally } from './comparison.js'
import { runEpisode } from './episode.js'
import { ServerPair } from './server-pair.js'
import type { ClientIndex, Step } from './step.js'

const LATIN1 = 'latin1'

/** Lines of `A> COMMAND ARGUMENT`; `A+` for a command that travels together with the one before. Underscores are line breaks. */
function stepsOf(...lines: readonly string[]): Step[] {
  return lines.map((line) => {
    const [prefix = '', ...words] = line.split(' ')
    const client = (prefix.startsWith('A') ? 0 : 1) as ClientIndex
    const argv = words.map((word) => Buffer.from(word.replaceAll('_', '\r\n').replaceAll('\\0', '\0'), LATIN1))
    return { do: 'send', client, argv, joined: prefix.endsWith('+') }
  })
}

const letExpire = (line: string): Step => ({
  do: 'let-expire',
  database: 0,
  argv: line.split(' ').map((word) => Buffer.from(word)),
})

const found: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  [
    'UNWATCH waits for EXEC',
    stepsOf('A> WATCH a', 'A> MULTI', 'A> UNWATCH', 'A> GET a', 'B> SET a 1', 'A> EXEC', 'A> GET a'),
  ],
  [
    'HELLO inside a transaction holds for the commands behind it',
    stepsOf('A> MULTI', 'A> HELLO 3', 'A> GET a', 'A> MGET a b c d', 'A> HELLO 2', 'A> GET a', 'A> EXEC'),
  ],
  [
    'SELECT inside a transaction holds for what comes in the same write',
    stepsOf(
      'A> MULTI',
      'A> SELECT 2',
      'A> RENAMENX a b',
      'A> MSETNX a 1 b 2 c 3 d 4',
      'A> EXEC',
      'A+ GET a',
      'A+ SET e 1',
      'A> GET e',
    ),
  ],
  [
    'a script that a transaction brings is known behind the command that brings it, and not before',
    stepsOf(
      'A> MULTI',
      'A> EVALSHA 7da067d306ba2950a9b8ae9ef59deade71ff5b36 0',
      'A> EVAL return{1} 0',
      'A> EVALSHA 7da067d306ba2950a9b8ae9ef59deade71ff5b36 0',
      'A> EXEC',
      'A+ EVALSHA 7da067d306ba2950a9b8ae9ef59deade71ff5b36 0',
    ),
  ],
  [
    'SELECT inside the second of two transactions in one write',
    stepsOf(
      'A> MULTI',
      'A> STRLEN a',
      'A> EXEC',
      'A+ MULTI',
      'A+ SELECT 1',
      'A+ MSETNX a 1 b 2 c 3 d 4',
      'A+ EXEC',
      'A+ SET e 1',
      'A> DBSIZE',
    ),
  ],
  [
    'indexes that a double cannot tell apart',
    stepsOf(
      'A> SET a hello',
      'A> GETRANGE a -9223372036854775807 -9223372036854775808',
      'A> GETRANGE a -9223372036854775808 -9223372036854775807',
    ),
  ],
  ['a cursor that a zero byte ends', stepsOf('A> SCAN \\0', 'A> SCAN 0\\0x', 'A> SCAN x\\0', 'A> SCAN -\\0')],
  [
    'line breaks at the end of an error',
    stepsOf('A> EXPIRE a 10000 x_', 'A> EXPIRE a 10000 _', 'A> EXPIRE a 10000 x_y'),
  ],
  ['a subcommand that COMMAND does not have', stepsOf('A> COMMAND nope', 'A> MULTI', 'A> COMMAND nope', 'A> EXEC')],
  [
    'zero bytes in what an error shows',
    stepsOf('A> HELLO 2 x\\0y', 'A> EXPIRE a 10000 x\\0y', 'A> ACL CAT x\\0y', 'A> LATENCY GRAPH x\\0y'),
  ],
  [
    'WATCH leaves a key whose time is over',
    [...stepsOf('A> SET a 1'), letExpire('PEXPIRE a 1'), ...stepsOf('A> WATCH a', 'A> DBSIZE')],
  ],
  [
    'groups of a stream break no WATCH',
    stepsOf(
      'A> XADD a 1-1 f v',
      'A> WATCH a',
      'B> XGROUP CREATE a g 0',
      'B> XREADGROUP GROUP g c STREAMS a >',
      'B> XCLAIM a g d 0 1-1',
      'B> XACK a g 1-1',
      'B> XSETID a 5-5',
      'B> XGROUP DESTROY a g',
      'A> MULTI',
      'A> EXEC',
    ),
  ],
  [
    'a HyperLogLog that becomes dense breaks no WATCH',
    stepsOf('A> PFADD a b c', 'A> WATCH a', 'B> PFDEBUG TODENSE a', 'A> MULTI', 'A> EXEC'),
  ],
  [
    'zero bytes in the name of a subcommand that a command looks at itself',
    stepsOf('A> PFADD a b', 'A> PFDEBUG x\\0y_ a', 'A> XINFO x\\0y a'),
  ],
  [
    'identifiers of entries that a zero byte ends',
    stepsOf(
      'A> XADD a 1\\0 f v',
      'A> XADD a 2-\\0 f v',
      'A> XADD a 2-3\\0x f v',
      'A> XRANGE a -\\0x +\\0',
      'A> XRANGE a (1\\0 \\0',
      'A> XGROUP CREATE a g $\\0',
      'A> XREADGROUP GROUP g c STREAMS a >\\0',
      'A> XINFO GROUPS a',
      'A> XADD a MAXLEN =\\0 1 5-*\\0 f v',
    ),
  ],
]

describe.skipIf(!hasRedis7).each([1, 4])('found by random commands, at %i shards', (shards) => {
  let pair: ServerPair

  beforeAll(async () => {
    pair = await ServerPair.start(shards)
  })

  afterAll(async () => {
    await pair?.stop()
  })

  it.each(found)('%s', async (_, steps) => {
    expect(await runEpisode(pair, steps, new Tally())).toBeUndefined()
  })

  it('a scan that begins in another way than with 0 comes to its end as well', async () => {
    await pair.reset()
    const commandOf = (...words: string[]): Buffer[] => words.map((word) => Buffer.from(word))
    await pair.exchange(
      0,
      Array.from({ length: 50 }, (_, i) => commandOf('SET', `k${i}`, '1')),
    )
    for (const begin of ['-0', '+0', '', '00', '\0']) {
      let keys = 0
      for (let cursor = begin; keys === 0 || cursor !== '0'; ) {
        const { ours } = await pair.exchangeEach(0, [commandOf('SCAN', cursor, 'COUNT', '100')], [])
        const lines = (ours[0] as Buffer).toString().split('\r\n')
        cursor = lines[2] as string
        keys += Number((lines[3] as string).slice(1))
      }
      expect(keys, `SCAN ${JSON.stringify(begin)}`).toBe(50)
    }
  })
})
