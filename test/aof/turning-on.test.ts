/**
 * Turning the log on while the server runs, and changing its files: with disks that fail, and with what other servers have left
 * in the folders.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setFaults, watchingCalls } from '../durability/file-faults.js'
import { ServerProcess } from '../durability/server-process.js'
import type { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, testPeer } from '../support/server.js'

const OK = { simple: 'OK' }
const WAIT_MS_MAX = 15_000
/** No process has it: the highest number that Linux gives is below. */
const PID_OF_NOBODY = 2 ** 22 + 1

let root: string
let directory: string
let faults: string
let servers: ServerProcess[]
let connections: RespConnection[]

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'shardkeep-log-on-'))
  directory = path.join(root, 'data')
  faults = path.join(root, 'faults')
  mkdirSync(directory)
  servers = []
  connections = []
})

afterEach(async () => {
  for (const connection of connections) connection.close()
  for (const server of servers) await server.end()
  rmSync(root, { recursive: true })
})

async function start(shards: number, where: string, ...args: string[]): Promise<RespConnection> {
  const environment = { ...watchingCalls(where), FILE_CALLS_FAULTS: faults }
  const server = new ServerProcess({ directory: where, shards, args: ['--save', '', ...args], environment })
  servers.push(server)
  if (!(await server.ready)) throw new Error(server.output)
  const connection = await server.connect()
  connections.push(connection)
  return connection
}

const last = (): ServerProcess => servers.at(-1) as ServerProcess

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`it did not come: ${what}\n${last().output}`)
    await sleep(10)
  }
}

async function info(connection: RespConnection, field: string): Promise<string> {
  const text = (await connection.call('INFO', 'persistence')) as string
  return new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1] ?? ''
}

