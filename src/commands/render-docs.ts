/**
 * What the documentation says of commands, made from the command table: the README's short table and all of
 * docs/supported-commands.md.
 *
 * Used by `docs.ts` only. Invariant: it depends on nothing but the table, so that it is the same on every machine.
 */
import type { CommandGroup, CommandSpec, Route } from './spec.js'
import { commands, fullNameOf } from './table.js'

const GROUP_TITLES: Partial<Record<CommandGroup, string>> = {
  generic: 'Keys of any type',
  'sorted-set': 'Sorted sets',
  pubsub: 'Publish and subscribe',
  hyperloglog: 'HyperLogLog',
  geo: 'Geo',
}

const RUNS_ON: Record<Route['on'], string> = {
  main: 'main thread',
  key: 'the shard of its key',
  split: 'the shards of its keys, each its part',
  shards: 'every shard',
  hops: "the first key's shard; keys of others are lent to it",
  router: 'the router chooses',
}

const INTRODUCTION = `# Supported commands

<!-- Generated from src/commands/ by \`npm run docs\`. Do not edit. -->

Every command that a client can call, with the Redis version that brought it. What is missing here is not there yet;
where a command answers otherwise than in Redis, [differences.md](differences.md) says so.
`

/** The README's table: a row for each group, with its commands and how many subcommands they have. */
export function renderSummary(): string {
  const rows = groups().map(([title, entries]) => `| ${title} | ${entries.map(shortName).join(', ')} |`)
  return ['| Group | Commands |', '| --- | --- |', ...rows].join('\n')
}

/** The text of docs/supported-commands.md. */
export function renderSupportedCommands(): string {
  return [INTRODUCTION, ...groups().map(([title, entries]) => renderGroup(title, entries))].join('\n')
}

/** Groups in the order of their first command in the table; commands by name. */
function groups(): [title: string, entries: CommandSpec[]][] {
  const byGroup = new Map<CommandGroup, CommandSpec[]>()
  for (const command of commands) {
    const entries = byGroup.get(command.group)
    if (entries === undefined) byGroup.set(command.group, [command])
    else entries.push(command)
  }
  return [...byGroup].map(([group, entries]) => [titleOf(group), entries.sort(byName)])
}

function titleOf(group: CommandGroup): string {
  return GROUP_TITLES[group] ?? `${group.slice(0, 1).toUpperCase()}${group.slice(1)}`
}

function byName(a: CommandSpec, b: CommandSpec): number {
  return a.name < b.name ? -1 : 1
}

function shortName(command: CommandSpec): string {
  const subcommands = command.subcommands?.length ?? 0
  return subcommands === 0 ? command.name.toUpperCase() : `${command.name.toUpperCase()} (${subcommands})`
}

function renderGroup(title: string, entries: readonly CommandSpec[]): string {
  const rows = entries
    .flatMap((command) => [command, ...[...(command.subcommands ?? [])].sort(byName)])
    .filter((spec) => !isOnlyContainer(spec))
    .map((spec) => {
      const name = fullNameOf(spec).replace('|', ' ').toUpperCase()
      return `| ${name} | ${spec.since} | ${runsOn(spec)} | ${spec.summary.replaceAll('|', '\\|')} |`
    })
  return `## ${title}\n\n| Command | Since | Runs on | What it does |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

function isOnlyContainer(spec: CommandSpec): boolean {
  return spec.subcommands !== undefined && spec.main === undefined && spec.shard === undefined
}

function runsOn({ group, route }: CommandSpec): string {
  if (group === 'transactions') return 'the session'
  return RUNS_ON[route?.on ?? 'main']
}
