/**
 * MEMORY: USAGE runs on the shard that owns the key, the rest on the main thread.
 */
import { errors } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import { type MemoryOverhead, memoryOverhead } from './memory-overhead.js'
import type { ShardStatistics } from './server-services.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

/**
 * `MEMORY USAGE key [SAMPLES count]`. The size is known exactly, so that there is nothing to sample; SAMPLES is checked
 * because clients send it.
 */
function usage(call: ShardCall): void {
  for (let i = 3; i < call.argc; i += 2) {
    if (!call.is(i, 'SAMPLES') || i + 1 === call.argc) {
      call.reply.error(errors.syntax)
      return
    }
    const samples = call.int64(i + 1)
    if (samples === undefined || samples < 0n) {
      call.reply.error(samples === undefined ? errors.notAnInteger : errors.syntax)
      return
    }
  }
  if (call.peek(2)) call.reply.integer(call.db.memoryUsage())
  else call.reply.nil()
}

function stats(call: MainCall): void {
  const { server } = call
  const deferred = call.defer()
  server.shardStatistics((shards) => {
    writeStats(deferred.reply, memoryOverhead(server, shards))
    deferred.send()
  })
}

type Figure = readonly [name: string, write: (reply: ReplyWriter) => void]

function writeStats(reply: ReplyWriter, memory: MemoryOverhead): void {
  const netUsed = Math.max(1, memory.used - memory.startup)
  const dataset = memory.used - memory.overhead
  const figures: readonly Figure[] = [
    whole('peak.allocated', memory.peak),
    whole('total.allocated', memory.used),
    whole('startup.allocated', memory.startup),
    whole('replication.backlog', 0),
    whole('clients.slaves', 0),
    whole('clients.normal', memory.clients),
    whole('cluster.links', 0),
    whole('aof.buffer', 0),
    whole('lua.caches', 0),
    whole('functions.caches', 0),
    ...memory.databases.map(({ index, table, expiries }): Figure => {
      return [`db.${index}`, (into) => writeDatabase(into, table, expiries)]
    }),
    whole('overhead.total', memory.overhead),
    whole('keys.count', memory.keys),
    whole('keys.bytes-per-key', memory.keys === 0 ? 0 : Math.floor(netUsed / memory.keys)),
    whole('dataset.bytes', dataset),
    fraction('dataset.percentage', (dataset * 100) / netUsed),
    fraction('peak.percentage', (memory.used * 100) / memory.peak),
    whole('allocator.allocated', memory.allocated),
    whole('allocator.active', memory.active),
    whole('allocator.resident', memory.active),
    fraction('allocator-fragmentation.ratio', ratio(memory.active, memory.allocated)),
    whole('allocator-fragmentation.bytes', memory.active - memory.allocated),
    // The system does not say which of the resident pages are the arenas', so that they count as resident altogether.
    fraction('allocator-rss.ratio', 1),
    whole('allocator-rss.bytes', 0),
    fraction('rss-overhead.ratio', ratio(memory.residentSet, memory.active)),
    whole('rss-overhead.bytes', memory.residentSet - memory.active),
    fraction('fragmentation', ratio(memory.residentSet, memory.used)),
    whole('fragmentation.bytes', memory.residentSet - memory.used),
  ]
  reply.map(figures.length)
  for (const [name, write] of figures) {
    reply.bulkText(name)
    write(reply)
  }
}

function whole(name: string, value: number): Figure {
  return [name, (reply) => reply.integer(value)]
}

function fraction(name: string, value: number): Figure {
  return [name, (reply) => reply.double(value)]
}

/** 1, "nothing is lost", where there is nothing yet to divide by. */
function ratio(held: number, needed: number): number {
  return needed > 0 ? held / needed : 1
}

function writeDatabase(reply: ReplyWriter, table: number, expiries: number): void {
  reply.map(3)
  reply.bulkText('overhead.hashtable.main')
  reply.integer(table)
  reply.bulkText('overhead.hashtable.expires')
  reply.integer(expiries)
  reply.bulkText('overhead.hashtable.slot-to-keys')
  reply.integer(0)
}

/** Below this the ratios of the report would only speak about the server's own start-up. */
const REPORT_BYTES_MIN = 5 * 1024 * 1024
/** A ratio that is bad counts only with this many bytes behind it. */
const REPORT_WASTE_BYTES_MIN = 10 * 1024 * 1024
const REPORT_CLIENT_BYTES_MAX = 200 * 1024

function doctor(call: MainCall): void {
  const { server } = call
  const deferred = call.defer()
  server.shardStatistics((shards) => {
    deferred.reply.verbatim(memoryReport(memoryOverhead(server, shards)))
    deferred.send()
  })
}

