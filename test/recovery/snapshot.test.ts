/**
 * RDB files: what one server saves, another one loads, Redis included; what happens when a file cannot be written or read,
 * and when the server is killed while it writes one.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { everyForm, fileOf, writeStringKey } from '../rdb/file-samples.js'
import { samples } from '../store/rdb/payload-samples.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { fillEveryType } from './data-of-every-type.js'

const OK = { simple: 'OK' }
const WAIT_MS_MAX = 10_000

let folder: string
const servers: TestServer[] = []
const clients: RespConnection[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-snapshot-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const dump = (): string => path.join(folder, 'dump.rdb')

async function start(shards: number, ...args: string[]): Promise<TestServer> {
  const server = await startServer({ shards, args: ['--dir', folder, ...args] })
  servers.push(server)
  return server
}

async function connect(server: { readonly port: number }): Promise<RespConnection> {
  const client = await RespConnection.open(server.port)
  clients.push(client)
  return client
}

/** Starts a server in the folder. */
async function open(shards: number, ...args: string[]): Promise<RespConnection> {
  return connect(await start(shards, ...args))
}

async function end(server: TestServer): Promise<void> {
  servers.splice(servers.indexOf(server), 1)
  await server.stop()
}

/** Digest and size of the data, and what is known of expiries. */
async function contents(client: RespConnection): Promise<RespValue[]> {
  const replies: RespValue[] = [await client.call('DEBUG', 'DIGEST')]
  for (const database of [0, 9]) {
    await client.call('SELECT', database)
    replies.push(await client.call('DBSIZE'), await client.call('PEXPIRETIME', 'expiring list'))
  }
  await client.call('SELECT', 0)
  return replies
}

async function info(client: RespConnection, field: string): Promise<string> {
  const { verbatim, ...other } = { verbatim: '', ...((await client.call('INFO', 'persistence')) as object) }
  const text = verbatim === '' ? Object.values(other).join('') : verbatim
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('it did not come')
    await sleep(20)
  }
}

const saved = (client: RespConnection) => until(async () => (await info(client, 'rdb_bgsave_in_progress')) === '0')

const withSettings: readonly (readonly string[])[] = [
  [],
  ['--rdbcompression', 'no', '--rdbchecksum', 'no', '--maxmemory-policy', 'allkeys-lru'],
  ['--maxmemory-policy', 'allkeys-lfu', '--list-max-listpack-size', '4', '--hash-max-listpack-entries', '8'],
]
/** What the settings change does not depend on the number of shards. */
const settingsAt = (shards: number) => withSettings.slice(0, shards)

describe.runIf(hasRedis7).each(SHARD_COUNTS)('beside Redis, on %i shard(s)', (shards) => {
  it.each(settingsAt(shards))('it saves what Redis loads, settings %#', async (...settings) => {
    const client = await open(shards, ...settings)
    await fillEveryType(client)
    const before = await contents(client)
    expect(await client.call('SAVE')).toEqual(OK)
    const check = spawnSync('redis-check-rdb', [dump()], { encoding: 'utf8' })
    expect(check.stdout).toContain('RDB looks OK!')
    const oracle = await startRedisOracle(
      '--dir',
      folder,
      '--enable-debug-command',
      'yes',
      '--dbfilename',
      'dump.rdb',
      '--logfile',
      '',
    )
    try {
      const redis = await RespConnection.open(oracle.client.options.path as string)
      clients.push(redis)
      expect(await contents(redis)).toEqual(before)
    } finally {
      await oracle.stop()
    }
  })

  it.each(settingsAt(shards))('it loads what Redis saves, settings %#', async (...settings) => {
    const oracle = await startRedisOracle('--dir', folder, '--enable-debug-command', 'yes', ...settings)
    let before: RespValue[]
    try {
      const redis = await RespConnection.open(oracle.client.options.path as string)
      clients.push(redis)
      await fillEveryType(redis)
      before = await contents(redis)
      expect(await redis.call('SAVE')).toEqual(OK)
    } finally {
      await oracle.stop()
    }
    const client = await open(shards)
    expect(await contents(client)).toEqual(before)
  })
})

