/** What the tests of backups share: data of all types, waiting for a backup, and the tools as programs. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Redis } from 'ioredis'
import { serverProgram } from '../support/server.js'

export const PROTECTED = ['--enable-protected-configs', 'yes']

/** A folder of its own for one test file. */
export function testFolder(): { readonly path: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-backup-'))
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Keys of every type and of several databases, with bytes that are no text. */
export async function fill(client: Redis, keys = 300): Promise<void> {
  const pipeline = client.pipeline()
  for (let i = 0; i < keys; i++) pipeline.set(`key:${i}`, `value ${i}`)
  pipeline.set(Buffer.from([0xff, 0, 10, 13]), Buffer.from([0xc3, 0x28]))
  pipeline.set('expires', 'later', 'PX', 100_000_000)
  for (let i = 0; i < 700; i++)
    pipeline
      .rpush('list', `element ${i}`)
      .sadd('set', `member ${i}`)
      .sadd('integers', i)
      .zadd('zset', i / 3, `m${i}`)
      .hset('hash', `f${i}`, i)
  pipeline
    .rpush('small', '', 'a')
    .sadd('words', 'a', '"')
    .hset('pairs', 'é', 'ü')
    .zadd('bounds', 'inf', 'a', '-inf', 'b', '-0', 'c')
  for (let i = 1; i < 10; i++) pipeline.xadd('stream', `${i}-1`, 'field', `${i}`)
  pipeline
    .xdel('stream', '9-1')
    .xgroup('CREATE', 'stream', 'group', '0')
    .call('XREADGROUP', 'GROUP', 'group', 'c', 'COUNT', '3', 'STREAMS', 'stream', '>')
  pipeline.xgroup('CREATE', 'empty', 'group', '$', 'MKSTREAM')
  pipeline.call('FUNCTION', 'LOAD', 'REPLACE', '#!lua name=lib\nredis.register_function("f", function() return 1 end)')
  pipeline.select(3).set('other', 'database').select(0)
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
}

export function digest(client: Redis): Promise<string> {
  return client.call('DEBUG', 'DIGEST') as Promise<string>
}

/** Pairs of a reply as an object. */
export function fields(reply: unknown): Record<string, string | number> {
  const flat = reply as (string | number)[]
  const object: Record<string, string | number> = {}
  for (let i = 0; i < flat.length; i += 2) object[String(flat[i])] = flat[i + 1] as string | number
  return object
}

export async function backups(client: Redis): Promise<Record<string, string | number>[]> {
  return ((await client.call('BACKUP', 'LIST')) as unknown[]).map(fields)
}

/** Makes a backup. @returns BACKUP STATUS when it is through */
export async function backUp(client: Redis): Promise<Record<string, string | number>> {
  const id = await client.call('BACKUP', 'NOW')
  for (;;) {
    const status = fields(await client.call('BACKUP', 'STATUS'))
    if (status.phase === 'idle' && status['last-id'] === id) return status
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export interface ToolRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a tool to its end. */
export async function tool(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ToolRun> {
  const [node = '', cli = ''] = serverProgram(1)
  try {
    const { stdout, stderr } = await promisify(execFile)(node, [cli, ...args], {
      env: { ...process.env, ...environment },
      maxBuffer: 2 ** 28,
    })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, stdout, stderr }
  }
}
