/** CLIENT and its subcommands over real connections, errors beside a real Redis where there is one. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }

/** The fields of one line of CLIENT LIST. */
function fieldsOf(line: RespValue | string): Map<string, string> {
  const fields = String(line).trim().split(' ')
  return new Map(fields.map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]))
}

function linesOf(reply: RespValue): string[] {
  return String(reply)
    .split('\n')
    .filter((line) => line !== '')
}

describe.each(SHARD_COUNTS)('CLIENT at %i shards', (shards) => {
  let server: TestServer
  const open: RespConnection[] = []

  async function connect(): Promise<RespConnection> {
    const connection = await RespConnection.open(server.port)
    open.push(connection)
    return connection
  }

  async function idOf(connection: RespConnection): Promise<number> {
    return (await connection.call('CLIENT', 'ID')) as number
  }

  /** What CLIENT LIST shows of a connection, without letting that connection send anything. */
  async function shown(by: RespConnection, id: number): Promise<Map<string, string>> {
    return fieldsOf(await by.call('CLIENT', 'LIST', 'ID', id))
  }

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterEach(() => {
    for (const connection of open.splice(0)) connection.close()
  })

  afterAll(() => server.stop())

  it('shows all fields of Redis, and those of its later versions behind them', async () => {
    const connection = await connect()
    const line = await connection.call('CLIENT', 'INFO')
    expect(line).toMatch(
      new RegExp(
        '^id=\\d+ addr=127\\.0\\.0\\.1:\\d+ laddr=127\\.0\\.0\\.1:\\d+ fd=-?\\d+ name= age=\\d+ idle=\\d+ flags=N db=0 ' +
          'sub=0 psub=0 ssub=0 multi=-1 qbuf=\\d+ qbuf-free=\\d+ argv-mem=\\d+ multi-mem=0 rbs=\\d+ rbp=\\d+ obl=0 oll=0 ' +
          'omem=0 tot-mem=\\d+ events=r cmd=client\\|info user=default redir=-1 resp=2 lib-name= lib-ver= watch=0\\n$',
      ),
    )
    expect(linesOf(await connection.call('CLIENT', 'LIST')).some((other) => other.includes('cmd=client|list'))).toBe(
      true,
    )
    await connection.call('HELLO', '3')
    expect(await connection.call('CLIENT', 'INFO')).toHaveProperty('verbatim')
  })

  it('shows what a connection is doing', async () => {
    const watcher = await connect()
    const connection = await connect()
    const id = await idOf(connection)
    await connection.call('SELECT', '7')
    await connection.call('CLIENT', 'SETNAME', 'worker-1')
    await connection.call('CLIENT', 'SETINFO', 'lib-name', 'some-library')
    await connection.call('CLIENT', 'SETINFO', 'LIB-VER', '1.2.3')
    await connection.call('WATCH', 'a', 'b')
    await connection.call('MULTI')
    await connection.call('SET', 'a', 'value')
    await connection.call('GET', 'a')
    const fields = await shown(watcher, id)
    expect(Object.fromEntries(fields)).toMatchObject({
      id: String(id),
      db: '7',
      name: 'worker-1',
      'lib-name': 'some-library',
      'lib-ver': '1.2.3',
      watch: '2',
      multi: '2',
      flags: 'x',
      cmd: 'get',
      resp: '2',
      user: 'default',
    })
    expect(Number(fields.get('multi-mem'))).toBeGreaterThan(0)
    await connection.call('DISCARD')
    expect((await shown(watcher, id)).get('multi')).toBe('-1')
  })

  it('selects by type and by ids', async () => {
    const [first, second] = [await connect(), await connect()]
    const [firstId, secondId] = [await idOf(first), await idOf(second)]
    const ids = (reply: RespValue) => linesOf(reply).map((line) => Number(fieldsOf(line).get('id')))
    expect(ids(await first.call('CLIENT', 'LIST', 'ID', secondId, '999999', firstId))).toEqual([secondId, firstId])
    expect(ids(await first.call('CLIENT', 'LIST', 'TYPE', 'NORMAL'))).toEqual(
      expect.arrayContaining([firstId, secondId]),
    )
    for (const type of ['master', 'replica', 'slave', 'pubsub']) {
      expect(await first.call('CLIENT', 'LIST', 'TYPE', type)).toBe('')
    }
  })

  it('names and unnames', async () => {
    const connection = await connect()
    expect(await connection.call('CLIENT', 'GETNAME')).toBeNull()
    expect(await connection.call('CLIENT', 'SETNAME', 'a-name')).toEqual(OK)
    expect(await connection.call('CLIENT', 'GETNAME')).toBe('a-name')
    expect(await connection.call('CLIENT', 'SETNAME', '')).toEqual(OK)
    expect(await connection.call('CLIENT', 'GETNAME')).toBeNull()
    for (const bad of ['a b', 'a\n', '\u0080']) {
      expect(await connection.call('CLIENT', 'SETNAME', bad)).toHaveProperty('error')
      expect(await connection.call('CLIENT', 'SETINFO', 'LIB-NAME', bad)).toEqual({
        error: 'ERR LIB-NAME cannot contain spaces, newlines or special characters.',
      })
    }
    expect(await connection.call('CLIENT', 'SETINFO', 'nosuch', 'x')).toEqual({
      error: "ERR Unrecognized option 'nosuch'",
    })
  })

  it('kills by address, old form, also itself', async () => {
    const [killer, victim] = [await connect(), await connect()]
    const address = fieldsOf(await victim.call('CLIENT', 'INFO')).get('addr') as string
    expect(await killer.call('CLIENT', 'KILL', address)).toEqual(OK)
    expect(await victim.call('PING')).toBe('closed')
    expect(await killer.call('CLIENT', 'KILL', address)).toEqual({ error: 'ERR No such client' })
    const own = fieldsOf(await killer.call('CLIENT', 'INFO')).get('addr') as string
    expect(await killer.call('CLIENT', 'KILL', own)).toEqual(OK)
    expect(await killer.read()).toBe('closed')
  })

  it('kills by filters, all of which must hold', async () => {
    const [killer, first, second] = [await connect(), await connect(), await connect()]
    const [firstId, secondId] = [await idOf(first), await idOf(second)]
    const localAddress = fieldsOf(await first.call('CLIENT', 'INFO')).get('laddr') as string
    expect(await killer.call('CLIENT', 'KILL', 'ID', firstId, 'TYPE', 'pubsub')).toBe(0)
    expect(await killer.call('CLIENT', 'KILL', 'ID', firstId, 'MAXAGE', '1000')).toBe(0)
    expect(await killer.call('CLIENT', 'KILL', 'ID', '999999')).toBe(0)
    expect(await first.call('PING')).toEqual({ simple: 'PONG' })
    expect(
      await killer.call('CLIENT', 'KILL', 'LADDR', localAddress, 'id', firstId, 'USER', 'default', 'TYPE', 'normal'),
    ).toBe(1)
    expect(await first.call('PING')).toBe('closed')
    const address = fieldsOf(await second.call('CLIENT', 'INFO')).get('addr') as string
    expect(await killer.call('CLIENT', 'KILL', 'ADDR', address, 'SKIPME', 'yes')).toBe(1)
    expect(await second.call('PING')).toBe('closed')
    expect(linesOf(await killer.call('CLIENT', 'LIST', 'ID', secondId))).toEqual([])
  })

  it('spares its caller unless told otherwise', async () => {
    const [killer, other] = [await connect(), await connect()]
    expect(await killer.call('CLIENT', 'KILL', 'SKIPME', 'yes')).toBe(1)
    expect(await other.call('PING')).toBe('closed')
    expect(await killer.call('CLIENT', 'KILL', 'SKIPME', 'no')).toBe(1)
    expect(await killer.read()).toBe('closed')
  })

  it('kills the old ones only with MAXAGE', async () => {
    const old = await connect()
    await old.call('PING')
    await delay(1100)
    const [killer, young] = [await connect(), await connect()]
    await young.call('PING')
    expect(await killer.call('CLIENT', 'KILL', 'MAXAGE', '1')).toBe(1)
    expect(await old.call('PING')).toBe('closed')
    expect(await young.call('PING')).toEqual({ simple: 'PONG' })
  })

  it('keeps silent when CLIENT REPLY says so', async () => {
    const connection = await connect()
    connection.write('CLIENT', 'REPLY', 'SKIP')
    connection.write('SET', 'skipped', '1')
    connection.write('PING', 'after skip')
    expect(await connection.read()).toBe('after skip')
    connection.write('CLIENT', 'REPLY', 'OFF')
    connection.write('SET', 'off', '1')
    connection.write('PING')
    connection.write('CLIENT', 'REPLY', 'SKIP')
    connection.write('MGET', 'skipped', 'off')
    connection.write('INFO')
    connection.write('CLIENT', 'REPLY', 'ON')
    connection.write('EXISTS', 'skipped', 'off')
    expect(await connection.read()).toEqual(OK)
    expect(await connection.read()).toBe(2)
  })

  it('holds writes back while they are paused, and lets reads through', async () => {
    const [admin, writer, reader] = [await connect(), await connect(), await connect()]
    expect(await admin.call('CLIENT', 'PAUSE', '60000', 'WRITE')).toEqual(OK)
    writer.write('SET', 'paused', '1')
    await delay(100)
    expect(await reader.call('GET', 'paused')).toBeNull()
    expect(await admin.call('CLIENT', 'UNPAUSE')).toEqual(OK)
    expect(await writer.read()).toEqual(OK)
    expect(await reader.call('GET', 'paused')).toBe('1')
  })

  it('holds everything back for as long as a pause lasts', async () => {
    const [admin, other] = [await connect(), await connect()]
    const before = Date.now()
    expect(await admin.call('CLIENT', 'PAUSE', '300')).toEqual(OK)
    expect(await other.call('PING')).toEqual({ simple: 'PONG' })
    expect(Date.now() - before).toBeGreaterThanOrEqual(290)
  })

  it('answers UNBLOCK with 0 for who does not wait', async () => {
    const [first, second] = [await connect(), await connect()]
    expect(await first.call('CLIENT', 'UNBLOCK', await idOf(second))).toBe(0)
    expect(await first.call('CLIENT', 'UNBLOCK', '999999', 'ERROR')).toBe(0)
  })

  it('shows NO-EVICT and takes NO-TOUCH', async () => {
    const connection = await connect()
    expect(await connection.call('CLIENT', 'NO-EVICT', 'on')).toEqual(OK)
    expect(fieldsOf(await connection.call('CLIENT', 'INFO')).get('flags')).toContain('e')
    expect(await connection.call('CLIENT', 'NO-EVICT', 'off')).toEqual(OK)
    expect(fieldsOf(await connection.call('CLIENT', 'INFO')).get('flags')).toBe('N')
    expect(await connection.call('CLIENT', 'NO-TOUCH', 'ON')).toEqual(OK)
    expect(await connection.call('CLIENT', 'NO-TOUCH', 'maybe')).toEqual({ error: 'ERR syntax error' })
  })

  it('explains itself', async () => {
    const connection = await connect()
    const help = (await connection.call('CLIENT', 'HELP')) as { simple: string }[]
    expect(help[0]?.simple).toMatch(/^CLIENT <subcommand>/)
    expect(help.map((line) => line.simple)).toContain('HELP')
  })
})