describe('a file', () => {
  it('loads the same at any number of shards, time after time', async () => {
    const first = await start(1)
    const client = await connect(first)
    await fillEveryType(client)
    const before = await contents(client)
    await client.call('SAVE')
    await end(first)
    for (const shards of [2, 4, 1]) {
      const server = await start(shards)
      const again = await connect(server)
      expect(await contents(again)).toEqual(before)
      await again.call('SAVE')
      await end(server)
    }
  })

  it('may have every form of value and everything that stands between keys', async () => {
    writeFileSync(dump(), everyForm())
    const server = await start(4)
    expect(server.output()).toContain('Loading RDB produced by version 7.4.0')
    expect(server.output()).toContain("module type 'shardtest'")
    expect(server.output()).toContain(`keys loaded: ${samples.length + 2}, keys expired: 0.`)
    const client = await connect(server)
    const before = await contents(client)
    expect(await client.call('FCALL', 'one', 0)).toBe(1)
    await client.call('SAVE')
    await end(server)
    const again = await open(1)
    expect(await contents(again)).toEqual(before)
    expect(await again.call('FCALL', 'one', 0)).toBe(1)
  })

  it('says field expiry in the version that Redis 7.4 writes', async () => {
    const server = await start(2)
    const client = await connect(server)
    await client.call('HSET', 'hash', 'a', '1', 'b', '2')
    await client.call('SAVE')
    expect(readFileSync(dump()).toString('latin1', 0, 9)).toBe('REDIS0010')
    await client.call('HPEXPIREAT', 'hash', 4_000_000_000_000, 'FIELDS', 1, 'a')
    await client.call('SAVE')
    expect(readFileSync(dump()).toString('latin1', 0, 9)).toBe('REDIS0012')
    await end(server)
    const again = await open(1)
    expect(await again.call('HPEXPIRETIME', 'hash', 'FIELDS', 2, 'a', 'b')).toEqual([4_000_000_000_000, -1])
  })

  it('leaves out keys whose time is over', async () => {
    writeFileSync(
      dump(),
      fileOf(10, (writer) => {
        writer.byte(0xfc)
        writer.int64(1000)
        writeStringKey(writer, 'over', 'value')
        writeStringKey(writer, 'there', 'value')
      }),
    )
    const server = await start(2)
    const client = await connect(server)
    expect(await client.call('DBSIZE')).toBe(1)
    expect(await info(client, 'rdb_last_load_keys_expired')).toBe('1')
    expect(await info(client, 'rdb_last_load_keys_loaded')).toBe('1')
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('0')
    expect(server.output()).toContain('Done loading RDB, keys loaded: 1, keys expired: 1.')
  })

  it('leaves out collections without elements', async () => {
    writeFileSync(
      dump(),
      fileOf(10, (writer) => {
        for (const rdbType of [1, 2, 3, 4, 5, 14, 18]) {
          writer.byte(rdbType)
          writer.integerString(rdbType)
          writer.length(0)
        }
        const odd = Buffer.from('odd\n')
        writer.byte(1)
        writer.string(odd, 0, odd.length)
        writer.length(0)
        writeStringKey(writer, 'there', 'value')
      }),
    )
    const server = await start(2)
    expect(await (await connect(server)).call('DBSIZE')).toBe(1)
    expect(server.output()).toContain('keys loaded: 1, keys expired: 0, empty keys skipped: 8.')
    for (const name of ['1', '18', '"odd\\n"']) expect(server.output()).toContain(`skipping empty key: ${name}\n`)
  })

  it.each([
    ['is damaged', (bytes: Buffer) => bytes.subarray(0, -12), /Fatal error loading the DB: the file ends at byte \d+/],
    [
      'has a wrong checksum',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -8), Buffer.from('foobar00')]),
      /CRC error/,
    ],
    [
      'has a damaged value',
      () =>
        Buffer.from(
          fileOf(10, (writer) => {
            writeStringKey(writer, 'whole', 'value')
            writer.byte(16)
            writer.integerString(5)
            writer.string(Buffer.from('no listpack'), 0, 11)
          }),
        ),
      /malformed value in the key at byte 22: expected a listpack/,
    ],
    [
      'has a key twice',
      () =>
        Buffer.from(
          fileOf(10, (writer) => {
            for (let i = 0; i < 2; i++) writeStringKey(writer, 'key', 'value')
          }),
        ),
      /expected a key that is not there yet/,
    ],
    [
      'needs more databases',
      () =>
        Buffer.from(
          fileOf(10, (writer) => {
            writer.byte(0xfe)
            writer.length(16)
            writeStringKey(writer, 'key', 'value')
          }),
        ),
      /more than 16 databases/,
    ],
  ])('that %s keeps the server from starting', async (_, change, message) => {
    writeFileSync(dump(), change(Buffer.from(fileOf(10, (writer) => writeStringKey(writer, 'key', 'value')))))
    const fault = await start(2).then(
      () => 'it started',
      (error: Error) => error.message,
    )
    expect(fault).toMatch(message)
    expect(fault).toContain('ended with code 1')
  })
})

