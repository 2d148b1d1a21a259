/** PING, ECHO, HELLO, AUTH, SELECT, QUIT and RESET over real connections, beside a real Redis where there is one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }
const WRONG_PASSWORD = { error: 'WRONGPASS invalid username-password pair or user is disabled.' }

function field(reply: RespValue, name: string): RespValue | undefined {
  if (!Array.isArray(reply)) throw new Error(`no array: ${JSON.stringify(reply)}`)
  return reply[reply.indexOf(name) + 1]
}

describe.each(SHARD_COUNTS)('connection commands at %i shards', (shards) => {
  let server: TestServer
  const open: RespConnection[] = []

  async function connect(): Promise<RespConnection> {
    const connection = await RespConnection.open(server.port)
    open.push(connection)
    return connection
  }

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    for (const connection of open) connection.close()
    await server.stop()
  })

  it('keeps databases apart, and a connection to its own', async () => {
    const first = await connect()
    const second = await connect()
    expect(await first.call('SELECT', 3)).toEqual(OK)
    await first.call('SET', 'where', 'three')
    expect(await second.call('GET', 'where')).toBeNull()
    await second.call('SELECT', '3')
    expect(await second.call('GET', 'where')).toBe('three')
    await second.call('SELECT', '0')
    expect(await second.call('GET', 'where')).toBeNull()
  })

  it('answers HELLO with what it is, in the protocol asked for', async () => {
    const connection = await connect()
    const id = await connection.call('CLIENT', 'ID')
    const resp2 = await connection.call('HELLO')
    expect(field(resp2, 'server')).toBe('redis')
    expect(field(resp2, 'version')).toBe('7.4.0')
    expect(field(resp2, 'proto')).toBe(2)
    expect(field(resp2, 'id')).toBe(id)
    expect(field(resp2, 'mode')).toBe('standalone')
    expect(field(resp2, 'role')).toBe('master')
    expect(field(resp2, 'modules')).toEqual([])
    const resp3 = await connection.call('HELLO', '3', 'SETNAME', 'me')
    expect(resp3).toHaveProperty('map')
    expect(await connection.call('CLIENT', 'GETNAME')).toBe('me')
    expect(await connection.call('GET', 'no such key')).toBeNull()
    expect(await connection.call('HELLO', '2')).toContain('proto')
  })

  it('changes nothing when HELLO is wrong anywhere', async () => {
    const connection = await connect()
    await connection.call('HELLO', '3', 'SETNAME', 'refused', 'NOSUCH')
    await connection.call('HELLO', '3', 'SETNAME', 'with space')
    await connection.call('HELLO', '3', 'SETNAME', 'refused', 'AUTH', 'nobody', 'x')
    expect(await connection.call('CLIENT', 'GETNAME')).toBeNull()
    expect(field(await connection.call('HELLO'), 'proto')).toBe(2)
  })

  it('puts a connection back with RESET', async () => {
    const connection = await connect()
    await connection.call('HELLO', '3', 'SETNAME', 'someone')
    await connection.call('SELECT', '5')
    await connection.call('WATCH', 'k')
    await connection.call('MULTI')
    await connection.call('SET', 'in-transaction', '1')
    expect(await connection.call('RESET')).toEqual({ simple: 'RESET' })
    expect(await connection.call('CLIENT', 'GETNAME')).toBeNull()
    const info = await connection.call('CLIENT', 'INFO')
    expect(info).toMatch(/ db=0 .* multi=-1 .* resp=2 .* watch=0/)
    expect(await connection.call('EXEC')).toEqual({ error: 'ERR EXEC without MULTI' })
  })

  it('answers QUIT, closes, and runs nothing that comes behind it', async () => {
    const connection = await connect()
    connection.write('SET', 'before-quit', '1')
    connection.write('QUIT')
    connection.write('SET', 'behind-quit', 'x'.repeat(1024))
    expect(await connection.read()).toEqual(OK)
    expect(await connection.read()).toEqual(OK)
    expect(await connection.read()).toBe('closed')
    const other = await connect()
    expect(await other.call('EXISTS', 'before-quit', 'behind-quit')).toBe(1)
  })

  it('echoes bytes of any kind', async () => {
    const connection = await connect()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    expect(await connection.call('ECHO', bytes)).toBe(bytes.toString('latin1'))
    expect(await connection.call('PING', bytes)).toBe(bytes.toString('latin1'))
    expect(await connection.call('ECHO', '')).toBe('')
  })

  it('lets in only who knows the password, whatever its bytes', async () => {
    const admin = await connect()
    const password = Buffer.from([0, 255, 13, 10, 32, 39, 1])
    expect(await admin.call('CONFIG', 'SET', 'requirepass', password)).toEqual(OK)
    try {
      const client = await connect()
      expect(await client.call('PING')).toEqual({ error: 'NOAUTH Authentication required.' })
      expect(await client.call('HELLO', '3')).toMatchObject({ error: expect.stringMatching(/^NOAUTH HELLO must be/) })
      expect(await client.call('AUTH', password.subarray(1))).toEqual(WRONG_PASSWORD)
      expect(await client.call('AUTH', '')).toEqual(WRONG_PASSWORD)
      expect(await client.call('AUTH', 'nobody', password)).toEqual(WRONG_PASSWORD)
      expect(await client.call('GET', 'k')).toEqual({ error: 'NOAUTH Authentication required.' })
      expect(await client.call('AUTH', password)).toEqual(OK)
      expect(await client.call('GET', 'no such key')).toBeNull()
      expect(await client.call('RESET')).toEqual({ simple: 'RESET' })
      expect(await client.call('GET', 'k')).toEqual({ error: 'NOAUTH Authentication required.' })
      expect(await client.call('AUTH', 'default', password)).toEqual(OK)

      const handshake = await connect()
      expect(await handshake.call('HELLO', '3', 'AUTH', 'default', password)).toHaveProperty('map')
      expect(await handshake.call('GET', 'no such key')).toBeNull()
      // The administrator was there before the password, and stays.
      expect(await admin.call('GET', 'no such key')).toBeNull()
    } finally {
      expect(await admin.call('CONFIG', 'SET', 'requirepass', '')).toEqual(OK)
    }
    expect(await (await connect()).call('PING')).toEqual({ simple: 'PONG' })
  })
})

describe.skipIf(!hasRedis7)('connection commands beside Redis 7.0', () => {
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
    ['PING'],
    ['PING', 'hello'],
    ['PING', 'a', 'b'],
    ['ECHO', 'x'],
    ['ECHO'],
    ['SELECT', '15'],
    ['SELECT', '16'],
    ['SELECT', '-1'],
    ['SELECT', 'abc'],
    ['SELECT', '1.0'],
    ['SELECT', '2147483647'],
    ['SELECT', '2147483648'],
    ['SELECT', '99999999999999999999'],
    ['SELECT', '0'],
    ['AUTH', 'x'],
    ['AUTH', 'default', 'anything'],
    ['AUTH', 'nobody', 'anything'],
    ['AUTH', 'a', 'b', 'c'],
    ['AUTH'],
    ['HELLO', 'x'],
    ['HELLO', '1'],
    ['HELLO', '4'],
    ['HELLO', '2', 'AUTH'],
    ['HELLO', '2', 'AUTH', 'a'],
    ['HELLO', '2', 'AUTH', 'a', 'b'],
    ['HELLO', '2', 'SETNAME'],
    ['HELLO', '2', 'SETNAME', 'a b'],
    ['HELLO', '2', 'nosuch', 'x'],
    ['RESET', 'x'],
    ['RESET'],
  ]

  it.each(cases)('%s %s %s %s', async (...argv) => {
    expect(await ours.call(...argv)).toEqual(await redis.call(...argv))
  })
})