/** Prose for people; the thresholds are those of Redis's report. */
function memoryReport(memory: MemoryOverhead): string {
  if (memory.allocated < REPORT_BYTES_MIN) {
    return 'The data set is empty or very small; there is nothing to say about its memory yet.\n'
  }
  const issues: string[] = []
  if (memory.peak / memory.used > 1.5) {
    issues.push(
      'Peak memory: more than 150% of the memory in use now was in use at some time. Freed chunks go back to the system, so that this is harmless unless the peak comes again.',
    )
  }
  if (memory.residentSet / memory.used > 1.4 && memory.residentSet - memory.used > REPORT_WASTE_BYTES_MIN) {
    issues.push(
      'Resident set: the process holds more than 1.4 times the memory that it uses. After a peak this goes down by itself; otherwise look at the JavaScript heap and the buffers of clients.',
    )
  }
  if (memory.active / memory.allocated > 1.1 && memory.active - memory.allocated > REPORT_WASTE_BYTES_MIN) {
    issues.push(
      'Fragmentation: more than a tenth of the arenas is free space between records. Writes of similar sizes will fill it.',
    )
  }
  if (memory.clients / Math.max(1, memory.clientCount) > REPORT_CLIENT_BYTES_MAX) {
    issues.push(
      'Client buffers: clients use more than 200 KiB each on the average. CLIENT LIST shows which; a client that does not read its replies is the usual reason.',
    )
  }
  if (issues.length === 0) return 'No memory issue was found.\n'
  return `These memory issues were found:\n\n${issues.map((issue) => ` * ${issue}\n\n`).join('')}`
}

/** The arenas give a chunk back to the system as soon as it is free, so that nothing is left to purge. */
function purge(call: MainCall): void {
  call.reply.ok()
}

function mallocStats(call: MainCall): void {
  const deferred = call.defer()
  call.server.shardStatistics((shards) => {
    deferred.reply.verbatim(arenaReport(shards))
    deferred.send()
  })
}

function arenaReport(shards: readonly ShardStatistics[]): string {
  const lines = ['shard arena_bytes used_bytes table_bytes heap_used_bytes heap_total_bytes']
  for (const { shard, arenaBytes, usedBytes, tableBytes, heapUsedBytes, heapTotalBytes } of shards) {
    lines.push([shard, arenaBytes, usedBytes, tableBytes, heapUsedBytes, heapTotalBytes].join(' '))
  }
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
  lines.push(
    `process resident_bytes ${rss}`,
    `main heap_used_bytes ${heapUsed} heap_total_bytes ${heapTotal} external_bytes ${external} array_buffer_bytes ${arrayBuffers}`,
  )
  return `${lines.join('\n')}\n`
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'memory', [
    'DOCTOR',
    '    Return a report about memory problems, for people.',
    'MALLOC-STATS',
    "    Return the figures of the shards' arenas and of the JavaScript heaps.",
    'PURGE',
    '    Ask for free memory to be given back to the system.',
    'STATS',
    '    Return where the memory of the server goes.',
    'USAGE <key> [SAMPLES <count>]',
    '    Return the bytes that <key> and its value take. The figure is exact whatever',
    '    the <count>.',
  ])
}

const REPORT_TIPS = ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'] as const

export const memoryCommands: readonly CommandSpec[] = [
  {
    name: 'memory',
    arity: -2,
    flags: [],
    group: 'server',
    since: '4.0.0',
    summary: 'Container of the commands for diagnosing memory.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      {
        name: 'doctor',
        arity: 2,
        flags: [],
        group: 'server',
        since: '4.0.0',
        summary: 'Returns a report about memory problems, for people.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        route: { on: 'main' },
        main: doctor,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'server',
        since: '4.0.0',
        summary: 'Returns what the subcommands are for.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: help,
      },
      {
        name: 'malloc-stats',
        arity: 2,
        flags: [],
        group: 'server',
        since: '4.0.0',
        summary: "Returns the allocators' own figures.",
        complexity: 'O(N) where N is the number of shards',
        tips: REPORT_TIPS,
        route: { on: 'main' },
        main: mallocStats,
      },
      {
        name: 'purge',
        arity: 2,
        flags: [],
        group: 'server',
        since: '4.0.0',
        summary: 'Asks for free memory to be given back to the system.',
        complexity: 'O(1)',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        route: { on: 'main' },
        main: purge,
      },
      {
        name: 'stats',
        arity: 2,
        flags: [],
        group: 'server',
        since: '4.0.0',
        summary: 'Returns where the memory of the server goes.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        route: { on: 'main' },
        main: stats,
      },
      {
        name: 'usage',
        arity: -3,
        flags: ['readonly'],
        group: 'server',
        since: '4.0.0',
        summary: 'Returns the bytes that a key and its value take.',
        complexity: 'O(1)',
        keySpecs: [{ flags: ['RO'], begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } }],
        arguments: [
          { name: 'key', type: 'key', keySpecIndex: 0 },
          { name: 'count', type: 'integer', token: 'SAMPLES', optional: true },
        ],
        route: { on: 'key' },
        shard: usage,
      },
    ],
  },
]
