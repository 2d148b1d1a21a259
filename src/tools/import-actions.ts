/** What `shardkeep import` does. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { systemErrorText } from '../config/system-error.js'
import type { ExportFormat } from '../transfer/export.js'
import { type JsonKey, JsonLineError, parseJsonLine } from '../transfer/json-lines.js'
import { isLibrary, isWanted, itemsOfRdb, type KeyFilter, type SourceItem } from '../transfer/key-source.js'
import { type FilterOptions, filterOf, holdsForAll } from './key-filter.js'
import { KeyImport } from './key-import.js'
import { itemsOfServer } from './live-source.js'
import { type Progress, startProgress } from './progress.js'
import { parseRedisAddress, RedisClient, RedisError } from './redis-client.js'
import { ToolError } from './tool-error.js'

const FAULTS_SHOWN_MAX = 10

export interface ImportToolOptions extends FilterOptions {
  readonly from?: string
  readonly to: string
  readonly format?: 'rdb' | 'resp' | 'jsonl'
  readonly replace?: true
}

export async function importKeys(file: string | undefined, options: ImportToolOptions): Promise<void> {
  if ((file === undefined) === (options.from === undefined)) {
    throw new ToolError('what is to be imported? Name a file, or --from redis://host:port')
  }
  const format = file === undefined ? undefined : (options.format ?? (await formatOf(file)))
  const progress = startProgress('Importing', 'keys')
  const client = await RedisClient.connect(parseRedisAddress(options.to, process.env))
  try {
    if (file !== undefined && format === 'resp') await importCommands(client, file, progress)
    else await importItems(client, file, format, options, progress)
  } finally {
    client.close()
  }
}

/** What the beginning of a file looks like. */
async function formatOf(file: string): Promise<ExportFormat> {
  if (file === '-') throw new ToolError('the form of standard input must be given: --format resp or jsonl')
  try {
    const handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(5), 0, 5, 0).finally(() => handle.close())
    const beginning = buffer.toString('latin1', 0, bytesRead)
    if (beginning === 'REDIS') return 'rdb'
    if (beginning.startsWith('*')) return 'resp'
    if (beginning.startsWith('{') || beginning === '') return 'jsonl'
  } catch (error) {
    throw new ToolError(`${file} cannot be read: ${systemErrorText(error)}`)
  }
  throw new ToolError(`${file} looks like none of the forms that are known: give it with --format`)
}

async function importItems(
  client: RedisClient,
  file: string | undefined,
  format: ExportFormat | undefined,
  options: ImportToolOptions,
  progress: Progress,
): Promise<void> {
  const filter = filterOf(options)
  const keys = new KeyImport(client, options.replace === true)
  const source =
    options.from === undefined ? undefined : await RedisClient.connect(parseRedisAddress(options.from, process.env))
  try {
    if (format === 'jsonl') {
      for await (const item of jsonItems(file as string)) {
        if ('library' in item) await keys.addLibrary(item.library)
        else if (isWantedJson(filter, item)) await keys.addTyped(item)
        progress.update(keys.handled, 0)
      }
    } else {
      if (file === '-') throw new ToolError('RDB is not read from standard input: name a file')
      const items = source === undefined ? itemsOfRdb(file as string, Date.now()) : itemsOfServer(source, filter)
      for await (const item of items) {
        if (isLibrary(item)) await addLibrary(keys, filter, item)
        else if (isWanted(filter, item)) await keys.add(item)
        progress.update(keys.handled, 0)
      }
    }
    await keys.finish()
  } finally {
    source?.close()
  }
  progress.end(
    `${keys.imported} keys imported${keys.kept > 0 ? `, ${keys.kept} were there already and stay as they are` : ''}`,
  )
  reportFaults(keys.faults, keys.failed)
}

async function addLibrary(
  keys: KeyImport,
  filter: KeyFilter,
  item: Extract<SourceItem, { library: Buffer }>,
): Promise<void> {
  if (holdsForAll(filter)) await keys.addLibrary(item.library)
}

function isWantedJson(filter: KeyFilter, { database, key, value }: JsonKey): boolean {
  if (filter.types.length > 0 && !filter.types.includes(value.type)) return false
  return isWanted({ ...filter, types: [] }, { database, key, expireAtMs: null, rdbValue: Buffer.alloc(0) })
}

function reportFaults(faults: readonly string[], failed: number): void {
  if (failed === 0) return
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) process.stderr.write(`${fault}\n`)
  throw new ToolError(`${failed} were not imported`)
}

async function importCommands(client: RedisClient, file: string, progress: Progress): Promise<void> {
  let replies = 0
  let failed = 0
  const faults: string[] = []
  await client.pipe(contentOf(file), (reply) => {
    replies++
    if (reply instanceof RedisError) {
      failed++
      if (faults.length < FAULTS_SHOWN_MAX) faults.push(reply.message)
    }
    progress.update(replies, 0)
  })
  progress.end(`${replies} commands, ${failed} of them with an error`)
  reportFaults(faults, failed)
}

function contentOf(file: string): AsyncIterable<Buffer> {
  return file === '-' ? process.stdin : createReadStream(file)
}

async function* jsonItems(file: string): AsyncGenerator<JsonKey | { readonly library: Buffer }> {
  let number = 0
  for await (const line of linesOf(contentOf(file))) {
    number++
    if (line.trim() === '') continue
    try {
      yield parseJsonLine(line)
    } catch (error) {
      if (!(error instanceof JsonLineError)) throw error
      throw new ToolError(`line ${number}: ${error.message}`)
    }
  }
}

const LINE_FEED = 10

/** Lines of UTF-8, without their ends. */
async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let pieces: Buffer[] = []
  for await (const chunk of content) {
    let begin = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, begin)) {
      pieces.push(chunk.subarray(begin, end))
      yield Buffer.concat(pieces).toString()
      pieces = []
      begin = end + 1
    }
    if (begin < chunk.length) pieces.push(chunk.subarray(begin))
  }
  if (pieces.length > 0) yield Buffer.concat(pieces).toString()
}
