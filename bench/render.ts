/**
 * `npm run bench:render`: writes the README's benchmark tables from `bench/results`.
 *
 * Runs as a process of its own. Only the text between the two markers is replaced, always by the newest measurement of
 * each kind. With `--check` nothing is written, and the status is 1 when the README is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { type Figures, type Recorded, readResults } from './results.js'
import { type Cell, markdownTable } from './table.js'

const README = 'README.md'
const BEGIN = '<!-- bench:begin -->'
const END = '<!-- bench:end -->'

main()

function main(): void {
  const readme = readFileSync(README, 'utf8')
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`${README} has no block between ${BEGIN} and ${END}`)
  const block = render(readResults())
  const wanted = `${readme.slice(0, begin)}${BEGIN}\n${block}\n${readme.slice(end)}`
  if (wanted === readme) return
  if (process.argv.includes('--check')) {
    process.stderr.write(`${README}: the benchmark tables are not those of bench/results, run npm run bench:render\n`)
    process.exitCode = 1
    return
  }
  writeFileSync(README, wanted)
}

/** The whole block as Markdown. */
export function render(results: readonly Recorded[]): string {
  const sections = [
    throughput(results),
    memory(results),
    collectionMemory(results),
    tail(results),
    bgsave(results),
    neighbour(results),
    evalsha(results),
    bullmq(results),
    pubsub(results),
    stall(results),
    load(results),
    persistence(results),
  ].filter((text) => text !== '')
  return sections.length === 0 ? '_Nothing has been measured yet._' : sections.join('\n\n')
}

/** The newest measurement of each kind; what makes a kind is given by `kindOf`. Oldest kind first. */
function newest(results: readonly Recorded[], scenario: string, kindOf: (result: Recorded) => string): Recorded[] {
  const byKind = new Map<string, Recorded>()
  for (const result of results) {
    if (result.scenario !== scenario) continue
    const known = byKind.get(kindOf(result))
    if (known === undefined || known.at <= result.at) byKind.set(kindOf(result), result)
  }
  return [...byKind.values()]
}

function throughput(results: readonly Recorded[]): string {
  const rows = newest(results, 'throughput', (one) =>
    [one.shards, one.peer?.name, one.command, one.pipeline, one.cores].join(),
  )
  if (rows.length === 0) return ''
  const pipelines = [...new Set(rows.map((row) => row.pipeline ?? 1))].sort((a, b) => a - b)
  const kinds = new Map<string, Recorded[]>()
  for (const row of rows) {
    const kind = `${row.command?.toUpperCase()}, ${shards(row)}, ${nameOf(row.peer)}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), row])
  }
  const head = ['command', 'shards', 'compared with', ...pipelines.map((pipeline) => `pipeline ${pipeline}`)]
  const lines = [...kinds.entries()].map(([kind, measured]): Cell[] => [
    ...kind.split(', '),
    ...pipelines.map((pipeline) => {
      const row = measured.find((one) => one.pipeline === pipeline)
      return row === undefined ? '' : `${thousands(row.own.opsPerSecond)} (${row.ratio?.toFixed(2)}×)`
    }),
  ])
  const first = rows[0] as Recorded
  return [
    `Commands a second in thousands, and in brackets the ratio to the other server in the same run: ${first.clients} connections, ` +
      `${first.valueBytes}-byte values, ${first.keys} keys, redis-benchmark on the same machine. ${where(rows)}`,
    '',
    markdownTable(head, lines),
  ].join('\n')
}

function memory(results: readonly Recorded[]): string {
  const rows = newest(results, 'memory', (one) => [one.shards, one.peer?.name, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.map((row): Cell[] => [
    row.keys ?? '',
    shards(row),
    row.own.bytesPerKey?.toFixed(0) ?? '',
    `${row.peer?.bytesPerKey?.toFixed(0)} (${nameOf(row.peer)})`,
    row.own.heapGrowthBytes == null ? '' : `${(row.own.heapGrowthBytes / 2 ** 20).toFixed(1)} MiB`,
  ])
  return [
    `Resident bytes for each key of 16 bytes with a 32-byte value; growth of V8's heap at 2.5 times as many keys. ${where(rows)}`,
    '',
    markdownTable(['keys', 'shards', 'Shardkeep', 'compared with', 'V8 heap growth'], lines),
  ].join('\n')
}