describe.each(SHARD_COUNTS)('saving on %i shard(s)', (shards) => {
  it('goes on in the background, and shows the moment at which it began', async () => {
    const server = await start(shards)
    const client = await connect(server)
    await client.call('DEBUG', 'POPULATE', 5000)
    // What is sent together comes in that order.
    const replies = await Promise.all([
      client.call('SET', 'counter', 1),
      client.call('BGSAVE'),
      client.call('SET', 'counter', 2),
      client.call('SET', 'later', 1),
    ])
    expect(replies[1]).toEqual({ simple: 'Background saving started' })
    await saved(client)
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('2')
    expect(await info(client, 'rdb_last_bgsave_status')).toBe('ok')
    expect(Number(await info(client, 'rdb_last_bgsave_time_sec'))).toBeGreaterThanOrEqual(0)
    copyFileSync(dump(), path.join(folder, 'copy.rdb'))
    const copy = await open(shards, '--dbfilename', 'copy.rdb')
    expect(await copy.call('GET', 'counter')).toBe('1')
    expect(await copy.call('DBSIZE')).toBe(5001)
  })

  it('is refused while it goes on in the background', async () => {
    const server = await start(shards, '--rdb-key-save-delay', '1000')
    const client = await connect(server)
    const other = await connect(server)
    await client.call('DEBUG', 'POPULATE', 1000)
    await client.call('BGSAVE')
    const inProgress = { error: 'ERR Background save already in progress' }
    expect(await client.call('SAVE')).toEqual(inProgress)
    expect(await client.call('BGSAVE')).toEqual(inProgress)
    expect(await client.call('BGSAVE', 'SCHEDULE')).toEqual(inProgress)
    expect(await client.call('BGSAVE', 'NOW')).toEqual({ error: 'ERR syntax error' })
    expect(await info(client, 'rdb_bgsave_in_progress')).toBe('1')
    expect(await info(client, 'current_save_keys_total')).toBe('1000')
    // Others do not wait for it.
    expect(await other.call('SET', 'key:1', 'new')).toEqual(OK)
    expect(await info(client, 'rdb_bgsave_in_progress')).toBe('1')
    await client.call('CONFIG', 'SET', 'rdb-key-save-delay', 0)
    await saved(client)
  })

  it('comes behind a transaction that asks for it', async () => {
    const client = await open(shards)
    await client.call('MULTI')
    await client.call('SET', 'a', 1)
    expect(await client.call('SAVE')).toEqual({ error: 'ERR Command not allowed inside a transaction' })
    expect((await client.call('EXEC')) as object).toHaveProperty('error')
    await client.call('MULTI')
    await client.call('SET', 'a', 1)
    await client.call('BGSAVE')
    await client.call('SET', 'b', 1)
    expect(await client.call('EXEC')).toEqual([OK, { simple: 'Background saving scheduled' }, OK])
    await until(() => existsSync(dump()))
    await saved(client)
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('0')
  })

  it('shows transactions, and commands over shards, wholly or not at all', async () => {
    const server = await start(shards)
    const client = await connect(server)
    await client.call('DEBUG', 'POPULATE', 20_000)
    const writers = await Promise.all([connect(server), connect(server)])
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    let isOver = false
    const writing = writers.map(async (writer, which) => {
      for (let i = 0; !isOver; i++) {
        if (which === 0) {
          await writer.call('MSET', ...keys.flatMap((key) => [key, i]))
        } else {
          const replies = [writer.call('MULTI'), ...keys.map((key) => writer.call('RPUSH', `list:${key}`, i))]
          await Promise.all([...replies, writer.call('EXEC')])
        }
      }
    })
    for (let round = 0; round < 4; round++) {
      await sleep(20)
      await client.call('BGSAVE')
      await saved(client)
      copyFileSync(dump(), path.join(folder, `copy-${round}.rdb`))
    }
    isOver = true
    await Promise.all(writing)
    await end(server)
    for (const round of [0, 3]) {
      const copyServer = await start(1, '--dbfilename', `copy-${round}.rdb`)
      const copy = await connect(copyServer)
      const values = (await copy.call('MGET', ...keys)) as string[]
      expect(new Set(values).size, values.join()).toBe(1)
      const lengths = await Promise.all(keys.map((key) => copy.call('LLEN', `list:${key}`)))
      expect(new Set(lengths).size, lengths.join()).toBe(1)
      await end(copyServer)
    }
  })

  it('takes values of any size', async () => {
    const server = await start(shards)
    const client = await connect(server)
    await client.call('SET', 'long', 'abcdefghij'.repeat(1_000_000))
    for (let from = 0; from < 50_000; from += 10_000) {
      const members = Array.from({ length: 10_000 }, (_, i) => `member ${from + i}`)
      await client.call('RPUSH', 'list', ...members)
      await client.call('ZADD', 'zset', ...members.flatMap((member, i) => [i, member]))
    }
    const before = await contents(client)
    await client.call('CONFIG', 'SET', 'rdbcompression', 'no')
    expect(await client.call('SAVE')).toEqual(OK)
    await end(server)
    expect(await contents(await open(shards))).toEqual(before)
  })

  it('leaves the old file when the server is killed', async () => {
    const server = await start(shards)
    const client = await connect(server)
    await client.call('SET', 'old', 1)
    await client.call('SAVE')
    const old = readFileSync(dump())
    await client.call('DEBUG', 'POPULATE', 20_000)
    await client.call('CONFIG', 'SET', 'rdb-key-save-delay', 1000)
    await client.call('BGSAVE')
    await until(() => readdirSync(folder).some((name) => name.startsWith('temp-')))
    await until(async () => Number(await info(client, 'current_save_keys_processed')) > 0)
    const killed = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill('SIGKILL')
    await killed
    expect(readFileSync(dump())).toEqual(old)
    const again = await open(shards)
    expect(await again.call('DBSIZE')).toBe(1)
  })
})