describe.skipIf(!hasRedis7)('errors of CLIENT beside Redis 7.0', () => {
  let oracle: RedisOracle
  let server: TestServer
  let redis: RespConnection
  let ours: RespConnection

  beforeAll(async () => {
    oracle = await startRedisOracle()
    server = await startServer({ shards: 1 })
    redis = await RespConnection.open(oracle.client.options.path as string)
    ours = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    redis?.close()
    ours?.close()
    await server?.stop()
    await oracle?.stop()
  })

  const cases: string[][] = [
    [],
    ['nosuch'],
    ['ID', 'x'],
    ['GETNAME', 'x'],
    ['SETNAME'],
    ['SETNAME', 'a b'],
    ['LIST', 'x'],
    ['LIST', 'TYPE'],
    ['LIST', 'TYPE', 'nosuch'],
    ['LIST', 'TYPE', 'normal', 'x'],
    ['LIST', 'ID'],
    ['LIST', 'ID', 'x'],
    ['LIST', 'ID', '0'],
    ['KILL'],
    ['KILL', 'nowhere:1'],
    ['KILL', 'ID', '10', 'wrong'],
    ['KILL', 'ID', 'str'],
    ['KILL', 'ID', '-1'],
    ['KILL', 'ID', '0'],
    ['KILL', 'ID', '9999999', 'TYPE', 'nosuch'],
    ['KILL', 'TYPE', 'nosuch'],
    ['KILL', 'USER', 'nosuch'],
    ['KILL', 'SKIPME', 'perhaps'],
    ['KILL', 'NOSUCH', 'x'],
    ['KILL', 'ADDR', 'nowhere:1'],
    ['KILL', 'LADDR', 'nowhere:1', 'SKIPME', 'no'],
    ['REPLY'],
    ['REPLY', 'nosuch'],
    ['PAUSE'],
    ['PAUSE', 'x'],
    ['PAUSE', '-1'],
    ['PAUSE', '0'],
    ['PAUSE', 'x', 'nosuch'],
    ['PAUSE', '1', 'all', 'x'],
    ['UNPAUSE', 'x'],
    ['UNPAUSE'],
    ['UNBLOCK'],
    ['UNBLOCK', 'x'],
    ['UNBLOCK', '1', 'nosuch'],
    ['UNBLOCK', 'x', 'timeout'],
    ['UNBLOCK', '1', 'error', 'x'],
    ['UNBLOCK', '-5'],
    ['NO-EVICT'],
    ['NO-EVICT', 'nosuch'],
    ['INFO', 'x'],
  ]

  it.each(cases.map((argv) => [argv.join(' '), argv] as const))('CLIENT %s', async (_, argv) => {
    expect(await ours.call('CLIENT', ...argv)).toEqual(await redis.call('CLIENT', ...argv))
  })
})
