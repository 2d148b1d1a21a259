/** Saves that wait for others: what becomes of them when one fails, and when the server ends meanwhile. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const KEYS = 500
const KEY_DELAY_US = 2000
const WAIT_MS_MAX = 15_000

let folder: string
const servers: TestServer[] = []
const clients: RespConnection[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-saves-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(shards: number, ...args: string[]): Promise<{ server: TestServer; client: RespConnection }> {
  const server = await startServer({ shards, args: ['--dir', folder, '--save', '3600 1', ...args] })
  servers.push(server)
  const client = await RespConnection.open(server.port)
  clients.push(client)
  return { server, client }
}

async function persistence(client: RespConnection, field: string): Promise<string | undefined> {
  const text = String(await client.call('INFO', 'persistence'))
  return new RegExp(`^${field}:(.*)\r`, 'm').exec(text)?.[1]
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + WAIT_MS_MAX; !(await isReached()); ) {
    expect(Date.now()).toBeLessThan(endMs)
    await sleep(5)
  }
}

/** Has the log rewritten, slowly: it is not through when this ends. */
async function beginRewrite(client: RespConnection): Promise<void> {
  await client.call('DEBUG', 'POPULATE', KEYS)
  await client.call('SET', 'key', 'value')
  await client.call('CONFIG', 'SET', 'rdb-key-save-delay', KEY_DELAY_US)
  await client.call('BGREWRITEAOF')
  await until(async () => Number(await persistence(client, 'current_save_keys_processed')) > 0)
}

const exitOf = ({ process }: TestServer): Promise<number | null> =>
  new Promise((resolve) => process.once('exit', resolve))

describe.each(SHARD_COUNTS)('with %i shards', (shards) => {
  it('a server that ends while the log is rewritten saves, without what waits for the rewrite', async () => {
    const { server, client } = await start(shards)
    await beginRewrite(client)
    await client.call('BGSAVE')
    const exit = exitOf(server)
    server.process.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(readdirSync(folder).filter((name) => name.startsWith('temp-'))).toEqual([])
    const again = await start(shards)
    expect(await again.client.call('DBSIZE')).toBe(KEYS + 1)
  })

  it('a server that ends without saving while the log is rewritten ends the log', async () => {
    const { server, client } = await start(shards, '--appendonly', 'yes')
    await beginRewrite(client)
    const exit = exitOf(server)
    client.write('SHUTDOWN', 'NOSAVE')
    expect(await exit).toBe(0)
    expect(existsSync(path.join(folder, 'dump.rdb'))).toBe(false)
    const again = await start(shards, '--appendonly', 'yes')
    // What DEBUG POPULATE makes is not in the log.
    expect(await again.client.call('DBSIZE')).toBe(1)
  })

  it('a save behind a rewrite that fails is done', async () => {
    const { client } = await start(shards, '--appendonly', 'yes')
    await beginRewrite(client)
    await client.call('BGSAVE')
    rmSync(path.join(folder, 'appendonlydir'), { recursive: true })
    await client.call('CONFIG', 'SET', 'rdb-key-save-delay', 0)
    await until(async () => (await persistence(client, 'rdb_bgsave_in_progress')) === '0')
    expect(await persistence(client, 'rdb_last_bgsave_status')).toBe('ok')
    expect(await persistence(client, 'aof_last_bgrewrite_status')).toBe('err')
    expect(existsSync(path.join(folder, 'dump.rdb'))).toBe(true)
  })
})
