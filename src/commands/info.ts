/**
 * INFO: chooses sections and puts them together.
 *
 * Runs on the main thread. The reply is deferred until every shard has sent its statistics, all taken at INFO's own
 * place in the order, so that the figures of one reply belong together.
 */
import { backupLines } from './info-backup.js'
import { memoryLines } from './info-memory.js'
import { persistenceLines } from './info-persistence.js'
import { clientLines, cpuLines, replicationLines, serverLines, shardkeepLines, trafficLines } from './info-sections.js'
import type { InfoSources } from './info-sources.js'
import { commandLines, errorLines, keyspaceLines, latencyLines } from './info-statistics.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

interface InfoSection {
  /** Its heading; in lower case the name that clients ask for. */
  readonly title: string
  /** Another name that clients may ask for. */
  readonly alias?: string
  /** Whether INFO without arguments shows it. */
  readonly byDefault: boolean
  readonly lines: (sources: InfoSources) => readonly string[]
}

/** In the order in which they are shown, which is Redis's. */
const sections: readonly InfoSection[] = [
  { title: 'Server', byDefault: true, lines: serverLines },
  { title: 'Clients', byDefault: true, lines: clientLines },
  { title: 'Memory', byDefault: true, lines: memoryLines },
  { title: 'Persistence', byDefault: true, lines: persistenceLines },
  { title: 'Stats', byDefault: true, lines: trafficLines },
  { title: 'Replication', byDefault: true, lines: replicationLines },
  { title: 'CPU', byDefault: true, lines: cpuLines },
  { title: 'Modules', alias: 'module_list', byDefault: true, lines: () => [] },
  { title: 'Commandstats', byDefault: false, lines: commandLines },
  { title: 'Errorstats', byDefault: true, lines: errorLines },
  { title: 'Latencystats', byDefault: false, lines: latencyLines },
  { title: 'Cluster', byDefault: true, lines: () => ['cluster_enabled:0'] },
  { title: 'Keyspace', byDefault: true, lines: keyspaceLines },
  { title: 'Backup', byDefault: true, lines: backupLines },
  { title: 'Shardkeep', byDefault: true, lines: shardkeepLines },
]

/** The sections that INFO's arguments (in lower case) name, each once and in order; unknown names name none. */
export function chosenSections(names: readonly string[]): readonly InfoSection[] {
  const asked = new Set(names.length === 0 ? ['default'] : names)
  if (asked.has('all') || asked.has('everything')) return sections
  return sections.filter(({ title, alias, byDefault }) => {
    if (byDefault && asked.has('default')) return true
    return asked.has(title.toLowerCase()) || (alias !== undefined && asked.has(alias))
  })
}

function render(section: InfoSection, sources: InfoSources): string {
  return `# ${section.title}\r\n${section
    .lines(sources)
    .map((line) => `${line}\r\n`)
    .join('')}`
}

function info(call: MainCall): void {
  const { server, nowMs } = call
  const chosen = chosenSections(call.texts(1).map((name) => name.toLowerCase()))
  const deferred = call.defer()
  server.shardStatistics((shards) => {
    const sources: InfoSources = { server, shards, nowMs }
    deferred.reply.verbatim(chosen.map((section) => render(section, sources)).join('\r\n'))
    deferred.send()
  })
}

export const infoCommands: readonly CommandSpec[] = [
  {
    name: 'info',
    arity: -1,
    flags: ['loading', 'stale', 'sentinel'],
    group: 'server',
    since: '1.0.0',
    summary: 'Shows the state of the server and what it has counted.',
    complexity: 'O(1)',
    categories: ['dangerous'],
    tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
    history: [['7.0.0', 'Takes several sections.']],
    arguments: [{ name: 'section', type: 'string', multiple: true, optional: true }],
    route: { on: 'main' },
    main: info,
  },
]
