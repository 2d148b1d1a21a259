/** What `shardkeep export` does. */
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type ExportFormat, exported } from '../transfer/export.js'
import { isLibrary, isWanted, itemsOfRdb, type KeyFilter, type SourceItem } from '../transfer/key-source.js'
import { type FilterOptions, filterOf, holdsForAll } from './key-filter.js'
import { itemsOfServer } from './live-source.js'
import { startProgress } from './progress.js'
import { parseRedisAddress, RedisClient } from './redis-client.js'
import { ToolError } from './tool-error.js'

const RDB_VERSION_MIN = 10

export interface ExportToolOptions extends FilterOptions {
  readonly from?: string
  readonly rdb?: string
  readonly format: 'rdb' | 'resp' | 'jsonl'
  readonly out: string
  readonly rdbVersion?: string
}

export async function exportKeys(options: ExportToolOptions): Promise<void> {
  const filter = filterOf(options)
  const progress = startProgress('Exporting', options.rdb === undefined ? 'keys' : 'bytes')
  let keys = 0
  let version = RDB_VERSION_MIN
  const noteVersion = (found: number): void => {
    version = Math.max(version, found)
  }
  const onKey = (): void => {
    keys++
    if (options.rdb === undefined) progress.update(keys, 0)
  }
  let client: RedisClient | undefined
  let items: AsyncIterable<SourceItem>
  if (options.from !== undefined) {
    client = await RedisClient.connect(parseRedisAddress(options.from, process.env))
    items = itemsOfServer(client, filter, noteVersion)
  } else if (options.rdb !== undefined) {
    items = itemsOfRdb(options.rdb, Date.now(), (bytes, total, found) => {
      noteVersion(found)
      progress.update(bytes, total)
    })
  } else {
    throw new ToolError('what is to be exported? --from redis://host:port, or --rdb file')
  }
  try {
    const rdbVersion = (): number => (options.rdbVersion === undefined ? version : Number(options.rdbVersion))
    await write(
      exported(wanted(items, filter, options.format), { format: options.format, rdbVersion, onKey }),
      options.out,
    )
  } finally {
    client?.close()
  }
  progress.end(`${keys} keys exported`)
}

async function* wanted(
  items: AsyncIterable<SourceItem>,
  filter: KeyFilter,
  format: ExportFormat,
): AsyncGenerator<SourceItem> {
  // SCAN may tell of a key twice. Only a server that loads an RDB file minds.
  const seen = format === 'rdb' ? new Set<string>() : undefined
  for await (const item of items) {
    if (isLibrary(item)) {
      if (holdsForAll(filter)) yield item
      continue
    }
    if (!isWanted(filter, item)) continue
    const name = `${item.database} ${item.key.toString('latin1')}`
    if (seen?.has(name) === true) continue
    seen?.add(name)
    yield item
  }
}

/** A file has its name only when it is whole. */
async function write(content: AsyncIterable<Uint8Array>, out: string): Promise<void> {
  if (out === '-') {
    await pipeline(content, process.stdout, { end: false })
    return
  }
  const unfinished = `${out}.unfinished`
  try {
    await pipeline(content, createWriteStream(unfinished, { mode: 0o600 }))
    const handle = await open(unfinished, 'r+')
    await handle.sync().finally(() => handle.close())
    await rename(unfinished, out)
  } finally {
    await rm(unfinished, { force: true })
  }
}
