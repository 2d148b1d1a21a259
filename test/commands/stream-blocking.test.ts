/** XREAD and XREADGROUP that wait, with keys on one shard and on several. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

/** Long enough that a reply which has to come does, and short enough for one that must not. */
const WAIT_MS = 60_000

describe.each(SHARD_COUNTS)('streams that are waited for on %i shard(s)', (shards) => {
  let server: TestServer
  let client: RespConnection
  let waiters: RespConnection[]

  beforeAll(async () => {
    server = await startServer({ shards })
    client = await RespConnection.open(server.port)
    waiters = await Promise.all([1, 2, 3].map(() => RespConnection.open(server.port)))
  })

  afterAll(async () => {
    for (const connection of [client, ...(waiters ?? [])]) connection?.close()
    await server?.stop()
  })

  beforeEach(() => call('FLUSHALL'))

  const call = (...argv: (string | number)[]): Promise<RespValue> => client.call(...argv)

  /** Lets a connection wait, and returns when it does. */
  async function waitOn(i: number, ...argv: (string | number)[]): Promise<{ reply: Promise<RespValue> }> {
    const blocked = async (): Promise<number> =>
      Number(/blocked_clients:(\d+)/.exec((await call('INFO', 'clients')) as string)?.[1])
    const before = await blocked()
    const reply = (waiters[i] as RespConnection).call(...argv)
    while ((await blocked()) === before) await new Promise((resolve) => setTimeout(resolve, 5))
    return { reply }
  }

  it('XREAD gets what comes after the last ID, of any of its keys', async () => {
    const keys = ['a', 'b', 'c', 'd']
    for (const key of keys) await call('XADD', key, '5-0', 'old', key)
    for (const key of keys) {
      const { reply } = await waitOn(0, 'XREAD', 'BLOCK', WAIT_MS, 'STREAMS', ...keys, 'new', '$', '$', '$', '$', '$')
      await call('XADD', key, '6-0', 'new', key)
      expect(await reply).toEqual([[key, [['6-0', ['new', key]]]]])
    }
    const { reply } = await waitOn(0, 'XREAD', 'BLOCK', 0, 'STREAMS', 'a', 'new', '$', '$')
    await call('MULTI')
    await call('XADD', 'new', '1-0', 'a', '1')
    await call('XADD', 'new', '2-0', 'a', '2')
    await call('EXEC')
    expect(await reply).toEqual([
      [
        'new',
        [
          ['1-0', ['a', '1']],
          ['2-0', ['a', '2']],
        ],
      ],
    ])
  })

  it('XREAD stays where nothing comes that it waits for', async () => {
    await call('XADD', 'a', '5-0', 'x', 'y')
    const { reply } = await waitOn(0, 'XREAD', 'BLOCK', WAIT_MS, 'STREAMS', 'a', 'b', '$', '7-0')
    await call('XADD', 'b', '6-0', 'too', 'early')
    await call('DEL', 'a')
    await call('SET', 'a', 'string')
    await call('XADD', 'b', '7-0', 'still', 'early')
    await call('XADD', 'b', '7-1', 'now', 'then')
    expect(await reply).toEqual([['b', [['7-1', ['now', 'then']]]]])
    expect(await (waiters[0] as RespConnection).call('XREAD', 'BLOCK', 20, 'STREAMS', 'b', 'c', '$', '$')).toBeNull()
  })

  it('XREAD with + gets the last entry, or waits for one', async () => {
    await call('XADD', 'a', '1-0', 'x', 'y')
    await call('XADD', 'a', '2-0', 'x', 'z')
    expect(await call('XREAD', 'STREAMS', 'a', 'b', '+', '+')).toEqual([['a', [['2-0', ['x', 'z']]]]])
    await call('XDEL', 'a', '2-0')
    expect(await call('XREAD', 'BLOCK', WAIT_MS, 'STREAMS', 'a', '+')).toEqual([['a', [['1-0', ['x', 'y']]]]])
    await call('XTRIM', 'a', 'MAXLEN', 0)
    const { reply } = await waitOn(0, 'XREAD', 'BLOCK', WAIT_MS, 'STREAMS', 'a', 'b', '+', '+')
    await call('XADD', 'b', '1-0', 'p', 'q')
    expect(await reply).toEqual([['b', [['1-0', ['p', 'q']]]]])
  })

  it('consumers of a group get each entry once, in the order in which they came', async () => {
    await call('XGROUP', 'CREATE', 'a', 'g', '$', 'MKSTREAM')
    await call('XGROUP', 'CREATE', 'b', 'g', '$', 'MKSTREAM')
    const al = await waitOn(
      0,
      'XREADGROUP',
      'GROUP',
      'g',
      'al',
      'COUNT',
      1,
      'BLOCK',
      WAIT_MS,
      'STREAMS',
      'a',
      'b',
      '>',
      '>',
    )
    const bo = await waitOn(
      1,
      'XREADGROUP',
      'GROUP',
      'g',
      'bo',
      'COUNT',
      1,
      'BLOCK',
      WAIT_MS,
      'STREAMS',
      'a',
      'b',
      '>',
      '>',
    )
    const cy = await waitOn(2, 'XREADGROUP', 'GROUP', 'g', 'cy', 'BLOCK', WAIT_MS, 'STREAMS', 'a', '>')
    await call('XADD', 'b', '1-0', 'n', 1)
    await call('XADD', 'a', '1-0', 'n', 2)
    await call('XADD', 'a', '2-0', 'n', 3)
    expect(await al.reply).toEqual([['b', [['1-0', ['n', '1']]]]])
    expect(await bo.reply).toEqual([['a', [['1-0', ['n', '2']]]]])
    expect(await cy.reply).toEqual([['a', [['2-0', ['n', '3']]]]])
    expect(await call('XPENDING', 'a', 'g')).toEqual([
      2,
      '1-0',
      '2-0',
      [
        ['bo', '1'],
        ['cy', '1'],
      ],
    ])
    expect(await call('XPENDING', 'b', 'g')).toEqual([1, '1-0', '1-0', [['al', '1']]])
  })

  it('who waits for a group is told when it or its stream is gone', async () => {
    const ends: [string, (string | number)[], RegExp][] = [
      ['XGROUP DESTROY', ['XGROUP', 'DESTROY', 'b', 'g'], /^NOGROUP the consumer group this client was blocked on/],
      ['DEL', ['DEL', 'b'], /^UNBLOCKED the stream key no longer exists/],
      ['SET', ['SET', 'b', 'x'], /^UNBLOCKED the stream key no longer exists/],
      ['RENAME', ['RENAME', 'b', 'c'], /^UNBLOCKED the stream key no longer exists/],
      ['PEXPIRE', ['PEXPIRE', 'b', 1], /^UNBLOCKED the stream key no longer exists/],
      ['FLUSHALL', ['FLUSHALL'], /^UNBLOCKED the stream key no longer exists/],
    ]
    for (const [name, end, error] of ends) {
      await call('FLUSHALL')
      for (const key of ['a', 'b']) await call('XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM')
      const { reply } = await waitOn(
        0,
        'XREADGROUP',
        'GROUP',
        'g',
        'al',
        'BLOCK',
        WAIT_MS,
        'STREAMS',
        'a',
        'b',
        '>',
        '>',
      )
      await call(...end)
      const { error: text } = (await reply) as { error: string }
      expect(text, name).toMatch(error)
    }
  })

  it('nobody waits inside of a transaction', async () => {
    await call('XGROUP', 'CREATE', 'a', 'g', '$', 'MKSTREAM')
    await call('MULTI')
    await call('XREAD', 'BLOCK', 0, 'STREAMS', 'a', 'b', '$', '$')
    await call('XREADGROUP', 'GROUP', 'g', 'al', 'BLOCK', 0, 'STREAMS', 'a', '>')
    expect(await call('EXEC')).toEqual([null, null])
  })
})