function collectionMemory(results: readonly Recorded[]): string {
  const rows = newest(results, 'collection-memory', (one) => [one.shards, one.peer?.name, one.command].join())
  if (rows.length === 0) return ''
  const lines = rows.map((row): Cell[] => [
    row.command ?? '',
    shards(row),
    row.own.bytesPerKey?.toFixed(1) ?? '',
    `${row.peer?.bytesPerKey?.toFixed(1)} (${nameOf(row.peer)})`,
    row.own.heapGrowthBytes == null ? '' : `${(row.own.heapGrowthBytes / 2 ** 20).toFixed(1)} MiB`,
  ])
  return [
    `Resident bytes for each element of collections (for each field of the hashes), and the growth of V8's heap. ${where(rows)}`,
    '',
    markdownTable(['collection', 'shards', 'Shardkeep', 'compared with', 'V8 heap growth'], lines),
  ].join('\n')
}

function neighbour(results: readonly Recorded[]): string {
  const rows = newest(results, 'neighbour', (one) => [one.shards, one.peer?.name, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.flatMap((row) =>
    sides(row).map((side): Cell[] => [
      nameOf(side),
      shards(row),
      side.opsPerSecond ?? '',
      ms(side.p50Ms),
      ms(side.p99Ms),
      ms(side.p999Ms),
      ms(side.maxMs),
    ]),
  )
  return [
    `GETs of ${rows[0]?.clients} clients while one more client unites two sorted sets of ${rows[0]?.keys} members again and ` +
      `again, in milliseconds. ${where(rows)}`,
    '',
    markdownTable(['server', 'shards', 'GET/s', 'p50', 'p99', 'p99.9', 'max'], lines),
  ].join('\n')
}

/** A rate of ours, one of another server, and their ratio, a row each; `labels` say what was measured. */
function rateTable(
  rows: readonly Recorded[],
  unit: string,
  labels: readonly string[],
  cellsOf: (row: Recorded) => Cell[],
): string {
  const lines = rows.map((row): Cell[] => [
    ...cellsOf(row),
    shards(row),
    row.own.opsPerSecond ?? '',
    nameOf(row.peer),
    row.peer?.opsPerSecond ?? '',
    `${row.ratio?.toFixed(2)}×`,
  ])
  return markdownTable([...labels, 'shards', unit, 'compared with', unit, 'ratio'], lines)
}

function evalsha(results: readonly Recorded[]): string {
  const rows = newest(results, 'evalsha', (one) => [one.shards, one.peer?.name, one.command, one.pipeline].join())
  if (rows.length === 0) return ''
  const [{ keys, clients }] = rows as [Recorded]
  const title = `Scripts a second by their hash, each on one of ${keys} keys, ${clients} connections.`
  const table = rateTable(rows, 'scripts/s', ['script', 'pipeline'], (row) => [row.command ?? '', row.pipeline ?? ''])
  return `${title} ${where(rows)}\n\n${table}`
}

function bullmq(results: readonly Recorded[]): string {
  const rows = newest(results, 'bullmq', (one) => [one.shards, one.peer?.name, one.command].join())
  if (rows.length === 0) return ''
  const title =
    'Jobs of BullMQ a second, queue and worker in one process beside the server, the worker with 50 jobs at a time.'
  return `${title} ${where(rows)}\n\n${rateTable(rows, 'jobs/s', ['jobs'], (row) => [row.command ?? ''])}`
}

function pubsub(results: readonly Recorded[]): string {
  const rows = newest(results, 'pubsub', (one) => [one.shards, one.peer?.name, one.clients].join())
  if (rows.length === 0) return ''
  const title = `Messages of ${rows[0]?.valueBytes} bytes that reach the subscribers of one channel.`
  const table = rateTable(rows, 'messages/s', ['subscribers'], (row) => [row.clients ?? ''])
  return `${title} ${where(rows)}\n\n${table}`
}

function tail(results: readonly Recorded[]): string {
  const rows = newest(results, 'tail', (one) => [one.shards, one.peer?.name, one.command, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.flatMap((row) =>
    sides(row).map((side): Cell[] => [
      nameOf(side),
      shards(row),
      row.command ?? '',
      side.opsPerSecond ?? '',
      ms(side.p50Ms),
      ms(side.p99Ms),
      ms(side.p999Ms),
      ms(side.maxMs),
    ]),
  )
  return [
    `Latency in milliseconds with ${rows[0]?.keys} keys, half of the commands writes, ${rows[0]?.clients} connections, no pipelining. ${where(rows)}`,
    '',
    markdownTable(['server', 'shards', 'load', 'ops/s', 'p50', 'p99', 'p99.9', 'max'], lines),
  ].join('\n')
}

function stall(results: readonly Recorded[]): string {
  const rows = newest(results, 'stall', (one) => [one.shards, one.peer?.name, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.flatMap((row) =>
    sides(row).map((side): Cell[] => [
      nameOf(side),
      shards(row),
      ms(side.idleMaxMs),
      ms(side.p99Ms),
      ms(side.p999Ms),
      ms(side.maxMs),
    ]),
  )
  return [
    `PING every millisecond while a pipelined load makes the keyspace grow to ${rows[0]?.keys} keys, in milliseconds. ${where(rows)}`,
    '',
    markdownTable(['server', 'shards', 'idle max', 'p99', 'p99.9', 'max'], lines),
  ].join('\n')
}

function load(results: readonly Recorded[]): string {
  const rows = newest(results, 'load', (one) => [one.shards, one.peer?.name, one.command, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.map((row): Cell[] => [
    row.command ?? '',
    shards(row),
    row.own.loadSeconds?.toFixed(2) ?? '',
    row.own.startSeconds?.toFixed(2) ?? '',
    nameOf(row.peer),
    row.peer?.loadSeconds?.toFixed(2) ?? '',
    row.peer?.startSeconds?.toFixed(2) ?? '',
    `${row.ratio?.toFixed(2)}×`,
  ])
  return [
    `Seconds to load ${rows[0]?.keys} keys, and from the start of the process until it takes commands; the ratio is that of the ` +
      `loads, below 1 where Shardkeep is faster. ${where(rows)}`,
    '',
    markdownTable(['data', 'shards', 'load', 'start', 'compared with', 'load', 'start', 'ratio'], lines),
  ].join('\n')
}

function persistence(results: readonly Recorded[]): string {
  const rows = newest(results, 'persistence', (one) => [one.shards, one.peer?.name, one.command, one.pipeline].join())
  if (rows.length === 0) return ''
  const lines = rows.map((row): Cell[] => [
    row.command ?? '',
    row.pipeline ?? '',
    shards(row),
    row.own.opsPerSecond ?? '',
    ms(row.own.p99Ms),
    nameOf(row.peer),
    row.peer?.opsPerSecond ?? '',
    ms(row.peer?.p99Ms),
    `${row.ratio?.toFixed(2)}×`,
  ])
  return [
    `Writes a second with the append-only log on, both logs on the same disk, p99 in milliseconds: ${rows[0]?.clients} connections, ` +
      `${rows[0]?.valueBytes}-byte values. ${where(rows)}`,
    '',
    markdownTable(['load', 'pipeline', 'shards', 'ops/s', 'p99', 'compared with', 'ops/s', 'p99', 'ratio'], lines),
  ].join('\n')
}

function bgsave(results: readonly Recorded[]): string {
  const rows = newest(results, 'bgsave', (one) => [one.shards, one.peer?.name, one.command, one.keys].join())
  if (rows.length === 0) return ''
  const lines = rows.flatMap((row) =>
    sides(row).map((side): Cell[] => [
      nameOf(side),
      shards(row),
      row.command ?? '',
      side.extraPercent === undefined ? '' : `${side.extraPercent.toFixed(1)} %`,
      ms(side.p999BeforeMs),
      ms(side.p999Ms),
      side.p999Ratio === undefined ? '' : `${side.p999Ratio.toFixed(2)}×`,
      ms(side.maxMs),
      side.saveSeconds ?? '',
    ]),
  )
  return [
    `BGSAVE of ${rows[0]?.keys} keys beside SETs to them that come by the clock: the memory that it takes at most (proportional ` +
      `share of the server and its children) in percent of the data, and the latency of the SETs in milliseconds from when each ` +
      `was due. ${where(rows)}`,
    '',
    markdownTable(
      ['server', 'shards', 'load', 'memory', 'p99.9 without', 'p99.9 with', 'ratio', 'max', 'seconds'],
      lines,
    ),
  ].join('\n')
}

function sides(row: Recorded): Figures[] {
  return row.peer === undefined ? [row.own] : [row.own, row.peer]
}

/** The machine and the commits that the rows were measured on. */
function where(rows: readonly Recorded[]): string {
  const all = (pick: (row: Recorded) => string | number): string => [...new Set(rows.map(pick))].join(', ')
  return `Measured on ${all((row) => `${row.cores} cores of ${row.cpu}`)}, Node.js ${all((row) => row.node)}, commit ${all((row) => row.commit)}.`
}

function nameOf(side: Figures | undefined): string {
  return side === undefined ? '' : `${side.name} ${side.version}`
}

function shards(row: Recorded): Cell {
  return row.shards === 0 ? 'default' : row.shards
}

function thousands(value: number | undefined): string {
  return ((value ?? 0) / 1000).toFixed(0)
}

function ms(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2)
}
