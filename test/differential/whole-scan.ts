/**
 * SCAN from its beginning to its end, on both servers, each with cursors of its own.
 *
 * Only used by tests.
 */
import { bulkOf, elementsOf } from './reply-bytes.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import { type Argv, type ClientIndex, shownBytes } from './step.js'

/** A scan of so few keys is over long before. */
const SCAN_CALLS_MAX = 10_000

const DATABASES = 16
const ANY_COUNT = 1_000_000

const scanCommand = (cursor: string, options: Argv): Argv => [Buffer.from('SCAN'), Buffer.from(cursor), ...options]

export type ScanOutcome =
  /** The keys that came, in order and each once. */
  | { readonly keys: { readonly ours: readonly string[]; readonly redis: readonly string[] } }
  /** The first replies of which one was no cursor with keys: errors, or QUEUED. */
  | { readonly replies: { readonly ours: Buffer; readonly redis: Buffer } }
  | 'endless'

export async function scanToEnd(pair: ServerPair, client: ClientIndex, options: Argv): Promise<ScanOutcome> {
  const seen = { ours: new Set<string>(), redis: new Set<string>() }
  const cursors = { ours: '0', redis: '0' }
  const isOver = { ours: false, redis: false }
  for (let calls = 0; calls < SCAN_CALLS_MAX; calls++) {
    // The server that is through begins again, as long as the other one is not.
    const commands = { ours: [scanCommand(cursors.ours, options)], redis: [scanCommand(cursors.redis, options)] }
    const replies = await pair.exchangeEach(client, commands.ours, commands.redis)
    const [ours, redis] = [replies.ours[0] as Buffer, replies.redis[0] as Buffer]
    for (const [server, reply] of [
      ['ours', ours],
      ['redis', redis],
    ] as const) {
      const [cursor, keys] = elementsOf(reply) ?? []
      if (cursor === undefined || keys === undefined) return { replies: { ours, redis } }
      for (const key of elementsOf(keys) ?? []) seen[server].add(shownBytes(bulkOf(key) as Buffer))
      cursors[server] = bulkOf(cursor)?.toString('latin1') ?? ''
      if (cursors[server] === '0') isOver[server] = true
    }
    if (isOver.ours && isOver.redis) return { keys: { ours: [...seen.ours].sort(), redis: [...seen.redis].sort() } }
  }
  return 'endless'
}

/**
 * Looks every key of every database up, so that both servers remove those whose time is over: which of them a command comes
 * across differs, and with it what a digest or DBSIZE counts.
 */
export async function removeExpired(pair: ServerPair): Promise<void> {
  const all = Array.from({ length: DATABASES }, (_, database) => ({ database, cursor: '0' }))
  let left = { ours: all, redis: all }
  while (left.ours.length > 0 || left.redis.length > 0) {
    const commands = { ours: left.ours.flatMap(scanInDatabase), redis: left.redis.flatMap(scanInDatabase) }
    const replies = await pair.exchangeEach(CONTROL, commands.ours, commands.redis)
    left = { ours: unfinished(left.ours, replies.ours), redis: unfinished(left.redis, replies.redis) }
  }
}

interface DatabaseScan {
  readonly database: number
  readonly cursor: string
}

function scanInDatabase({ database, cursor }: DatabaseScan): Argv[] {
  const options = ['COUNT', String(ANY_COUNT)].map((word) => Buffer.from(word))
  return [[Buffer.from('SELECT'), Buffer.from(String(database))], scanCommand(cursor, options)]
}

/** Every second of the replies belongs to a scan. */
function unfinished(scans: readonly DatabaseScan[], replies: readonly Buffer[]): DatabaseScan[] {
  return scans.flatMap(({ database }, i) => {
    const [cursor = Buffer.alloc(0)] = elementsOf(replies[2 * i + 1] as Buffer) ?? []
    const next = bulkOf(cursor)?.toString('latin1') ?? '0'
    return next === '0' ? [] : [{ database, cursor: next }]
  })
}
