/**
 * The configuration against a real Redis 7.0: defaults, bounds and error texts of every common setting, errors of the
 * configuration file, and the file that CONFIG REWRITE leaves.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../src/config/command-line.js'
import { Configuration } from '../../src/config/configuration.js'
import { ConfigurationError, loadConfiguration } from '../../src/config/redis-conf.js'
import { settings } from '../../src/config/settings.js'
import { REDIS_VERSION } from '../../src/config/version.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { temporaryFolder } from './temporary-folder.js'

const folder = temporaryFolder()

function pairsOf(reply: unknown): Map<string, string> {
  const items = (reply as Buffer[]).map((item) => item.toString('latin1'))
  const pairs = new Map<string, string>()
  for (let i = 0; i < items.length; i += 2) pairs.set(items[i]!, items[i + 1]!)
  return pairs
}

/** False for the few values that Redis takes for something that nobody can have meant. */
function isComparable(name: string, value: string): boolean {
  // A size beyond int64 turns negative in Redis, and negative means a percentage for this one.
  if (name === 'maxmemory-clients') return !/^[0-9]{19,}$|gb$/.test(value)
  // Redis reports the percentile -0.
  return name !== 'latency-tracking-info-percentiles' || value !== '-0'
}

describe.runIf(hasRedis7)('against redis-server', () => {
  let oracle: RedisOracle

  beforeAll(async () => {
    oracle = await startRedisOracle()
    await oracle.replies([['CLIENT', 'NO-EVICT', 'ON']])
  })
  afterAll(() => oracle.stop())

  test('every setting that Redis shows has the same default here', async () => {
    // What the oracle was started with, and what differs for a reason.
    const different = new Set(['dir', 'port', 'unixsocket', 'save', 'logfile'])
    // Since 7.4 Redis itself hides this one.
    const hidden = new Set(['aof-disable-auto-gc'])
    const [reply] = await oracle.replies([['CONFIG', 'GET', '*']])
    const theirs = pairsOf(reply)
    const ours = new Configuration().get(['*'])
    expect([...theirs.keys()].filter((name) => !ours.has(name) && !hidden.has(name))).toEqual([])
    for (const name of [...different, ...hidden]) theirs.delete(name)
    const common = [...ours].filter(([name]) => theirs.has(name))
    expect(new Map(common)).toEqual(theirs)
  })

  test('the settings that Redis does not show are those of later versions and our own', async () => {
    const visible = settings.filter(({ hidden }) => !hidden).map(({ name }) => name)
    const replies = await oracle.replies(visible.map((name) => ['CONFIG', 'GET', name]))
    expect(visible.filter((_, i) => (replies[i] as unknown[]).length === 0)).toEqual([
      'shards',
      'ring-size',
      'log-format',
      'client-stall-timeout',
      'client-pause-output-bytes',
      'hide-user-data-from-log',
      'locale-collate',
      'server-cpulist',
      'bio-cpulist',
      'aof-rewrite-cpulist',
      'bgsave-cpulist',
      'max-new-connections-per-cycle',
      'max-new-tls-connections-per-cycle',
      'set-max-listpack-entries',
      'set-max-listpack-value',
      'aof-history-retention',
      'backup-target',
      'backup-schedule',
      'backup-retention',
      'backup-encryption-key-file',
      'backup-s3-endpoint',
      'backup-s3-region',
      'backup-s3-access-key-id',
      'backup-s3-secret-access-key',
      'backup-s3-session-token',
      'export-target',
      'export-schedule',
      'export-format',
      'export-retention',
      'cluster-announce-human-nodename',
    ])
  })

  test('CONFIG SET accepts, refuses and prints as Redis does', async () => {
    const allValues = [
      '',
      'yes',
      'NO',
      '-1',
      '-0',
      '0',
      '1',
      '007',
      '+1',
      ' 1',
      '1.5',
      '65536',
      '1mb',
      '2G',
      '3kB',
      '5%',
      '-5%',
      '101%',
      '2147483648',
      '4294967296',
      '9223372036854775807',
      '9223372036854775808',
      '18446744073709551615',
      '18446744073709551616',
      '99999999999gb',
      'local',
      'save',
      'a b',
      '1 2 3',
      '60 1',
      'normal 1000000000 900000000 3',
      'normal 1 2',
      'AKE',
      'a/b',
    ]
    // Setting these would change more than the value: sockets, limits of the process, files of the machine.
    const untouched =
      /^(port|bind|logfile|maxclients|unixsocket|oom-score-adj.*|watchdog-period|appendonly|tls-.*|requirepass|dir|set-proc-title|proc-title-template|crash-.*|locale-collate)$/
    // The build of the oracle cannot do it, or Redis has other words since.
    const different = new Set(['activedefrag', 'loglevel'])
    const ours = new Configuration()
    const [known] = await oracle.replies([['CONFIG', 'GET', '*']])
    const names = [...pairsOf(known).keys()].filter((name) => !untouched.test(name) && !different.has(name))
    expect(names.length).toBeGreaterThan(120)
    const differences: string[] = []
    for (const name of names) {
      const initial = ours.get([name]).get(name)!
      const values = allValues.filter((value) => isComparable(name, value))
      const commands = values.flatMap((value) => [
        ['CONFIG', 'SET', name, value],
        ['CONFIG', 'GET', name],
      ])
      const replies = await oracle.replies([...commands, ['CONFIG', 'SET', name, initial]])
      const answer = (error: string | undefined, printed: string | undefined) => `${error ?? 'OK'}, then ${printed}`
      for (const [i, value] of values.entries()) {
        const theirs = replies[2 * i]
        const error = theirs instanceof Error ? theirs.message : undefined
        const expected = answer(error, pairsOf(replies[2 * i + 1]).get(name))
        const actual = answer(await ours.set([[name, value]]), ours.get([name]).get(name))
        if (actual !== expected) differences.push(`${name} ${value}: ${actual} instead of ${expected}`)
      }
      await ours.set([[name, initial]])
    }
    expect(differences).toEqual([])
  }, 30_000)
})

