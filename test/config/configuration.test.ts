import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.js'
import { loadConfiguration } from '../../src/config/redis-conf.js'
import { temporaryFolder } from './temporary-folder.js'

function getOne(configuration: Configuration, name: string): string | undefined {
  return configuration.get([name]).get(name)
}

describe('CONFIG GET', () => {
  const configuration = new Configuration()

  test('answers under the name that was asked for, in its case', () => {
    expect([...configuration.get(['MaxMemory', 'lua-time-limit'])]).toEqual([
      ['MaxMemory', '0'],
      ['lua-time-limit', '5000'],
    ])
  })

  test('matches patterns without case, aliases included, each name once', () => {
    expect([...configuration.get(['hash-max-*-VALUE', 'hash-max-listpack-value'])]).toEqual([
      ['hash-max-listpack-value', '64'],
      ['hash-max-ziplist-value', '64'],
    ])
  })

  test('shows hidden settings only under their exact name', () => {
    expect(configuration.get(['key-load-dela?']).size).toBe(0)
    expect(getOne(configuration, 'key-load-delay')).toBe('0')
  })

  test('knows nothing else', () => {
    expect(configuration.get(['nothing', 'include', 'nothing*']).size).toBe(0)
  })
})

describe('CONFIG SET', () => {
  const failed = (name: string, reason: string) =>
    `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`

  const refusals: [name: string, value: string, reason: string][] = [
    ['appendonly', 'maybe', "argument must be 'yes' or 'no'"],
    ['tcp-keepalive', '-1', 'argument must be between 0 and 2147483647 inclusive'],
    ['tcp-keepalive', '01', "argument couldn't be parsed into an integer"],
    ['maxmemory', '1tb', 'argument must be a memory value'],
    ['maxmemory-clients', '101%', 'percentage argument must be less or equal to 100'],
    ['maxmemory-clients', '1%%', 'argument must be a memory or percent value'],
    ['appendfsync', 'often', 'argument(s) must be one of the following: everysec, always, no'],
    ['shutdown-on-sigterm', 'save nosave', "shutdown options SAVE and NOSAVE can't be used simultaneously"],
    ['notify-keyspace-events', 'Kq', "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."],
    ['save', '60', 'Invalid save parameters'],
    ['databases', '1', "can't set immutable config"],
    ['dir', '/', "can't set protected config"],
    ['ring-size', '1mb', "can't set immutable config"],
    ['proc-title-template', '{name}', 'template format is invalid or contains unknown variables'],
    [
      'latency-tracking-info-percentiles',
      '101',
      'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]',
    ],
    ['cluster-announce-hostname', 'a_b', 'Hostnames may only contain alphanumeric characters, hyphens or dots'],
  ]
  test.each(refusals)('%s %s is refused', (name, value, reason) => {
    const configuration = new Configuration()
    const before = configuration.get(['*'])
    expect(configuration.set([[name, value]])).toBe(failed(name, reason))
    expect(configuration.get(['*'])).toEqual(before)
  })

  const accepted: [name: string, value: string, printed: string][] = [
    ['maxmemory', '100mb', '104857600'],
    ['maxmemory', '18446744073709551615', '18446744073709551615'],
    ['maxmemory-clients', '10%', '10%'],
    ['hz', '1000', '500'],
    ['hz', '0', '1'],
    ['save', '', ''],
    ['save', '60 1 30 2', '60 1 30 2'],
    ['bind', '127.0.0.1 -::1', '127.0.0.1 -::1'],
    ['bind', '', ''],
    ['oom-score-adj', 'relative', 'yes'],
    ['shutdown-on-sigint', 'force NOSAVE', 'nosave force'],
    ['shutdown-on-sigint', 'default', 'default'],
    ['notify-keyspace-events', 'KEg$lshzxetd', 'AKE'],
    ['notify-keyspace-events', 'nAm', 'Am'],
    ['notify-keyspace-events', 'EKlg', 'glKE'],
    [
      'client-output-buffer-limit',
      'replica 1mb 512kb 5 normal 1 2 3',
      'normal 1 2 3 slave 1048576 524288 5 pubsub 33554432 8388608 60',
    ],
    ['latency-tracking-info-percentiles', '50.0 99.990 1e1', '50 99.99 10'],
    ['requirepass', 'a b\xff', 'a b\xff'],
  ]
  test.each(accepted)('%s %j is reported as %j', (name, value, printed) => {
    const configuration = new Configuration()
    expect(configuration.set([[name, value]])).toBeUndefined()
    expect(getOne(configuration, name)).toBe(printed)
  })

  test('names the first fault of several pairs and changes nothing', () => {
    const configuration = new Configuration()
    const text = configuration.set([
      ['maxmemory', '10'],
      ['Maxmemory-Clients', '200%'],
      ['timeout', 'x'],
    ])
    expect(text).toBe(failed('maxmemory-clients', 'percentage argument must be less or equal to 100'))
    expect(configuration.number('maxmemory')).toBe(0)
    expect(
      configuration.set([
        ['timeout', '1'],
        ['nope', '1'],
      ]),
    ).toBe("ERR Unknown option or number of arguments for CONFIG SET - 'nope'")
    expect(configuration.number('timeout')).toBe(0)
  })

  test('refuses a setting that stands twice, also under its alias', () => {
    const configuration = new Configuration()
    expect(
      configuration.set([
        ['timeout', '1'],
        ['TIMEOUT', '2'],
      ]),
    ).toBe(failed('TIMEOUT', 'duplicate parameter'))
    expect(
      configuration.set([
        ['busy-reply-threshold', '1'],
        ['lua-time-limit', '1'],
      ]),
    ).toBe(failed('lua-time-limit', 'duplicate parameter'))
  })

  test('calls each hook once, after all values are in force', () => {
    const configuration = new Configuration()
    const seen: number[][] = []
    configuration.onChange(['timeout', 'tcp-keepalive'], () => {
      seen.push([configuration.number('timeout'), configuration.number('tcp-keepalive')])
      return undefined
    })
    configuration.set([
      ['timeout', '7'],
      ['tcp-keepalive', '8'],
    ])
    configuration.set([['timeout', '7']])
    expect(seen).toEqual([[7, 8]])
  })

  test('puts everything back when a hook refuses, and calls the hooks again', () => {
    const configuration = new Configuration()
    const warnings: string[] = []
    configuration.reportWarnings((message) => warnings.push(message))
    const seen: string[] = []
    configuration.onChange('timeout', () => {
      seen.push(`timeout ${configuration.number('timeout')}`)
      return undefined
    })
    configuration.onChange('port', () => {
      seen.push(`port ${configuration.number('port')}`)
      return configuration.number('port') === 1 ? 'Unable to listen on this port. Check server logs.' : undefined
    })
    const text = configuration.set([
      ['timeout', '5'],
      ['port', '1'],
      ['maxclients', '5'],
    ])
    expect(text).toBe(failed('port', 'Unable to listen on this port. Check server logs.'))
    expect(seen).toEqual(['timeout 5', 'port 1', 'timeout 0', 'port 6379'])
    expect(configuration.number('maxclients')).toBe(10000)
    expect(warnings).toHaveLength(1)
  })

  test('calls hooks that take a while last, puts everything back when one refuses, and lets the next change wait', async () => {
    const configuration = new Configuration()
    const warnings: string[] = []
    configuration.reportWarnings((message) => warnings.push(message))
    const seen: string[] = []
    const note = (name: string): void => void seen.push(`${name} ${configuration.number(name)}`)
    configuration.onChangeLater('port', async () => {
      note('port')
      await new Promise((resolve) => setImmediate(resolve))
      return configuration.number('port') === 1 ? 'Unable to listen.' : undefined
    })
    configuration.onChange('timeout', () => note('timeout') as undefined)
    const refused = configuration.set([
      ['port', '1'],
      ['timeout', '5'],
    ])
    const waiting = configuration.set([['timeout', '7']])
    const last = configuration.set([['port', '2']])
    const rewritten = configuration.rewrite()
    seen.push('sent')
    expect(await refused).toBe(failed('port', 'Unable to listen.'))
    expect(await waiting).toBeUndefined()
    expect(await last).toBeUndefined()
    expect(rewritten).toBeInstanceOf(Promise)
    expect(await rewritten).toBe('ERR The server is running without a config file')
    expect(seen).toEqual(['timeout 5', 'port 1', 'sent', 'timeout 0', 'port 6379', 'timeout 7', 'port 2'])
    expect(configuration.number('port')).toBe(2)
    expect(warnings).toHaveLength(1)
    expect(configuration.set([['timeout', '8']])).toBeUndefined()
  })

  test('calls hooks for an unchanged path of a certificate, which may have been renewed', () => {
    const configuration = new Configuration()
    let calls = 0
    configuration.onChange('tls-cert-file', () => {
      calls++
      return undefined
    })
    configuration.set([['tls-cert-file', 'x']])
    configuration.set([['tls-cert-file', 'x']])
    expect(calls).toBe(2)
  })

  test('lets a local client set protected settings when that is allowed, but not while loading', () => {
    const configuration = new Configuration()
    configuration.assign('enable-protected-configs', ['local'])
    const remote = { isLocal: false, isLoading: false }
    expect(configuration.set([['dbfilename', 'a']], remote)).toBe(failed('dbfilename', "can't set protected config"))
    expect(configuration.set([['dbfilename', 'a']], { isLocal: true, isLoading: false })).toBeUndefined()
    expect(configuration.set([['dir', '/']], { isLocal: true, isLoading: true })).toMatch(/^LOADING /)
    expect(configuration.set([['dir', '/nonexistent']], { isLocal: true, isLoading: false })).toBe(
      failed('dir', 'No such file or directory'),
    )
  })
})

