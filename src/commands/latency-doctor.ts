/**
 * The report of LATENCY DOCTOR: what the latency monitor has seen, and what can be done about each kind of event.
 *
 * Runs on the main thread. The report is prose for people; nothing may depend on its words.
 */
import { analyseLatency } from '../base/latency-monitor.js'
import type { ServerServices } from './server-services.js'

/** Advice by the kinds of event that it follows from. Each piece is given once, in this order. */
const ADVICE: readonly { readonly events: readonly string[]; readonly text: string }[] = [
  {
    events: ['command'],
    text: 'Slow commands were executed. SLOWLOG GET shows which; replace those that walk a whole collection or keyspace (KEYS, big ranges, big deletions) by ones that work in steps, such as SCAN and UNLINK.',
  },
  {
    events: ['fast-command'],
    text: 'Commands that do constant work were slow, which means that the threads did not get processor time. Lower the load of the machine, give the server processors of its own, or run fewer shards than there are processors.',
  },
  {
    events: ['expire-cycle', 'expire-del'],
    text: 'Many keys expired at the same moment. Spread their expiry times by a random amount.',
  },
  {
    events: ['eviction-cycle', 'eviction-del', 'eviction-lazyfree'],
    text: 'Memory was at its limit and many keys had to be evicted at once. Raise maxmemory, or avoid sudden changes of it and very large values.',
  },
  {
    events: ['aof-fsync-always'],
    text: "The append-only file is synchronised before every reply. If losing the last second of writes in a crash is acceptable, use 'CONFIG SET appendfsync everysec'.",
  },
  {
    events: [
      'aof-write',
      'aof-write-pending-fsync',
      'aof-write-active-child',
      'aof-write-alone',
      'aof-fstat',
      'aof-rename',
    ],
    text: 'Writing the append-only file was slow. Use a local disk, an SSD if possible, and keep other programs from writing to it at the same time.',
  },
]

/** The whole report. */
export function latencyReport(server: ServerServices): string {
  const events = server.latency.events()
  if (events.size === 0) {
    return server.config.number('latency-monitor-threshold') === 0
      ? "The latency monitor is off. Turn it on with 'CONFIG SET latency-monitor-threshold <milliseconds>'; events that take at least that long are then noted.\n"
      : 'No latency spike has been observed since the latency monitor was turned on or reset.\n'
  }
  const nowS = Math.floor(server.clock.nowMs() / 1000)
  const lines = ['Latency spikes were observed:', '']
  let number = 0
  for (const [event, series] of events) {
    const { samples, averageMs, meanDeviationMs, periodS } = analyseLatency(series, nowS)
    lines.push(
      `${++number}. ${event}: ${samples} latency spikes (average ${averageMs}ms, mean deviation ${meanDeviationMs}ms, ` +
        `period ${(periodS / samples).toFixed(2)} sec). Worst all time event ${series.maxMs}ms.`,
    )
  }
  const advice = ADVICE.filter((piece) => piece.events.some((event) => events.has(event))).map((piece) => piece.text)
  if (events.has('command')) advice.push(...slowlogAdvice(server))
  lines.push('', advice.length > 0 ? 'What may help:' : 'None of these events has a known simple remedy.', '')
  for (const text of advice) lines.push(`- ${text}`)
  return `${lines.join('\n')}\n`
}

/** The slow log helps to find slow commands only if it logs what the latency monitor notes. */
function slowlogAdvice(server: ServerServices): string[] {
  const slowerThanUs = server.config.number('slowlog-log-slower-than')
  const thresholdUs = server.config.number('latency-monitor-threshold') * 1000
  if (slowerThanUs >= 0 && slowerThanUs <= thresholdUs) return []
  return [
    `The slow log does not hold all commands that the latency monitor notes. Use 'CONFIG SET slowlog-log-slower-than ${thresholdUs}'.`,
  ]
}
