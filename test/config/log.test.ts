import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.js'
import { shardkeepVersion } from '../../src/config/version.js'
import { createLogger, type Logger, logBanner, logStart } from '../../src/log.js'
import { temporaryFolder } from './temporary-folder.js'

const folder = temporaryFolder()
let files = 0

interface Logged {
  readonly configuration: Configuration
  readonly log: Logger
  lines(): string[]
}

/** A log into a file of its own, with these settings. */
function logWith(...assignments: [name: string, value: string][]): Logged {
  const file = join(folder.path, `log-${++files}`)
  const configuration = new Configuration()
  configuration.assign('logfile', [file])
  for (const [name, value] of assignments) configuration.assign(name, value.split(' '))
  const log = createLogger(configuration)
  return { configuration, log, lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1) }
}

describe('readable lines', () => {
  test('have the shape of Redis, with a mark for the level', () => {
    const { log, lines } = logWith(['loglevel', 'debug'])
    const before = new Date()
    log.debug('one')
    log.verbose('two')
    log.notice('three')
    log.warning('four')
    expect(lines().map((line) => line.replace(/\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}/, 'TIME'))).toEqual([
      `${process.pid}:M TIME . one`,
      `${process.pid}:M TIME - two`,
      `${process.pid}:M TIME * three`,
      `${process.pid}:M TIME # four`,
    ])
    const [, text] = /:M (.*?) \. one/.exec(lines()[0]!)!
    const time = new Date(text!)
    expect(time.getTime()).toBeGreaterThanOrEqual(before.getTime())
    expect(time.getTime()).toBeLessThanOrEqual(Date.now())
  })

  test('tell replicas from primaries', () => {
    const { log, lines } = logWith(['replicaof', '127.0.0.1 1'])
    log.notice('x')
    expect(lines()[0]).toContain(`${process.pid}:S `)
  })

  test('show errors and other fields behind the message', () => {
    const { log, lines } = logWith()
    log.warning({ err: new Error('disk full'), shard: 3 }, 'Cannot write')
    expect(lines()[0]).toMatch(/ # Cannot write: disk full shard=3$/)
  })
})

test('loglevel is followed at run time', () => {
  const { configuration, log, lines } = logWith()
  log.verbose('no')
  configuration.set([['loglevel', 'verbose']])
  log.verbose('yes')
  configuration.set([['loglevel', 'nothing']])
  log.warning('no')
  expect(lines().map((line) => line.slice(-3))).toEqual(['yes'])
})

test('JSON lines carry level, time and process', () => {
  const { log, lines } = logWith(['log-format', 'json'])
  log.notice({ shard: 1 }, 'text')
  const record = JSON.parse(lines()[0]!) as Record<string, unknown>
  expect(record).toMatchObject({ level: 'notice', pid: process.pid, msg: 'text', shard: 1 })
  expect(new Date(record.time as string).getTime()).toBeGreaterThan(Date.now() - 60_000)
})

test('warnings of the configuration go to the log', () => {
  const { configuration, lines } = logWith()
  configuration.onChange('port', () => (configuration.number('port') === 1 ? 'no' : undefined))
  configuration.set([['port', '1']])
  expect(lines()[0]).toMatch(/ # Failed applying new configuration\./)
})

describe('the banner names the process for programs that wait for it', () => {
  test.each([
    ['with the logo', [['always-show-logo', 'yes']]],
    ['without the logo', []],
    [
      'in JSON',
      [
        ['log-format', 'json'],
        ['always-show-logo', 'yes'],
      ],
    ],
  ] as [string, [string, string][]][])('%s', (_, assignments) => {
    const { configuration, log, lines } = logWith(...assignments)
    logStart(log, configuration)
    logBanner(log, configuration)
    const text = lines().join('\n')
    expect(text).toContain(` PID: ${process.pid}`)
    expect(text).toContain(
      `Redis version=7.4.0, bits=64, commit=00000000, modified=0, pid=${process.pid}, just started`,
    )
    expect(text).toContain(shardkeepVersion())
  })

  test('and settings that have no effect yet', () => {
    const { configuration, log, lines } = logWith(['daemonize', 'yes'])
    logStart(log, configuration)
    expect(lines().join('\n')).toContain('These settings are accepted but have no effect yet: daemonize')
  })
})