describe('a file that cannot be written', () => {
  /** The server's temporary file is this instead. */
  function replaceTemporary(server: TestServer, make: (file: string) => void): void {
    // The server's own process id stands in its log: what was started is a shell before.
    const pid = / PID: (\d+)/.exec(server.output())?.[1]
    make(path.join(folder, `temp-${pid}.rdb`))
  }

  it('because the disk is full answers an error, keeps the old one and holds back writes', async () => {
    const server = await start(2, '--save', '3600', '1000000')
    const client = await connect(server)
    await client.call('SET', 'key', 'old')
    await client.call('SAVE')
    const old = readFileSync(dump())
    replaceTemporary(server, (file) => symlinkSync('/dev/full', file))
    expect(await client.call('SAVE')).toEqual({ error: 'ERR' })
    expect(server.output()).toContain('Write error saving DB on disk(write): No space left on device')
    // What fails in the foreground only concerns who asked.
    expect(await client.call('SET', 'key', 'new')).toEqual(OK)
    replaceTemporary(server, (file) => symlinkSync('/dev/full', file))
    await client.call('BGSAVE')
    await saved(client)
    expect(await info(client, 'rdb_last_bgsave_status')).toBe('err')
    expect(readFileSync(dump())).toEqual(old)
    const refusal = { error: expect.stringMatching(/^MISCONF Redis is configured to save RDB snapshots/) }
    expect(await client.call('SET', 'key', 'newer')).toEqual(refusal)
    expect(await client.call('PING')).toEqual(refusal)
    expect(await client.call('GET', 'key')).toBe('new')
    const write = "return redis.call('SET', KEYS[1], 'newer')"
    // A script is refused where it writes, one that declares what it does at once.
    expect(await client.call('EVAL', "redis.call('GET', KEYS[1]) return 1", 1, 'key')).toBe(1)
    expect(await client.call('EVAL', write, 1, 'key')).toEqual(refusal)
    expect(await client.call('EVAL', "return redis.pcall('SET', 'undeclared', 1)", 0)).toEqual(refusal)
    expect(await client.call('EVAL', '#!lua\nreturn 1', 0)).toEqual(refusal)
    expect(await client.call('EVAL', '#!lua flags=no-writes\nreturn 1', 0)).toBe(1)
    await client.call('MULTI')
    await client.call('EVAL', write, 1, 'key')
    expect(await client.call('EXEC')).toEqual([refusal])
    const library = "redis.register_function('f', function() return 1 end)"
    const harmless = "redis.register_function{function_name='g', callback=function() return 1 end, flags={'no-writes'}}"
    expect(await client.call('FUNCTION', 'LOAD', `#!lua name=l\n${library}\n${harmless}`)).toEqual(refusal)
    expect(await client.call('GET', 'key')).toBe('new')
    await client.call('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no')
    expect(await client.call('SET', 'key', 'newer')).toEqual(OK)
    expect(await client.call('EVAL', write, 1, 'key')).toEqual(OK)
    await client.call('FUNCTION', 'LOAD', `#!lua name=l\n${library}\n${harmless}`)
    await client.call('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes')
    expect(await client.call('SET', 'key', 'newest')).toEqual(refusal)
    expect(await client.call('FCALL', 'f', 0)).toEqual(refusal)
    expect(await client.call('FCALL', 'g', 0)).toBe(1)
    await client.call('BGSAVE')
    await saved(client)
    expect(await info(client, 'rdb_last_bgsave_status')).toBe('ok')
    expect(await client.call('SET', 'key', 'newest')).toEqual(OK)
    expect(await client.call('EVAL', write, 1, 'key')).toEqual(OK)
    expect(await client.call('FCALL', 'f', 0)).toBe(1)
  })

  it('because of its place answers an error', async () => {
    const server = await start(2)
    const client = await connect(server)
    replaceTemporary(server, (file) => mkdirSync(file))
    expect(await client.call('SAVE')).toEqual({ error: 'ERR' })
    expect(server.output()).toMatch(/Failed opening the temp RDB file temp-\d+\.rdb .* Is a directory/)
    replaceTemporary(server, (file) => rmSync(file, { recursive: true }))
    mkdirSync(path.join(dump(), 'inside'), { recursive: true })
    expect(await client.call('SAVE')).toEqual({ error: 'ERR' })
    expect(server.output()).toMatch(/Error moving temp DB file temp-\d+\.rdb on the final destination dump\.rdb/)
    expect(readdirSync(folder)).toEqual(['dump.rdb'])
    rmSync(dump(), { recursive: true })
    expect(await client.call('SAVE')).toEqual(OK)
  })

  it('keeps SHUTDOWN from ending the server, unless it is forced', async () => {
    const server = await start(2, '--save', '3600', '1')
    const client = await connect(server)
    await client.call('SET', 'key', 'value')
    mkdirSync(path.join(dump(), 'inside'), { recursive: true })
    expect(await client.call('SHUTDOWN')).toEqual({ error: 'ERR Errors trying to SHUTDOWN. Check logs.' })
    expect(await client.call('GET', 'key')).toBe('value')
    server.process.kill('SIGTERM')
    await until(() => server.output().includes('Errors trying to shut down the server.'))
    expect(await client.call('SET', 'key', 'other')).toEqual(OK)
    const ended = new Promise((resolve) => server.process.once('exit', resolve))
    void client.call('SHUTDOWN', 'FORCE').catch(() => {})
    expect(await ended).toBe(0)
    expect(server.output()).toContain('Error trying to save the DB. Exit anyway.')
  })
})

