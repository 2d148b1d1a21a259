/**
 * INFO's sections Commandstats, Errorstats, Latencystats and Keyspace: what the shards and the main thread have
 * counted, added up.
 *
 * Runs on the main thread.
 */
import { addHistogram, emptyHistogram, histogramCount, latencyAtPercentile } from '../base/histogram.js'
import type { InfoSources } from './info-sources.js'
import type { CommandCounts } from './server-services.js'

/** Names with these characters would break the lines that they stand in. */
function safeName(name: string): string {
  return name.replace(/[#:\n\r]/g, '_')
}

/** Calls, times and histograms of all threads by full command name, sorted by name. */
function countsByCommand({ server, shards }: InfoSources): [name: string, counts: Required<CommandCounts>][] {
  const totals = new Map<string, Required<CommandCounts>>()
  for (const counted of [server.mainCommands, ...shards.map((shard) => shard.commands)]) {
    for (const [name, counts] of Object.entries(counted)) {
      let total = totals.get(name)
      if (total === undefined) {
        total = { calls: 0, usec: 0, failed: 0, rejected: 0, histogram: emptyHistogram() }
        totals.set(name, total)
      }
      total.calls += counts.calls
      total.usec += counts.usec
      total.failed += counts.failed
      total.rejected += counts.rejected ?? 0
      addHistogram(total.histogram, counts.histogram)
    }
  }
  return [...totals].sort(byName)
}

function byName(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1
}

export function commandLines(sources: InfoSources): string[] {
  return countsByCommand(sources).map(([name, { calls, usec, failed, rejected }]) => {
    const perCall = calls === 0 ? 0 : usec / calls
    return (
      `cmdstat_${safeName(name)}:calls=${calls},usec=${Math.round(usec)},usec_per_call=${perCall.toFixed(2)}` +
      `,rejected_calls=${rejected},failed_calls=${failed}`
    )
  })
}

export function latencyLines(sources: InfoSources): string[] {
  const { config } = sources.server
  if (!config.flag('latency-tracking')) return []
  const setting = 'latency-tracking-info-percentiles'
  const percentiles = (config.get([setting]).get(setting) ?? '').split(' ').filter((word) => word !== '')
  return countsByCommand(sources)
    .filter(([, { histogram }]) => histogramCount(histogram) > 0)
    .map(([name, { histogram }]) => {
      const shown = percentiles.map((p) => `p${p}=${latencyAtPercentile(histogram, Number(p)).toFixed(3)}`)
      return `latency_percentiles_usec_${safeName(name)}:${shown.join(',')}`
    })
}

/** Error replies by their first word, of the main thread and all shards. */
export function countsByError({ server, shards }: InfoSources): Map<string, number> {
  const totals = new Map<string, number>()
  for (const counted of [server.errorCounts, ...shards.map((shard) => shard.errors)]) {
    for (const [name, count] of Object.entries(counted)) totals.set(name, (totals.get(name) ?? 0) + count)
  }
  return totals
}

export function errorLines(sources: InfoSources): string[] {
  return [...countsByError(sources)].sort(byName).map(([name, count]) => `errorstat_${safeName(name)}:count=${count}`)
}

/** One line for each database that has keys. Shards report the mean time to live of theirs. */
export function keyspaceLines({ shards }: InfoSources): string[] {
  const totals = new Map<number, { keys: number; expires: number; ttlMs: number }>()
  for (const shard of shards) {
    for (const { index, keys, expires, averageTtlMs } of shard.databases) {
      const total = totals.get(index) ?? { keys: 0, expires: 0, ttlMs: 0 }
      total.keys += keys
      total.expires += expires
      total.ttlMs += averageTtlMs * expires
      totals.set(index, total)
    }
  }
  return [...totals]
    .filter(([, { keys }]) => keys > 0)
    .sort((left, right) => left[0] - right[0])
    .map(([index, { keys, expires, ttlMs }]) => {
      const averageTtlMs = expires === 0 ? 0 : Math.round(ttlMs / expires)
      return `db${index}:keys=${keys},expires=${expires},avg_ttl=${averageTtlMs}`
    })
}