/** What redis-server says when it refuses to start, without its version. */
function refusalOfRedis(argv: readonly string[]): string {
  const { stderr, error } = spawnSync('redis-server', argv, { encoding: 'utf8', timeout: 5000 })
  if (error !== undefined) throw error
  return stderr.replace(/\(Redis [0-9.]+\)/, `(Redis ${REDIS_VERSION})`).trimEnd()
}

/** What the reader says, without the line that names the source, which Redis does not have. */
function refusalOfOurs(argv: readonly string[]): string {
  const { file, options } = parseCommandLine(argv)
  try {
    loadConfiguration({ file, standardInput: '', options })
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.replace(/\n\(in .*\)$/, '')
    throw error
  }
  return 'accepted'
}

describe.runIf(hasRedis7)('faults of the configuration are reported as by redis-server', () => {
  test.each([
    'foo bar',
    'port',
    'port 1 2',
    'port x',
    'PORT 70000',
    '\n\n# c\n  requirepass "a',
    'requirepass "a"b',
    'maxmemory 1x',
    'maxmemory-clients 200%',
    'save 60',
    'save 0 1',
    'save x y',
    'save 60 1 30',
    'appendfsync sometimes',
    'appendonly true',
    'unixsocketperm 999',
    'unixsocketperm 1000',
    'dir /nonexistent',
    'dbfilename a/b',
    'appendfilename ""',
    'appenddirname a/b',
    'client-output-buffer-limit x 1 1 1',
    'client-output-buffer-limit normal 1 1',
    'client-output-buffer-limit master 1 1 1',
    'client-output-buffer-limit normal a 1 1',
    'oom-score-adj-values 1 2',
    'oom-score-adj-values 1 2 3000',
    'notify-keyspace-events q',
    'replicaof 1.2.3.4',
    'replicaof 1.2.3.4 70000',
    'shutdown-on-sigint save nosave',
    'shutdown-on-sigint sometimes',
    'latency-tracking-info-percentiles 1 x',
    'latency-tracking-info-percentiles 1 200',
    'rename-command FLUSHALL',
    'user',
    'loadmodule',
    'include',
    'include a b',
    'sentinel monitor x 1.2.3.4 1 1',
    'a.b',
    'bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17',
    'list-max-ziplist-entries',
    'logfile /nonexistent/x',
    'cluster-enabled yes\nreplicaof 1.2.3.4 1',
    'proc-title-template {x}',
    'proc-title-template {title}',
    'cluster-announce-hostname a_b',
    'hz -1',
  ])('%j', (text) => {
    const file = folder.write('bad.conf', text)
    expect(refusalOfOurs([file])).toBe(refusalOfRedis([file]))
  })

  test.each([
    [['--foo', 'bar']],
    [['--port']],
    [['--port', '1', '--tcp-backlog', 'x']],
    [['--port', '--loglevel', 'verbose']],
    [['--save', '60', '--port', 'x']],
    [['--port 1 2']],
    [['--requirepass "x']],
  ])('%j', (argv) => {
    expect(refusalOfOurs(argv)).toBe(refusalOfRedis(argv))
    const file = folder.write('good.conf', 'timeout 1\n\n')
    expect(refusalOfOurs([file, ...argv])).toBe(refusalOfRedis([file, ...argv]))
  })
})