describe.skipIf(testPeer !== undefined).each(SHARD_COUNTS)(
  'the log turned on at run time, %i shard(s)',
  { timeout: 120_000 },
  (shards) => {
    it('leaves an older log in force until there is a base, and tries that again', async () => {
      const older = await start(shards, directory, '--appendonly', 'yes', '--appendfsync', 'always')
      await older.call('SET', 'older', '1')
      await last().end()
      const connection = await start(shards, directory, '--appendonly', 'no')
      await connection.call('SET', 'newer', '1')
      setFaults(faults, [{ call: 'rename', path: 'temp-[0-9]+\\.rdb$', count: 1e9, error: 'EIO' }])
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(OK)
      await until('a base that fails', () => last().output.includes('AOF rewrite terminated with error'))
      await connection.call('SET', 'newer', '2')
      const copy = path.join(root, 'copy')
      cpSync(directory, copy, { recursive: true })
      setFaults(faults, [])
      await until('a base', async () => (await info(connection, 'aof_last_bgrewrite_status')) === 'ok')
      await connection.call('SET', 'newest', '1')
      // What was begun in vain has gone.
      const files = readdirSync(path.join(directory, 'appendonlydir'))
      expect(files.length).toBe(shards + 2)
      expect(files.filter((name) => name.startsWith('temp-'))).toEqual([])
      await sleep(200)
      await last().end()
      const next = await start(shards, directory, '--appendonly', 'yes')
      expect(await next.call('MGET', 'older', 'newer', 'newest')).toEqual([null, '2', '1'])
      const before = await start(shards, copy, '--appendonly', 'yes')
      expect(await before.call('MGET', 'older', 'newer')).toEqual(['1', null])
    })

    it.runIf(shards === 1)('keeps its folder: dir is not changed while there is a log in it', async () => {
      const other = path.join(root, 'other')
      mkdirSync(path.join(other, 'appendonlydir'), { recursive: true })
      const args = ['--enable-protected-configs', 'yes', '--appendonly', 'yes', '--appendfsync', 'always']
      const connection = await start(shards, directory, ...args)
      const refused = await connection.call('CONFIG', 'SET', 'dir', other)
      expect(refused).toMatchObject({ error: expect.stringContaining('the append only file is in the present one') })
      expect(await connection.call('CONFIG', 'GET', 'dir')).toEqual(['dir', directory])
      expect(await connection.call('CONFIG', 'SET', 'dir', directory)).toEqual(OK)
      await connection.call('SET', 'key', '1')
      expect(readdirSync(path.join(other, 'appendonlydir'))).toEqual([])
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'no')).toEqual(OK)
      expect(await connection.call('CONFIG', 'SET', 'dir', other)).toEqual(OK)
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(OK)
      await until('a base there', async () => (await info(connection, 'aof_rewrites')) === '2')
      await last().end()
      expect(await (await start(shards, other, '--appendonly', 'yes')).call('GET', 'key')).toBe('1')
    })

    it('stays off where nothing can be written, which CONFIG SET says', async () => {
      const connection = await start(shards, directory)
      setFaults(faults, [{ call: 'open', path: 'incr\\.aof$', count: 1e9, error: 'EROFS' }])
      const text =
        "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs."
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual({ error: text })
      expect(await connection.call('CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'no'])
      expect(last().output).toContain("Can't open the append-only file: Read-only file system")
      expect(await connection.call('SET', 'a', '1')).toEqual(OK)
      setFaults(faults, [])
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(OK)
      await until('the base', async () => (await info(connection, 'aof_rewrite_in_progress')) === '0')
      await connection.call('SET', 'b', '1')
      await sleep(200)
      await last().end()
      const next = await start(shards, directory, '--appendonly', 'yes')
      expect(await next.call('MGET', 'a', 'b')).toEqual(['1', '1'])
    })

    it('has no log after a rewrite that failed while it was off', async () => {
      const connection = await start(shards, directory)
      await connection.call('SET', 'a', '1')
      expect(await connection.call('SAVE')).toEqual(OK)
      setFaults(faults, [{ call: 'rename', path: 'temp-[0-9]+\\.rdb$', count: 1e9, error: 'EIO' }])
      await connection.call('BGREWRITEAOF')
      await until('the failure', async () => (await info(connection, 'aof_last_bgrewrite_status')) === 'err')
      setFaults(faults, [])
      await last().end()
      expect(readdirSync(path.join(directory, 'appendonlydir'))).toEqual([])
      await start(shards, directory, '--appendonly', 'yes')
    })

    it('does not leave a file that misses records', async () => {
      const connection = await start(shards, directory, '--appendonly', 'yes', '--appendfsync', 'everysec')
      await connection.call('SELECT', '3')
      await connection.call('SET', 'a', '1')
      setFaults(faults, [{ call: 'write', path: 'incr\\.aof$', count: 1e9, error: 'EIO' }])
      // Its record waits, and does not say in which database it is.
      connection.write('SET', 'a', '2')
      connection.write('BGREWRITEAOF')
      expect(await connection.read()).toEqual(OK)
      await connection.read()
      await until('the end', async () => (await info(connection, 'aof_rewrite_in_progress')) === '0')
      expect(await info(connection, 'aof_last_bgrewrite_status')).toBe('err')
      setFaults(faults, [])
      await until('writes again', async () => (await info(connection, 'aof_last_write_status')) === 'ok')
      expect(await connection.call('SET', 'b', '1')).toEqual(OK)
      await connection.call('BGREWRITEAOF')
      await until('the next', async () => (await info(connection, 'aof_last_bgrewrite_status')) === 'ok')
      await connection.call('SET', 'c', '1')
      await sleep(300)
      await last().end()
      const next = await start(shards, directory, '--appendonly', 'yes')
      expect(await next.call('DBSIZE')).toBe(0)
      await next.call('SELECT', '3')
      expect(await next.call('MGET', 'a', 'b', 'c')).toEqual(['2', '1', '1'])
    })

    it('has the libraries of functions that were loaded while it changed its files', async () => {
      const connection = await start(shards, directory, '--appendonly', 'yes', '--appendfsync', 'always')
      const code = (name: string): string =>
        `#!lua name=${name}\nredis.register_function('${name}', function() return 1 end)`
      const names: string[] = []
      for (let i = 0; i < 20; i++) {
        connection.write('BGREWRITEAOF')
        // One that comes while the keys are locked, and some behind it.
        for (let j = 0; j < 4; j++) {
          names.push(`l${i}_${j}`)
          connection.write('FUNCTION', 'LOAD', code(`l${i}_${j}`))
        }
        await connection.read()
        for (let j = 0; j < 4; j++) expect(await connection.read()).toBe(`l${i}_${j}`)
        await until('the end', async () => (await info(connection, 'aof_rewrite_in_progress')) === '0')
      }
      await last().end()
      const next = await start(shards, directory, '--appendonly', 'yes')
      const libraries = (await next.call('FUNCTION', 'LIST')) as string[][]
      expect(libraries.map(([, name]) => name).sort()).toEqual(names.sort())
    })
  },
)

describe.skipIf(testPeer !== undefined)('what servers have left unfinished', () => {
  it.each(['yes', 'no'])('is removed at the start, unless its server is there: appendonly %s', async (isOn) => {
    const log = path.join(directory, 'appendonlydir')
    mkdirSync(log)
    const left = [
      path.join(directory, `temp-${PID_OF_NOBODY}.rdb`),
      ...(isOn === 'no'
        ? []
        : [`temp-${PID_OF_NOBODY}.aof`, 'temp-appendonly.aof.manifest', 'appendonly.aof.9.base.rdb']
      ).map((name) => path.join(log, name)),
    ]
    const kept = [`temp-${process.pid}.rdb`, 'temp-x.rdb', 'dump.rdb.bak'].map((name) => path.join(directory, name))
    kept.push(path.join(log, `temp-${process.pid}.rdb`))
    for (const name of [...left, ...kept]) writeFileSync(name, 'REDIS')
    await start(1, directory, '--appendonly', isOn)
    expect(left.filter((name) => existsSync(name))).toEqual([])
    expect(kept.filter((name) => !existsSync(name))).toEqual([])
  })
})
