/** `rename-command`: what clients and scripts call commands by, beside a real Redis, and what the log says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer, testPeer } from '../support/server.js'

const RENAMES = [
  ['flushdb', 'badger'],
  ['CONFIG', 'Secret'],
  ['keys', ''],
  // What is free by now is taken by others.
  ['get', 'old-get'],
  ['set', 'get'],
]

const ARGUMENTS = RENAMES.flatMap((words) => ['--rename-command', ...words])

const COMMANDS: readonly (readonly string[])[] = [
  ['flushdb'],
  ['GET', 'a', '1'],
  ['get', 'a'],
  ['set', 'a', '1'],
  ['OLD-GET', 'a'],
  ['old-get'],
  ['badger', 'x', 'y'],
  ['keys', '*'],
  ['secret', 'get', 'maxmemory'],
  ['secret', 'nope'],
  ['config', 'get', 'maxmemory'],
  ['COMMAND', 'INFO', 'keys', 'flushdb', 'config|get', 'nope'],
  ['COMMAND', 'GETKEYS', 'get', 'k', 'v'],
  ['COMMAND', 'GETKEYS', 'set', 'k', 'v'],
  ['COMMAND', 'GETKEYS', 'secret', 'get', 'k'],
  ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'key*'],
  ['ACL', 'CAT', 'keyspace', 'x'],
  ['MULTI'],
  ['get', 'b', '2'],
  ['flushdb'],
  ['EXEC'],
  ['EVAL', "return redis.call('get', KEYS[1], 3)", '1', 'c'],
  ['EVAL', "return redis.pcall('set', KEYS[1], 3)", '1', 'c'],
  ['EVAL', "return redis.pcall('keys', '*')", '0'],
  // The analysis of scripts must know the command behind its name: this one reaches undeclared keys.
  ['EVAL', "redis.call('badger') return redis.call('dbsize')", '0'],
  ['get', 'd', '4'],
  ['badger'],
  ['dbsize'],
]

let directory: string
const ends: (() => unknown)[] = []

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-rename-'))
})

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  rmSync(directory, { recursive: true })
})

async function serve(shards: number, args: readonly string[]): Promise<TestServer> {
  const server = await startServer({ shards, args })
  ends.push(() => server.stop())
  return server
}

async function connect(address: number | string): Promise<RespConnection> {
  const connection = await RespConnection.open(address)
  ends.push(() => connection.close())
  return connection
}

describe.skipIf(testPeer !== undefined).each(SHARD_COUNTS)('rename-command, %i shard(s)', (shards) => {
  it('gives commands other names, as Redis does', async () => {
    const oracle = await startRedisOracle(...ARGUMENTS)
    ends.push(() => oracle.stop())
    const redis = await connect(oracle.client.options.path as string)
    const ours = await connect((await serve(shards, ARGUMENTS)).port)
    for (const argv of COMMANDS) expect(await ours.call(...argv), argv.join(' ')).toEqual(await redis.call(...argv))
  })

  it('leaves the log as it is: it is loaded with other names, too', async () => {
    const args = ['--appendonly', 'yes', '--dir', directory]
    const before = await serve(shards, [...args, ...ARGUMENTS])
    const writer = await connect(before.port)
    expect(await writer.call('get', 'a', '1')).toEqual({ simple: 'OK' })
    expect(await writer.call('EVAL', "return redis.call('get', KEYS[1], 2)", '1', 'b')).toEqual({ simple: 'OK' })
    await before.stop()
    const reader = await connect((await serve(shards, args)).port)
    expect(await reader.call('mget', 'a', 'b')).toEqual(['1', '2'])
  })
})

describe.skipIf(testPeer !== undefined)('rename-command', () => {
  it('finds the names that clients used in a log of Redis', async () => {
    writeFileSync(path.join(directory, 'appendonly.aof'), '*3\r\n$5\r\nPLACE\r\n$1\r\na\r\n$1\r\n1\r\n')
    const args = ['--appendonly', 'yes', '--dir', directory, '--rename-command', 'set', 'place']
    const client = await connect((await serve(1, args)).port)
    expect(await client.call('get', 'a')).toBe('1')
  })

  it.each([
    [['nope', 'x'], 'No such command in rename-command'],
    [['get', 'SET'], 'Target command name already exists'],
  ])('ends the start with a line that cannot be: %j', async (words, reason) => {
    await expect(serve(1, ['--rename-command', ...words])).rejects.toThrow(reason)
  })
})