describe('the end of the server', () => {
  const cases = [
    ['SIGTERM, with save points', ['--save', '3600', '1'], null, true],
    ['SIGTERM, without', [], null, false],
    ['SIGTERM, which is not to save', ['--save', '3600', '1', '--shutdown-on-sigterm', 'nosave'], null, false],
    ['SIGTERM, which is to save', ['--shutdown-on-sigterm', 'save'], null, true],
    ['SHUTDOWN, with save points', ['--save', '3600', '1'], ['SHUTDOWN'], true],
    ['SHUTDOWN, without', [], ['SHUTDOWN'], false],
    ['SHUTDOWN NOSAVE', ['--save', '3600', '1'], ['SHUTDOWN', 'NOSAVE'], false],
    ['SHUTDOWN SAVE', [], ['SHUTDOWN', 'SAVE'], true],
  ] as const
  it.each(cases)('%s', async (_, args, command, isSaved) => {
    const server = await start(2, ...args)
    const client = await connect(server)
    await client.call('SET', 'key', 'value')
    const ended = new Promise((resolve) => server.process.once('exit', resolve))
    if (command === null) server.process.kill('SIGTERM')
    else void client.call(...command).catch(() => {})
    expect(await ended).toBe(0)
    expect(existsSync(dump())).toBe(isSaved)
    if (isSaved) expect(readFileSync(dump()).toString('latin1')).toContain('value')
  })
})

