/** Backups of a server into a folder and into a bucket: they prove themselves, are found damaged, kept, removed and restored. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ACCESS_KEY_ID, type S3Server, SECRET_ACCESS_KEY, startS3 } from '../support/s3-server.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { backUp, backups, digest, fields, fill, PROTECTED, testFolder, tool } from './backup-server.js'

const folder = testFolder()
const keyFile = path.join(folder.path, 'key')
writeFileSync(keyFile, randomBytes(32).toString('base64'))
afterAll(() => folder.remove())

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function start(args: readonly string[], shards = 1, environment = {}): Promise<TestServer> {
  const server = await startServer({ shards, args, environment })
  servers.push(server)
  return server
}

let targets = 0
function newTarget(): string {
  return path.join(folder.path, `target-${++targets}`)
}

/** The digest of a server that loads what `restore` has made. */
async function digestOfRestored(args: readonly string[], environment = {}): Promise<string> {
  const dir = newTarget()
  expect(await tool(['restore', ...args, '--dir', dir], environment)).toMatchObject({ code: 0 })
  const server = await start(['--dir', dir], 2)
  return digest(server.client())
}

describe.each(SHARD_COUNTS)('with %i shards', (shards) => {
  it('a backup has the digest of its moment, and comes back', async () => {
    const target = newTarget()
    const client = (await start(['--backup-target', target], shards)).client()
    await fill(client)
    const before = await digest(client)
    expect(await backUp(client)).toMatchObject({ 'last-status': 'ok', 'last-error': '', succeeded: 1 })
    const [backup] = await backups(client)
    expect(backup).toMatchObject({ state: 'complete', digest: before, encrypted: 'no', failure: '' })
    expect(await client.call('BACKUP', 'VERIFY', String(backup?.id))).toBe('OK')
    expect(await digestOfRestored(['latest', '--target', target])).toBe(before)
  })

  it('shows one moment while counters go up', async () => {
    const target = newTarget()
    const server = await start(['--backup-target', target], shards)
    const client = server.client()
    await fill(client)
    let isDone = false
    const writer = (async () => {
      const writing = server.client()
      for (let n = 0; !isDone; n++) await writing.incr(`counter:${n % 10}`)
    })()
    for (let i = 0; i < 3; i++) expect(await backUp(client)).toMatchObject({ 'last-status': 'ok' })
    isDone = true
    await writer
    const run = await tool(['backup', 'fetch', 'latest', '--target', target, '--out', path.join(target, 'x.rdb')])
    expect(run.code).toBe(0)
    const lines = (await tool(['export', '--rdb', path.join(target, 'x.rdb'), '--match', 'counter:*'])).stdout
      .trim()
      .split('\n')
    const counters = lines.map((line) => JSON.parse(line) as { key: string; value: string })
    counters.sort((a, b) => (a.key < b.key ? -1 : 1))
    const values = counters.map(({ value }) => Number(value))
    // One connection counts them up in turn: in every prefix the values descend by at most one.
    expect((values[0] as number) - (values.at(-1) as number)).toBeLessThanOrEqual(1)
    expect([...values].sort((a, b) => b - a)).toEqual(values)
  })
})

