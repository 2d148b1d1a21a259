import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../src/config/command-line.js'
import type { Configuration } from '../../src/config/configuration.js'
import { loadConfiguration } from '../../src/config/redis-conf.js'
import { temporaryFolder } from './temporary-folder.js'

const folder = temporaryFolder()

function loadText(text: string): Configuration {
  return loadConfiguration({ file: folder.write('redis.conf', text), standardInput: '', options: '' })
}

function loadArguments(...argv: string[]): Configuration {
  const { file, options } = parseCommandLine(argv)
  return loadConfiguration({ file, standardInput: '', options })
}

describe('a configuration file', () => {
  test('may have comments, spaces, Windows line ends, quotes and names in any case', () => {
    const configuration = loadText('# a\r\n\r\n  PORT 1234\r\n\trequirepass "a\\x20b"\n  # b\nmasterauth \'x y\'')
    expect(configuration.number('port')).toBe(1234)
    expect(configuration.text('requirepass')).toBe('a b')
    expect(configuration.text('masterauth')).toBe('x y')
  })

  test('may repeat directives: the last one holds, save points and buffer limits add up', () => {
    const configuration = loadText(
      'port 1\nport 2\nsave 60 1\nsave 30 2\nclient-output-buffer-limit normal 1 1 1\nclient-output-buffer-limit pubsub 2 2 2\n',
    )
    expect(configuration.number('port')).toBe(2)
    expect(configuration.words('save')).toEqual(['60', '1', '30', '2'])
    expect(configuration.outputBufferLimits().normal.hardBytes).toBe(1)
    expect(configuration.outputBufferLimits().pubsub.hardBytes).toBe(2)
  })

  test('may use old names, and directives of old versions', () => {
    const configuration = loadText('slaveof 127.0.0.1 7000\nlua-time-limit 7\nlist-max-ziplist-entries 5\n')
    expect(configuration.words('replicaof')).toEqual(['127.0.0.1', '7000'])
    expect(configuration.number('busy-reply-threshold')).toBe(7)
  })

  test('may be read from bytes that are not UTF-8', () => {
    expect(loadText('requirepass \xe9\xff\n').text('requirepass')).toBe('\xe9\xff')
  })

  test('keeps directives for others, which can name the line in their faults', () => {
    const configuration = loadText('user alice on >pw\nuser bob off\nrename-command FLUSHALL ""\n')
    expect(configuration.directives('user').map(({ words }) => words)).toEqual([
      ['alice', 'on', '>pw'],
      ['bob', 'off'],
    ])
    expect(configuration.directives('user')[1]!.fault('Error in user declaration').message).toContain(
      "at line 2\n>>> 'user bob off'\nError in user declaration\n",
    )
    expect(configuration.directives('loadmodule')).toEqual([])
  })

  test('includes files relative to dir, and patterns in order', () => {
    mkdirSync(join(folder.path, 'conf.d'))
    folder.write('conf.d/10-a.conf', 'port 10\ntimeout 1\n')
    folder.write('conf.d/20-b.conf', 'port 20\n')
    folder.write('conf.d/.hidden.conf', 'port 99\n')
    const configuration = loadText(`dir ${folder.path}\ninclude conf.d/*.conf\ninclude conf.d/none-*\n`)
    expect(configuration.number('port')).toBe(20)
    expect(configuration.number('timeout')).toBe(1)
    expect(loadText(`include ${folder.path}/conf.d/10-a.conf\n`).number('port')).toBe(10)
  })

  test('names the place of a fault in an included file', () => {
    const included = folder.write('bad.conf', '\nport x\n')
    expect(() => loadText(`port 1\ninclude ${included}\n`)).toThrow(
      `at line 2\n>>> 'port x'\nargument couldn't be parsed into an integer\n(in ${included})`,
    )
    expect(() => loadText('include /nonexistent/x.conf\n')).toThrow(
      "Fatal error, can't open config file '/nonexistent/x.conf': No such file or directory",
    )
    const own = join(folder.path, 'redis.conf')
    expect(() => loadText(`include ${own}\n`)).toThrow('Includes are nested deeper than 32 files')
  })

  test('reports settings without effect only when they differ from the default', () => {
    expect(loadText('daemonize yes\nsupervised no\nloglevel debug\n').settingsWithoutEffect()).toEqual(['daemonize'])
  })
})

describe('the command line', () => {
  test.each<[argv: string[], name: string, printed: string]>([
    [['--port', '6380', '--appendonly', 'yes'], 'appendonly', 'yes'],
    [['--port 6380', "--requirepass 'a b'"], 'requirepass', 'a b'],
    [['--save', '60', '1000', '--port', '1'], 'save', '60 1000'],
    [['--save', '60 1 30 2'], 'save', '60 1 30 2'],
    [['--save', ''], 'save', ''],
    [['--save', '--port', '1'], 'save', ''],
    [['--port', '1', '--save'], 'save', ''],
    [['--requirepass', '--secret', '--port', '1'], 'requirepass', '--secret'],
    [['--proc-title-template', '--save', '--save', ''], 'proc-title-template', '--save'],
    [['--requirepass', 'a"b\\c'], 'requirepass', 'a"b\\c'],
    [['--requirepass', 'é'], 'requirepass', '\xc3\xa9'],
    [['--shutdown-on-sigint', 'nosave', 'force', 'now'], 'shutdown-on-sigint', 'nosave now force'],
    [
      ['--client-output-buffer-limit', 'normal 1 2 3'],
      'client-output-buffer-limit',
      'normal 1 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    ],
  ])('%j', (argv, name, printed) => {
    expect(
      loadArguments(...argv)
        .get([name])
        .get(name),
    ).toBe(printed)
  })

  test('comes after the file, and adds to the save points of the file', () => {
    const file = folder.write('first.conf', 'save 900 1\nport 1\n')
    const configuration = loadArguments(file, '--save', '100', '100', '--port', '2')
    expect(configuration.configFile).toBe(file)
    expect(configuration.words('save')).toEqual(['900', '1', '100', '100'])
    expect(configuration.number('port')).toBe(2)
    expect(loadArguments(file, '--save', '').words('save')).toEqual([])
  })

  test('reads standard input for a lone dash at either end', () => {
    expect(parseCommandLine(['-', '--port', '1'])).toEqual({ file: '', readsStandardInput: true, options: 'port "1" ' })
    expect(parseCommandLine(['--port', '1', '-']).readsStandardInput).toBe(true)
    expect(parseCommandLine(['--port', '-', '1']).readsStandardInput).toBe(false)
    const both = loadConfiguration({ file: '', standardInput: 'port 5\ntimeout 6', options: 'port 7' })
    expect([both.number('port'), both.number('timeout')]).toEqual([7, 6])
  })
})