describe('save points', () => {
  it('save after so many changes in so many seconds', async () => {
    const server = await start(2, '--save', '1', '3')
    const client = await connect(server)
    for (const key of ['a', 'b']) await client.call('SET', key, 1)
    await sleep(2500)
    expect(existsSync(dump())).toBe(false)
    const before = (await client.call('LASTSAVE')) as number
    await client.call('SET', 'c', 1)
    await until(() => existsSync(dump()))
    await saved(client)
    expect(server.output()).toContain('3 changes in 1 seconds. Saving...')
    expect(await client.call('LASTSAVE')).toBeGreaterThan(before)
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('0')
    expect(await info(client, 'rdb_saves')).toBe('1')
  })

  it('save what FLUSHALL has left', async () => {
    const server = await start(2, '--save', '3600', '1000')
    const client = await connect(server)
    await client.call('SET', 'key', 'value')
    await client.call('SAVE')
    // What others have begun to save by then is not wanted any more.
    await client.call('DEBUG', 'POPULATE', 20_000, 'key', 100)
    await client.call('BGSAVE')
    const others = await Promise.all([connect(server), connect(server)])
    const replies = await Promise.all([client, ...others].map((one) => one.call('FLUSHALL')))
    expect(replies).toEqual([OK, OK, OK])
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('0')
    const killed = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill('SIGKILL')
    await killed
    expect(await (await open(2)).call('DBSIZE')).toBe(0)
  })

  it('save what FLUSHALL in a transaction has left right after it', async () => {
    const server = await start(2, '--save', '3600', '1000')
    const client = await connect(server)
    await client.call('SET', 'key', 'value')
    await client.call('SAVE')
    await client.call('MULTI')
    await client.call('FLUSHALL')
    await client.call('EXEC')
    await until(() => server.output().includes('The data set was emptied. Saving...'))
    await saved(client)
    expect(await info(client, 'rdb_changes_since_last_save')).toBe('0')
  })
})

describe('while the data set is being loaded', () => {
  it('clients are told to wait, and may ask about it', async () => {
    const first = await start(2, '--rdbcompression', 'no')
    await (await connect(first)).call('DEBUG', 'POPULATE', 30_000, 'key', 100)
    await clients[0]?.call('SAVE')
    await end(first)
    const socket = path.join(folder, 'socket')
    const started = start(2, '--key-load-delay', '100', '--unixsocket', socket)
    await until(() => existsSync(socket))
    const client = await RespConnection.open(socket)
    clients.push(client)
    const refusal = { error: 'LOADING Redis is loading the dataset in memory' }
    expect(await client.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(refusal)
    for (const command of ['PING', 'DBSIZE', 'SAVE', 'BGSAVE', 'MULTI']) {
      const reply = await client.call(command)
      if (command === 'MULTI') expect(reply).toEqual(OK)
      else expect(reply).toEqual(refusal)
    }
    expect(await client.call('SET', 'key', 'value')).toEqual(refusal)
    expect(await client.call('EXEC')).toEqual({
      error: 'EXECABORT Transaction discarded because of previous errors.',
    })
    expect(await client.call('LASTSAVE')).toBeGreaterThan(0)
    expect(await info(client, 'loading')).toBe('1')
    await until(async () => Number(await info(client, 'loading_total_bytes')) > 3_000_000)
    const percent = Number(await info(client, 'loading_loaded_perc'))
    await until(async () => Number(await info(client, 'loading_loaded_perc')) > percent)
    await started
    expect(await info(client, 'loading')).toBe('0')
    expect(await client.call('PING')).toEqual({ simple: 'PONG' })
    expect(await client.call('DBSIZE')).toBe(30_000)
  })

  it('a signal ends the server, and leaves the file alone', async () => {
    const first = await start(2, '--rdbcompression', 'no')
    await (await connect(first)).call('DEBUG', 'POPULATE', 30_000, 'key', 100)
    await clients[0]?.call('SAVE')
    await end(first)
    const content = readFileSync(dump())
    const socket = path.join(folder, 'socket')
    const started = start(2, '--key-load-delay', '200', '--unixsocket', socket, '--save', '1', '1')
    await until(() => existsSync(socket))
    const client = await RespConnection.open(socket)
    clients.push(client)
    void client.call('SHUTDOWN').catch(() => {})
    await expect(started).rejects.toThrow('ended with code 0')
    expect(readFileSync(dump()).equals(content)).toBe(true)
  })
})
