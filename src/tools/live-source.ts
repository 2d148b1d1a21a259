/**
 * All keys of a running server, with SCAN and DUMP. Keys that are changed meanwhile are as they are when they are read; what is
 * there from the beginning to the end is among them.
 */
import type { KeyFilter, SourceItem, SourceKey } from '../transfer/key-source.js'
import { type RedisClient, RedisError, type Reply } from './redis-client.js'
import { ToolError } from './tool-error.js'

/** Keys asked for at once. */
const KEYS_AT_ONCE = 64
const SCAN_COUNT = '512'
/** Version and checksum behind a payload. */
const FOOTER_BYTES = 10

/**
 * @param filter is applied by the server as far as it can do that
 * @param onVersion is told the RDB version of the payloads
 * @throws ToolError
 */
export async function* itemsOfServer(
  client: RedisClient,
  filter: KeyFilter,
  onVersion: (version: number) => void = () => {},
): AsyncGenerator<SourceItem> {
  if (filter.patterns.length === 0) yield* librariesOf(client)
  for (const database of filter.databases.length > 0 ? filter.databases : await databasesOf(client)) {
    await client.ask(['SELECT', String(database)])
    for await (const keys of scanned(client, filter)) {
      for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
        yield* await dumped(client, database, keys.slice(at, at + KEYS_AT_ONCE), onVersion)
      }
    }
  }
}

/** Databases that hold keys. */
async function databasesOf(client: RedisClient): Promise<number[]> {
  const info = String(await client.ask(['INFO', 'keyspace']))
  return [...info.matchAll(/^db(\d+):/gm)].map(([, index]) => Number(index))
}

async function* librariesOf(client: RedisClient): AsyncGenerator<SourceItem> {
  const reply = await client.send(['FUNCTION', 'LIST', 'WITHCODE'])
  // Servers before Redis 7 have no functions.
  if (reply instanceof RedisError) return
  for (const library of listIn(reply)) {
    const fields = listIn(library)
    const code = fields[fields.findIndex((field) => String(field) === 'library_code') + 1]
    if (Buffer.isBuffer(code)) yield { library: code }
  }
}

async function* scanned(client: RedisClient, { patterns, types }: KeyFilter): AsyncGenerator<Buffer[]> {
  for (let cursor = '0'; ; ) {
    const reply = listIn(
      await client.ask([
        'SCAN',
        cursor,
        ...(patterns.length === 1 ? ['MATCH', patterns[0] as Buffer] : []),
        ...(types.length === 1 ? ['TYPE', types[0] as string] : []),
        'COUNT',
        SCAN_COUNT,
      ]),
    )
    const keys = listIn(reply[1]).filter((key) => Buffer.isBuffer(key))
    // SCAN may tell of a key several times; within one answer that costs nothing to see.
    yield [...new Map(keys.map((key) => [key.toString('latin1'), key])).values()]
    cursor = String(reply[0])
    if (cursor === '0') return
  }
}

/** Values and expiries. Keys that have gone are left out. */
async function dumped(
  client: RedisClient,
  database: number,
  keys: readonly Buffer[],
  onVersion: (version: number) => void,
): Promise<SourceKey[]> {
  const replies = keys.map(
    (key) => [client.send(['DUMP', key]), client.send(['PTTL', key]), client.send(['TIME'])] as const,
  )
  const found: SourceKey[] = []
  for (const [i, asked] of replies.entries()) {
    const [payload, ttlMs, time] = await Promise.all(asked)
    if (payload instanceof RedisError) throw new ToolError(`${client.name} answers DUMP with: ${payload.message}`)
    if (!Buffer.isBuffer(payload) || typeof ttlMs !== 'number' || ttlMs === -2) continue
    onVersion(payload.readUInt16LE(payload.length - FOOTER_BYTES))
    found.push({
      database,
      key: keys[i] as Buffer,
      // By the server's clock: that of this machine may be another.
      expireAtMs: ttlMs < 0 ? null : unixMs(time) + ttlMs,
      rdbValue: payload.subarray(0, payload.length - FOOTER_BYTES),
    })
  }
  return found
}

function unixMs(time: Reply): number {
  const [seconds, microseconds] = listIn(time)
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

function listIn(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply
  throw new ToolError('the server answers something else than was expected')
}
