/**
 * LATENCY: what the latency monitor has noticed (base/latency-monitor.ts), and how the times of commands are distributed.
 *
 * Runs on the main thread; HISTOGRAM gathers the shards' statistics.
 */
import { asciiBytes } from '../base/bytes.js'
import { addHistogram, bucketBoundUs, emptyHistogram, histogramCount } from '../base/histogram.js'
import { shownPart } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { writeHelp } from './help-reply.js'
import { latencyReport } from './latency-doctor.js'
import { latencyGraph } from './latency-graph.js'
import type { MainCall } from './main-call.js'
import type { ShardStatistics } from './server-services.js'
import type { CommandSpec } from './spec.js'

/** Redis's histograms keep two significant digits, so that the bound of a bucket that it shows is up to 1/128 higher. */
const BOUND_ROUNDING = 1 + 1 / 128

function latest(call: MainCall): void {
  const { reply } = call
  const events = call.server.latency.events()
  reply.array(events.size)
  for (const [event, { samples, maxMs }] of events) {
    const [second, ms] = samples.at(-1) ?? [0, 0]
    reply.array(4)
    reply.bulkBytes(asciiBytes(event))
    reply.integer(second)
    reply.integer(ms)
    reply.integer(maxMs)
  }
}

function history(call: MainCall): void {
  const { reply } = call
  const samples = call.server.latency.events().get(call.text(2))?.samples ?? []
  reply.array(samples.length)
  for (const [second, ms] of samples) {
    reply.array(2)
    reply.integer(second)
    reply.integer(ms)
  }
}

function reset(call: MainCall): void {
  call.reply.integer(call.server.latency.reset(call.texts(2)))
}

function graph(call: MainCall): void {
  const event = call.text(2)
  const series = call.server.latency.events().get(event)
  if (series === undefined) {
    call.reply.errorText(`ERR No samples available for event '${shownPart(event)}'`)
    return
  }
  call.reply.verbatim(latencyGraph(event, series, Math.floor(call.server.clock.nowMs() / 1000)))
}

function doctor(call: MainCall): void {
  call.reply.verbatim(latencyReport(call.server))
}

function histogram(call: MainCall): void {
  const asked = call.argc > 2 ? call.texts(2).map((name) => name.toLowerCase()) : undefined
  const { server } = call
  // As it is now: when the shards have answered, this command counts as well.
  const { mainCommands } = server
  const deferred = call.defer()
  server.shardStatistics((shards) => {
    writeHistograms(deferred.reply, asked, mergedHistograms([mainCommands, ...shards.map((shard) => shard.commands)]))
    deferred.send()
  })
}

/** The histograms of all threads by the commands' full names, added up. */
function mergedHistograms(parts: readonly ShardStatistics['commands'][]): Map<string, number[]> {
  const merged = new Map<string, number[]>()
  for (const part of parts) {
    for (const [name, { histogram }] of Object.entries(part)) {
      let sum = merged.get(name)
      if (sum === undefined) {
        sum = emptyHistogram()
        merged.set(name, sum)
      }
      addHistogram(sum, histogram)
    }
  }
  return merged
}

/** A map of the commands that have been called: all, or those asked for, a container standing for its subcommands too. */
function writeHistograms(
  reply: ReplyWriter,
  asked: readonly string[] | undefined,
  histograms: Map<string, number[]>,
): void {
  const called = [...histograms.keys()].filter((name) => histogramCount(histograms.get(name) as number[]) > 0)
  const shown =
    asked === undefined
      ? called
      : asked.flatMap((wanted) => called.filter((name) => name === wanted || name.startsWith(`${wanted}|`)))
  reply.map(shown.length)
  for (const name of shown) {
    reply.bulkText(name)
    writeDistribution(reply, histograms.get(name) as number[])
  }
}

/** Calls, and for each bucket that holds some, how many calls took at most its bound. */
function writeDistribution(reply: ReplyWriter, counts: readonly number[]): void {
  reply.map(2)
  reply.bulkText('calls')
  reply.integer(histogramCount(counts))
  reply.bulkText('histogram_usec')
  reply.map(counts.filter((count) => count > 0).length)
  let cumulative = 0
  counts.forEach((count, bucket) => {
    if (count === 0) return
    cumulative += count
    reply.integer(Math.floor(bucketBoundUs(bucket) * BOUND_ROUNDING))
    reply.integer(cumulative)
  })
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'latency', [
    'DOCTOR',
    '    Return a report about the latency events, for people.',
    'GRAPH <event>',
    '    Return a graph of the latencies of the <event> class, in ASCII.',
    'HISTOGRAM [COMMAND ...]',
    '    Return the cumulative distribution of the latencies of the named commands, as a histogram.',
    '    Without names, of all commands that were called.',
    'HISTORY <event>',
    '    Return the samples of the <event> class: time and latency.',
    'LATEST',
    '    Return the latest sample of every event class.',
    'RESET [<event> ...]',
    '    Forget the samples of the named event classes.',
    '    (default: of all event classes)',
  ])
}

const REPORT_TIPS = ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'] as const

export const latencyCommands: readonly CommandSpec[] = [
  {
    name: 'latency',
    arity: -2,
    flags: [],
    group: 'server',
    since: '2.8.13',
    summary: 'Container of the commands for diagnosing latency.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      {
        name: 'doctor',
        arity: 2,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Returns a report about latency events, for people.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        route: { on: 'main' },
        main: doctor,
      },
      {
        name: 'graph',
        arity: 3,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Returns a graph of the latencies of an event.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        arguments: [{ name: 'event', type: 'string' }],
        route: { on: 'main' },
        main: graph,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Returns what the subcommands are for.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: help,
      },
      {
        name: 'histogram',
        arity: -2,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '7.0.0',
        summary: 'Returns the cumulative distribution of the latencies of some or all commands.',
        complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
        tips: REPORT_TIPS,
        arguments: [{ name: 'command', type: 'string', optional: true, multiple: true }],
        route: { on: 'main' },
        main: histogram,
      },
      {
        name: 'history',
        arity: 3,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Returns the samples of an event: time and latency.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        arguments: [{ name: 'event', type: 'string' }],
        route: { on: 'main' },
        main: history,
      },
      {
        name: 'latest',
        arity: 2,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Returns the latest sample of every event.',
        complexity: 'O(1)',
        tips: REPORT_TIPS,
        route: { on: 'main' },
        main: latest,
      },
      {
        name: 'reset',
        arity: -2,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        group: 'server',
        since: '2.8.13',
        summary: 'Forgets the samples of some or all events.',
        complexity: 'O(1)',
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        arguments: [{ name: 'event', type: 'string', optional: true, multiple: true }],
        route: { on: 'main' },
        main: reset,
      },
    ],
  },
]
