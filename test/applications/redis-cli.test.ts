/**
 * redis-cli, as people use it at a prompt and in scripts: the modes that do more than send one command.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { RunningProgram, runProgram } from './program.js'

describe.skipIf(!hasRedis7).each(SHARD_COUNTS)('redis-cli on %i shard(s)', (shards) => {
  let server: TestServer
  let directory: string

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-cli-'))
    server = await startServer({ shards })
  })

  beforeEach(async () => {
    expect(await cli('FLUSHALL')).toBe('OK\n')
  })

  afterAll(async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  async function cli(...args: (string | number)[]): Promise<string> {
    return (await runProgram('redis-cli', ['-p', String(server.port), ...args.map(String)])).output
  }

  async function cliReading(input: string, ...args: string[]): Promise<string> {
    return (await runProgram('redis-cli', ['-p', String(server.port), ...args], input)).output
  }

  it('prints replies as text, CSV and JSON, in both protocols', async () => {
    expect(await cliReading('SET k "a \\x01 b"\nRPUSH list 1 two\nHSET hash f v\nMULTI\nGET k\nINCR n\nEXEC\n')).toBe(
      'OK\n2\n1\nOK\nQUEUED\nQUEUED\na \x01 b\n1\n',
    )
    expect(await cli('--no-raw', 'LRANGE', 'list', 0, -1)).toBe('1) "1"\n2) "two"\n')
    expect(await cli('--csv', 'LRANGE', 'list', 0, -1)).toBe('"1","two"\n')
    expect(await cli('-3', '--no-raw', 'HGETALL', 'hash')).toBe('1# "f" => "v"\n')
    expect(await cli('--json', 'HGETALL', 'hash')).toBe('{"f":"v"}\n')
    expect(await cli('-n', 3, 'GET', 'k')).toBe('\n')
    expect(await cli('-e', 'INCR', 'list')).toContain('WRONGTYPE')
    expect(await cliReading('from standard input', '-x', 'SET', 'k')).toBe('OK\n')
    expect(await cli('GET', 'k')).toBe('from standard input\n')
  })

  it('loads commands in bulk', async () => {
    const commands = Array.from(
      { length: 5000 },
      (_, i) => `*3\r\n$3\r\nSET\r\n$8\r\nkey:${1000 + i}\r\n$1\r\n${i % 10}\r\n`,
    )
    const output = await cliReading(commands.join(''), '--pipe')
    expect(output).toContain('errors: 0, replies: 5000')
    expect(await cli('DBSIZE')).toBe('5000\n')
  })

  it('scans for keys, for big ones, and for those that take the most memory', async () => {
    for (let i = 0; i < 30; i++) await cli('SET', `scan:${i}`, 'x'.repeat(i + 1))
    await cli('RPUSH', 'the list', ...Array.from({ length: 50 }, (_, i) => i))
    const scanned = (await cli('--scan', '--pattern', 'scan:*')).trim().split('\n')
    expect(scanned.sort()).toEqual(Array.from({ length: 30 }, (_, i) => `scan:${i}`).sort())
    const biggest = await cli('--bigkeys')
    expect(biggest).toContain('Biggest   list found \'"the list"\' has 50 items')
    expect(biggest).toContain('Biggest string found \'"scan:29"\' has 30 bytes')
    expect(biggest).toContain('30 strings with 465 bytes')
    expect(await cli('--memkeys')).toContain('Sampled 31 keys in the keyspace!')
  })

  it('runs scripts and function libraries from files', async () => {
    const script = path.join(directory, 'script.lua')
    writeFileSync(script, "return {redis.call('SET', KEYS[1], ARGV[1]), redis.call('GET', KEYS[2]), #ARGV}")
    expect(await cli('--no-raw', '--eval', script, 'a', 'b', ',', 'one', 'two')).toBe(
      '1) OK\n2) (nil)\n3) (integer) 2\n',
    )
    const library =
      "#!lua name=cli\nredis.register_function('hello', function(keys, args) return 'hello ' .. args[1] end)"
    expect(await cliReading(library, '-x', 'FUNCTION', 'LOAD', 'REPLACE')).toBe('cli\n')
    expect(await cli('FCALL', 'hello', 0, 'world')).toBe('hello world\n')
    expect(await cli('FUNCTION', 'DELETE', 'cli')).toBe('OK\n')
  })

  it('prints messages as they come', async () => {
    const listener = new RunningProgram('redis-cli', [
      '-p',
      String(server.port),
      '--csv',
      'SUBSCRIBE',
      'news',
      'weather',
    ])
    try {
      await listener.lines.count('confirmations', 3)
      await cli('PUBLISH', 'news', 'one')
      await cli('PUBLISH', 'weather', 'rain, "heavy"')
      await listener.lines.count('messages', 5)
      expect(listener.lines.all.slice(1)).toEqual([
        '"subscribe","news",1',
        '"subscribe","weather",2',
        '"message","news","one"',
        '"message","weather","rain, \\"heavy\\""',
      ])
    } finally {
      await listener.end()
    }
  })

  it('shows what other clients do', async () => {
    const monitor = new RunningProgram('redis-cli', ['-p', String(server.port), 'MONITOR'])
    try {
      await monitor.lines.until('the start', (all) => all.includes('OK'))
      await cli('SET', 'k', 'value "quoted"')
      await monitor.lines.until('the command', (all) =>
        all.some((line) => line.endsWith('"SET" "k" "value \\"quoted\\""')),
      )
    } finally {
      await monitor.end()
    }
  })

  it('measures', async () => {
    expect(await cli('-r', 3, '-i', 0.01, 'PING')).toBe('PONG\nPONG\nPONG\n')
    const figures = JSON.parse(await cli('-i', 0.05, '--latency', '--json')) as { count: number }
    expect(figures.count).toBeGreaterThan(0)
    expect(await cli('INFO', 'server')).toContain('redis_version:7.')
  })
})