function spawnRedis(file: string): ChildProcess {
  return spawn('redis-server', [file], { stdio: 'ignore' })
}

/** The lines up to the signature of CONFIG REWRITE, and those behind it. */
function splitAtSignature(text: string): [head: string[], tail: string[]] {
  const lines = text.split('\n')
  const at = lines.indexOf('# Generated by CONFIG REWRITE')
  return [lines.slice(0, at), lines.slice(at)]
}

test.runIf(hasRedis7)('CONFIG REWRITE leaves the file that redis-server leaves', async () => {
  const theirFile = folder.write(
    'theirs.conf',
    [
      '# comment',
      `dir ${folder.path}`,
      `unixsocket ${join(folder.path, 'socket')}`,
      'port 0',
      '',
      '',
      'logfile rewrite.log',
      'hash-max-ziplist-entries 21',
      'save 60 1',
      'save 30 2',
      'SAVE 20 3',
      'maxmemory 100mb',
      'client-output-buffer-limit replica 1 2 3',
      'notify-keyspace-events KEA',
      'masterauth secret',
      'timeout 0',
      'rename-command DEBUG ""',
      '# end',
    ].join('\n'),
  )
  const ourFile = join(folder.path, 'ours.conf')
  copyFileSync(theirFile, ourFile)
  const changes: [string, string][] = [
    ['save', '15 2'],
    ['maxmemory', '1073741824'],
    ['masterauth', ''],
    ['timeout', '5'],
    ['maxmemory-clients', '7%'],
    ['appendfsync', 'always'],
    ['shutdown-on-sigterm', 'now nosave'],
    ['latency-tracking-info-percentiles', ''],
    ['masteruser', 'a "b"\n\xff'],
    ['notify-keyspace-events', ''],
    ['client-output-buffer-limit', 'pubsub 1mb 1kb 5'],
  ]

  const server = spawnRedis(theirFile)
  const client = new Redis({ path: join(folder.path, 'socket'), retryStrategy: () => 20 })
  client.on('error', () => undefined)
  try {
    for (const [name, value] of changes) await client.call('CONFIG', 'SET', name, Buffer.from(value, 'latin1'))
    await client.call('CONFIG', 'REWRITE')
  } finally {
    client.disconnect()
    server.kill()
  }

  const ours = loadConfiguration({ file: ourFile, standardInput: '', options: '' })
  expect(ours.set(changes)).toBeUndefined()
  expect(ours.rewrite()).toBeUndefined()
  const [theirHead, theirTail] = splitAtSignature(readFileSync(theirFile, 'latin1'))
  const [ourHead, ourTail] = splitAtSignature(readFileSync(ourFile, 'latin1'))
  expect(ourHead).toEqual(theirHead)
  // Redis appends in the order of a hash table, and writes its users.
  expect(ourTail.sort()).toEqual(theirTail.filter((line) => !line.startsWith('user ')).sort())
})
