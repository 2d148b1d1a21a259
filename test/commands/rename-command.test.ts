/** `rename-command`: what clients and scripts call commands by, beside a real Redis, and what the log says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, testPeer } from '../support/server.js'

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

describe.skipIf(testPeer !== undefined).each(SHARD_COUNTS)('rename-command, %i shard(s)', (shards) => {
  let directory: string

  beforeAll(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-rename-'))
  })

  afterAll(() => rmSync(directory, { recursive: true }))

  it('gives commands other names, as Redis does', async () => {
    const oracle = await startRedisOracle(...ARGUMENTS)
    const server = await startServer({ shards, args: ARGUMENTS, isBundled: true })
    const redis = await RespConnection.open(oracle.client.options.path as string)
    const ours = await RespConnection.open(server.port)
    for (const argv of COMMANDS) expect(await ours.call(...argv), argv.join(' ')).toEqual(await redis.call(...argv))
    ours.close()
    redis.close()
    await server.stop()
    await oracle.stop()
  })

  it('leaves the log as it is: it is loaded with other names, too', async () => {
    const args = ['--appendonly', 'yes', '--dir', directory]
    const before = await startServer({ shards, args: [...args, ...ARGUMENTS], isBundled: true })
    const writer = await RespConnection.open(before.port)
    expect(await writer.call('get', 'a', '1')).toEqual({ simple: 'OK' })
    expect(await writer.call('EVAL', "return redis.call('get', KEYS[1], 2)", '1', 'b')).toEqual({ simple: 'OK' })
    writer.close()
    await before.stop()
    const after = await startServer({ shards, args, isBundled: true })
    const reader = await RespConnection.open(after.port)
    expect(await reader.call('mget', 'a', 'b')).toEqual(['1', '2'])
    reader.close()
    await after.stop()
  })
})

describe.skipIf(testPeer !== undefined)('rename-command of a log of Redis', () => {
  it('finds the names that clients used there', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-rename-'))
    writeFileSync(path.join(directory, 'appendonly.aof'), '*3\r\n$5\r\nPLACE\r\n$1\r\na\r\n$1\r\n1\r\n')
    const args = ['--appendonly', 'yes', '--dir', directory, '--rename-command', 'set', 'place']
    const server = await startServer({ shards: 1, args, isBundled: true })
    const client = await RespConnection.open(server.port)
    expect(await client.call('get', 'a')).toBe('1')
    client.close()
    await server.stop()
    rmSync(directory, { recursive: true })
  })
})

describe.skipIf(testPeer !== undefined)('rename-command with a line that cannot be', () => {
  it.each([
    [['nope', 'x'], 'No such command in rename-command'],
    [['get', 'SET'], 'Target command name already exists'],
  ])('ends the start: %j', async (words, reason) => {
    await expect(startServer({ args: ['--rename-command', ...words], isBundled: true })).rejects.toThrow(reason)
  })
})