describe('getters', () => {
  test('give values in their own types', () => {
    const configuration = new Configuration()
    expect(configuration.savePoints()[0]).toEqual({ seconds: 3600, changes: 1 })
    expect(configuration.outputBufferLimits().replica).toEqual({
      hardBytes: 268435456,
      softBytes: 67108864,
      softSeconds: 60,
    })
    expect(configuration.flag('daemonize')).toBe(false)
    expect(configuration.words('bind')).toEqual(['*', '-::*'])
    configuration.assign('shards', ['3'])
    expect(configuration.shardCount()).toBe(3)
    expect(configuration.path('dbfilename')).toBe(join(process.cwd(), 'dump.rdb'))
    expect(configuration.path('unixsocket')).toBe('')
    expect(configuration.isSensitive('REQUIREPASS')).toBe(true)
    expect(() => configuration.number('daemonize')).toThrow('was read as another type')
    expect(() => configuration.number('nope')).toThrow('no setting is named')
  })
})

describe('CONFIG REWRITE', () => {
  const folder = temporaryFolder()

  function load(text: string): Configuration {
    return loadConfiguration({ file: folder.write('redis.conf', text), standardInput: '', options: '' })
  }

  test('needs a file', () => {
    expect(new Configuration().rewrite()).toBe('ERR The server is running without a config file')
  })

  test('keeps comments and order, reuses lines, blanks those that no longer hold, and appends what is new', () => {
    const configuration = load(
      [
        '# my server',
        '',
        '',
        `dir ${folder.path}`,
        'save 60 1',
        'save 30 2',
        'hash-max-ziplist-entries 21',
        'MAXMEMORY 1mb',
        'requirepass secret',
        'user alice on',
        'rename-command FLUSHALL ""',
        'timeout 0',
        '',
      ].join('\n'),
    )
    configuration.set([
      ['save', '10 1'],
      ['maxmemory', '2gb'],
      ['requirepass', ''],
      ['maxmemory-clients', '10%'],
      ['masterauth', 'a"\xff'],
    ])
    expect(configuration.rewrite()).toBeUndefined()
    expect(readFileSync(configuration.configFile, 'latin1').split('\n')).toEqual([
      '# my server',
      '',
      `dir "${folder.path}"`,
      'save 10 1',
      '',
      'hash-max-listpack-entries 21',
      'maxmemory 2gb',
      '',
      'user alice on',
      'rename-command FLUSHALL ""',
      'timeout 0',
      '',
      '# Generated by CONFIG REWRITE',
      'latency-tracking-info-percentiles 50 99 99.9',
      'maxmemory-clients 10%',
      'masterauth "a\\"\\xff"',
      '',
    ])
    const first = readFileSync(configuration.configFile, 'latin1')
    expect(configuration.rewrite()).toBeUndefined()
    expect(readFileSync(configuration.configFile, 'latin1')).toBe(`${first}\n`)
    const again = loadConfiguration({ file: configuration.configFile, standardInput: '', options: '' })
    expect(again.get(['*'])).toEqual(configuration.get(['*']))
  })

  test('marks lines that it cannot understand, and writes provided lines', () => {
    const configuration = load('user bob on\n')
    folder.write('redis.conf', 'what is this\nbroken "\nuser bob on\n')
    configuration.provideLines('user', () => ['alice off', 'default on'])
    configuration.rewrite()
    const lines = readFileSync(configuration.configFile, 'latin1').split('\n')
    expect(lines.slice(0, 3)).toEqual(['# ??? what is this', '# ??? broken "', 'user alice off'])
    expect(lines).toContain('user default on')
  })

  test('writes a file anew that was removed, and says why it cannot write', () => {
    const configuration = load('timeout 3\n')
    rmSync(configuration.configFile)
    expect(configuration.rewrite()).toBeUndefined()
    expect(readFileSync(configuration.configFile, 'latin1')).toContain('timeout 3\n')
    const lost = new Configuration(join(folder.path, 'no', 'redis.conf'))
    lost.reportWarnings(() => undefined)
    expect(lost.rewrite()).toBe('ERR Rewriting config file: No such file or directory')
  })
})
