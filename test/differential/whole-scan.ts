/**
 * SCAN and its kin from their beginning to their end, on both servers, each with cursors of its own.
 *
 * Only used by tests.
 */
import { bulkOf, elementsOf } from './reply-bytes.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import { type Argv, type ClientIndex, shownBytes } from './step.js'

/** A scan of so few elements is over long before. */
const SCAN_CALLS_MAX = 10_000

const DATABASES = 16
const ANY_COUNT = 1_000_000

const SCAN: Argv = [Buffer.from('SCAN')]

/** These give two replies for each element. */
const IN_PAIRS = ['hscan', 'zscan']

/** @param command SCAN, or SSCAN, HSCAN or ZSCAN and a key */
const scanCommand = (command: Argv, cursor: string, options: Argv): Argv => [
  ...command,
  Buffer.from(cursor),
  ...options,
]

/** What came with one cursor, each element as a text. */
function elementTexts(command: Argv, elements: Buffer): string[] {
  const texts = (elementsOf(elements) ?? []).map((element) => shownBytes(bulkOf(element) as Buffer))
  if (!IN_PAIRS.includes(command[0]?.toString('latin1').toLowerCase() ?? '')) return texts
  return texts.flatMap((text, i) => (i % 2 === 0 ? [`${text} ${texts[i + 1]}`] : []))
}

export type ScanOutcome =
  /** The elements that came, in order and each once. */
  | { readonly elements: { readonly ours: readonly string[]; readonly redis: readonly string[] } }
  /** The first replies of which one was no cursor with elements: errors, or QUEUED. */
  | { readonly replies: { readonly ours: Buffer; readonly redis: Buffer } }
  | 'endless'

export async function scanToEnd(
  pair: ServerPair,
  client: ClientIndex,
  command: Argv,
  options: Argv,
): Promise<ScanOutcome> {
  const seen = { ours: new Set<string>(), redis: new Set<string>() }
  const cursors = { ours: '0', redis: '0' }
  const isOver = { ours: false, redis: false }
  for (let calls = 0; calls < SCAN_CALLS_MAX; calls++) {
    // The server that is through begins again, as long as the other one is not.
    const commands = {
      ours: [scanCommand(command, cursors.ours, options)],
      redis: [scanCommand(command, cursors.redis, options)],
    }
    const replies = await pair.exchangeEach(client, commands.ours, commands.redis)
    const [ours, redis] = [replies.ours[0] as Buffer, replies.redis[0] as Buffer]
    for (const [server, reply] of [
      ['ours', ours],
      ['redis', redis],
    ] as const) {
      const [cursor, elements] = elementsOf(reply) ?? []
      if (cursor === undefined || elements === undefined) return { replies: { ours, redis } }
      for (const element of elementTexts(command, elements)) seen[server].add(element)
      cursors[server] = bulkOf(cursor)?.toString('latin1') ?? ''
      if (cursors[server] === '0') isOver[server] = true
    }
    if (isOver.ours && isOver.redis) return { elements: { ours: [...seen.ours].sort(), redis: [...seen.redis].sort() } }
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
  return [[Buffer.from('SELECT'), Buffer.from(String(database))], scanCommand(SCAN, cursor, options)]
}

/** Every second of the replies belongs to a scan. */
function unfinished(scans: readonly DatabaseScan[], replies: readonly Buffer[]): DatabaseScan[] {
  return scans.flatMap(({ database }, i) => {
    const [cursor = Buffer.alloc(0)] = elementsOf(replies[2 * i + 1] as Buffer) ?? []
    const next = bulkOf(cursor)?.toString('latin1') ?? '0'
    return next === '0' ? [] : [{ database, cursor: next }]
  })
}