describe('a folder', () => {
  it('keeps backups that are encrypted, which nothing opens without the key', async () => {
    const target = newTarget()
    const client = (await start(['--backup-target', target, '--backup-encryption-key-file', keyFile])).client()
    await fill(client)
    const before = await digest(client)
    expect(await backUp(client)).toMatchObject({ 'last-status': 'ok' })
    const [{ id } = {}] = await backups(client)
    expect(readFileSync(path.join(target, String(id), 'data.rdb.enc')).includes('REDIS0')).toBe(false)
    expect(await digestOfRestored([path.join(target, String(id)), '--key-file', keyFile])).toBe(before)
    const without = await tool(['backup', 'verify', '--target', target])
    expect(without).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('is encrypted, and no key file is given'),
    })
    const otherKey = path.join(folder.path, 'other-key')
    writeFileSync(otherKey, randomBytes(32))
    const withOther = await tool(['backup', 'verify', '--target', target, '--key-file', otherKey])
    expect(withOther).toMatchObject({ code: 1, stdout: expect.stringContaining('was encrypted with another key') })
  })

  it('shows where a backup is damaged', async () => {
    const target = newTarget()
    const client = (await start(['--backup-target', target])).client()
    await fill(client)
    await backUp(client)
    const [{ id } = {}] = await backups(client)
    const file = path.join(target, String(id), 'data.rdb')
    const bytes = readFileSync(file)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(file, bytes)
    await expect(client.call('BACKUP', 'VERIFY', String(id))).rejects.toThrow(
      /is damaged between byte 0 and \d+: part 1 of 1/,
    )
    writeFileSync(file, bytes.subarray(0, 50))
    await expect(client.call('BACKUP', 'VERIFY', String(id))).rejects.toThrow(/ends after 50 bytes/)
    expect(await tool(['restore', String(id), '--target', target, '--dir', newTarget()])).toMatchObject({ code: 1 })
  })

  it('has only as many backups as retention says, and never loses the last', async () => {
    const target = newTarget()
    const client = (await start(['--backup-target', target, '--backup-retention', '2 1s'])).client()
    const ids: unknown[] = []
    for (let i = 0; i < 3; i++) ids.push((await backUp(client))['last-id'])
    expect((await backups(client)).map(({ id }) => id).sort()).toEqual(ids.slice(1).sort())
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const last = (await backUp(client))['last-id']
    expect((await backups(client)).map(({ id }) => id)).toEqual([last])
    expect(await client.call('BACKUP', 'DELETE', String(last))).toBe('OK')
    await expect(client.call('BACKUP', 'DELETE', String(last))).rejects.toThrow('ERR No such backup')
    expect(readdirSync(target)).toEqual([])
  })

  it('keeps a backup that does not prove itself apart', async () => {
    const target = newTarget()
    const server = await start(['--backup-target', target])
    const client = server.client()
    await fill(client, 20_000)
    // Somebody exchanges the file between writing and reading back.
    const id = String(await client.call('BACKUP', 'NOW'))
    const file = path.join(target, id, 'data.rdb')
    for (;;) {
      try {
        const bytes = readFileSync(file)
        bytes[bytes.length - 9] = 0
        writeFileSync(`${file}.other`, bytes)
        renameSync(`${file}.other`, file)
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    for (;;) {
      const status = fields(await client.call('BACKUP', 'STATUS'))
      if (status.phase !== 'idle') continue
      expect(status).toMatchObject({ 'last-status': 'err', failed: 1 })
      break
    }
    expect(await backups(client)).toMatchObject([{ id, state: 'failed' }])
    expect(readdirSync(path.join(target, id)).sort()).toEqual(['data.rdb', 'failed.json'])
    expect(server.output()).toContain(`Backup ${id} failed: it is kept apart`)
    expect(await client.info('backup')).toContain('backup_last_status:err')
    expect(await tool(['restore', 'latest', '--target', target, '--dir', newTarget()])).toMatchObject({ code: 1 })
  })

  it('is cleaned of what a crash has left', async () => {
    const target = newTarget()
    const first = await start(['--backup-target', target])
    const id = '20200101T000000Z-00000001'
    mkdirSync(path.join(target, id), { recursive: true })
    writeFileSync(path.join(target, id, 'data.rdb.unfinished'), 'half')
    // Another server's, which is writing just now.
    const others = '20200101T000000Z-00000002'
    mkdirSync(path.join(target, others))
    writeFileSync(path.join(target, others, 'data.rdb'), 'half')
    const dir = newTarget()
    mkdirSync(path.join(dir, `temp-backup-${id}`), { recursive: true })
    writeFileSync(path.join(dir, `temp-backup-${id}`, 'destination'), target)
    writeFileSync(path.join(dir, `temp-backup-${id}`, 'snapshot.rdb'), 'half')
    await start(['--dir', dir, '--backup-target', target])
    expect(readdirSync(dir)).toEqual([])
    expect(readdirSync(target)).toEqual([others])
    expect(await backups(first.client())).toMatchObject([{ id: others, state: 'unfinished' }])
  })

  it('that cannot be written fails the backup, and leaves nothing', async () => {
    const file = path.join(folder.path, 'a-file')
    writeFileSync(file, '')
    const server = await start(['--backup-target', path.join(file, 'target')])
    const status = await backUp(server.client())
    expect(status).toMatchObject({
      'last-status': 'err',
      'last-error': expect.stringMatching(/failed: Not a directory/),
    })
    expect(readdirSync(server.directory)).toEqual([])
  })

  it('gets backups and exports when their schedules say so', async () => {
    const target = newTarget()
    const exports = newTarget()
    const server = await start([
      '--backup-target',
      target,
      '--backup-schedule',
      '* * * * * *',
      '--export-target',
      exports,
      '--export-schedule',
      '* * * * * *',
      '--export-retention',
      '1',
    ])
    const client = server.client()
    await fill(client)
    for (;;) {
      const status = fields(await client.call('BACKUP', 'STATUS'))
      expect(status.failed).toBe(0)
      if (Number(status.succeeded) >= 2 && status['last-export-status'] === 'ok') break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await client.config('SET', 'export-schedule', '', 'backup-schedule', '')
    const names = readdirSync(exports)
    expect(names[0]).toMatch(/^export-\d{8}T\d{6}Z-[0-9a-f]{8}\.jsonl$/)
    expect(await client.info('backup')).toMatch(/backup_next_time:0\r\n/)
  })
})

describe('a bucket', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3()
  })
  afterAll(() => s3.stop())

  const credentials = { AWS_ACCESS_KEY_ID: ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY }

  it('keeps backups, with credentials from the environment', async () => {
    const target = `s3://${s3.bucket}/some/prefix`
    const environment = { ...credentials, AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: 'eu-north-1' }
    const client = (
      await start(['--backup-target', target, '--backup-encryption-key-file', keyFile], 2, environment)
    ).client()
    await fill(client)
    const before = await digest(client)
    expect(await backUp(client)).toMatchObject({ 'last-status': 'ok', 'last-error': '' })
    expect(await digestOfRestored(['latest', '--target', target, '--key-file', keyFile], environment)).toBe(before)
    const [{ id } = {}] = await backups(client)
    expect(await client.call('BACKUP', 'DELETE', String(id))).toBe('OK')
    expect(await backups(client)).toEqual([])
  })

  it('keeps backups, with credentials from settings that nobody gets to see', async () => {
    const server = await start(
      [
        '--backup-target',
        `s3://${s3.bucket}/settings`,
        '--backup-s3-endpoint',
        s3.endpoint,
        '--loglevel',
        'debug',
        '--backup-s3-access-key-id',
        ACCESS_KEY_ID,
        '--backup-s3-secret-access-key',
        SECRET_ACCESS_KEY,
        ...PROTECTED,
      ],
      1,
      { AWS_ACCESS_KEY_ID: 'wrong', AWS_SECRET_ACCESS_KEY: 'wrong' },
    )
    const client = server.client()
    expect(await backUp(client)).toMatchObject({ 'last-status': 'ok', 'last-error': '' })
    expect(await client.config('GET', 'backup-s3-secret-access-key')).toEqual([
      'backup-s3-secret-access-key',
      '********',
    ])
    // What was read can be written back.
    await client.config('SET', 'backup-s3-secret-access-key', '********')
    expect(await backUp(client)).toMatchObject({ 'last-status': 'ok' })
    await client.config('SET', 'backup-s3-secret-access-key', 'another secret', 'slowlog-log-slower-than', '0')
    const refused = await backUp(client)
    expect(refused['last-error']).toMatch(/was refused: SignatureDoesNotMatch \(status 403\)/)
    const seen =
      server.output() + JSON.stringify([refused, await client.slowlog('GET', 128), await client.config('GET', '*')])
    expect(seen).not.toContain(SECRET_ACCESS_KEY)
    expect(seen).not.toContain('another secret')
  })
})

describe('settings', () => {
  it.each([
    [['--backup-schedule', '0 3 * * *'], 'backup-schedule needs a backup-target'],
    [['--backup-schedule', 'at noon', '--backup-target', 'x'], 'argument must be a schedule as cron has them'],
    [['--backup-target', 'ftp://host/x'], 'must be a directory or s3://bucket/prefix'],
    [['--backup-target', 's3://A_B'], 'the name of the bucket'],
    [['--backup-target', 's3://bucket/x'], 'there are no credentials for s3://bucket/x'],
    [
      ['--backup-encryption-key-file', '/nonexistent'],
      'the key file /nonexistent cannot be read: No such file or directory',
    ],
    [['--backup-retention', 'x'], "argument couldn't be parsed into an integer"],
    [['--backup-s3-endpoint', 'host:1'], 'argument must be an http or https URL'],
    [['--export-schedule', '0 3 * * *'], 'export-schedule needs an export-target'],
  ])('refuse %j at the start', async (args, reason) => {
    const environment = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }
    await expect(start(args, 1, environment)).rejects.toThrow(reason)
  })

  it('refuse the same in CONFIG SET, and stay as they were', async () => {
    const client = (await start(PROTECTED)).client()
    await expect(client.config('SET', 'backup-schedule', '0 3 * * *')).rejects.toThrow(
      'backup-schedule needs a backup-target',
    )
    await expect(client.config('SET', 'backup-encryption-key-file', '/nonexistent')).rejects.toThrow('cannot be read')
    await client.config(
      'SET',
      'backup-schedule',
      '0 3 * * *',
      'backup-target',
      newTarget(),
      'backup-retention',
      '7 30d',
    )
    await expect(client.config('SET', 'backup-target', '')).rejects.toThrow('needs a backup-target')
    expect(await client.config('GET', 'backup-retention', 'backup-schedule')).toEqual([
      'backup-retention',
      '7 30d',
      'backup-schedule',
      '0 3 * * *',
    ])
  })

  it('without a target there is nothing to ask for', async () => {
    const client = (await start([])).client()
    for (const words of [['NOW'], ['LIST'], ['VERIFY', '20200101T000000Z-00000001'], ['DELETE', 'x']] as const) {
      await expect(client.call('BACKUP', ...words)).rejects.toThrow('ERR There is no backup-target')
    }
    expect(await client.call('BACKUP', 'HELP')).toContain('NOW')
    await expect(client.call('BACKUP', 'NONE')).rejects.toThrow(/unknown subcommand/i)
  })
})
