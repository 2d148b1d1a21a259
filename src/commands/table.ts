/**
 * The command table: all families in one array, and what derives from an entry.
 *
 * Imported by both threads, which must agree on ids: an id is an entry's place in `specs`, the same in every thread of
 * a process because all of them run the same build.
 */
import { assert } from '../base/assert.js'
import { ACL_CATEGORIES, aclCommands } from './acl.js'
import { appendLogCommands } from './append-log.js'
import { backupCommands } from './backup.js'
import { bitmapCommands } from './bitmap/bitmap.js'
import { clientCommands } from './client.js'
import { commandCommands } from './command.js'
import { configCommands } from './config.js'
import { connectionCommands } from './connection.js'
import { debugCommands } from './debug.js'
import { debugPopulateCommands } from './debug-populate.js'
import { debugReload } from './debug-reload.js'
import { debugShardCommands } from './debug-shard.js'
import { expireCommands } from './expire.js'
import { genericCommands } from './generic.js'
import { geoCommands } from './geo/geo.js'
import { hashCommands } from './hash/hash.js'
import { hyperloglogCommands } from './hyperloglog/hyperloglog.js'
import { infoCommands } from './info.js'
import { internalCommands } from './internal.js'
import { journalCommands } from './journal.js'
import { latencyCommands } from './latency.js'
import { listCommands } from './list/list.js'
import { lolwutCommands } from './lolwut.js'
import { memoryCommands } from './memory.js'
import { monitorCommands } from './monitor.js'
import { NameLookup } from './name-lookup.js'
import { objectCommands } from './object.js'
import { persistenceCommands } from './persistence.js'
import { pubsubCommands } from './pubsub.js'
import { dumpCommands } from './rdb/dump.js'
import { loadCommands } from './rdb/load.js'
import { migrateCommands, shardMigrateDump, shardMigrated } from './rdb/migrate.js'
import { restoreCommands } from './rdb/restore.js'
import { snapshotCommands } from './rdb/snapshot.js'
import { replayCommands } from './replay.js'
import { replicationCommands } from './replication.js'
import { scanCommands } from './scan.js'
import { evalCommands } from './scripting/eval.js'
import { fcallCommands } from './scripting/fcall.js'
import { functionCommands } from './scripting/function.js'
import { functionInternalCommands } from './scripting/function-internal.js'
import { scriptCommands } from './scripting/script.js'
import { scriptInternalCommands } from './scripting/script-internal.js'
import { serverCommands } from './server.js'
import { setCommands } from './set/set.js'
import { slowlogCommands } from './slowlog.js'
import { sortCommands } from './sort/sort-commands.js'
import { sortLendingCommands } from './sort/sort-lending.js'
import type { CommandSpec, KeySpec, Reach, ShardHandler } from './spec.js'
import { streamCommands } from './stream/stream.js'
import { shardCheckGroupRead } from './stream/stream-read.js'
import { stringCommands } from './string.js'
import { transactionCommands } from './transaction.js'
import { zsetCommands } from './zset/zset.js'

/** Every top-level command that clients can call. */
export const commands: readonly CommandSpec[] = [
  ...stringCommands,
  ...hashCommands,
  ...genericCommands,
  ...expireCommands,
  ...scanCommands,
  ...dumpCommands,
  ...migrateCommands,
  ...sortCommands,
  ...restoreCommands,
  ...bitmapCommands,
  ...hyperloglogCommands,
  ...geoCommands,
  ...setCommands,
  ...listCommands,
  ...zsetCommands,
  ...streamCommands,
  ...objectCommands,
  ...transactionCommands,
  ...evalCommands,
  ...scriptCommands,
  ...fcallCommands,
  ...functionCommands,
  ...connectionCommands,
  ...clientCommands,
  ...commandCommands,
  ...aclCommands,
  ...configCommands,
  ...pubsubCommands,
  ...monitorCommands,
  ...infoCommands,
  ...serverCommands,
  ...debugCommands,
  ...memoryCommands,
  ...latencyCommands,
  ...slowlogCommands,
  ...lolwutCommands,
  ...replicationCommands,
  ...persistenceCommands,
  ...appendLogCommands,
  ...backupCommands,
]

/** Every entry that can be executed, subcommands and internal ones included, by id. */
export const specs: readonly CommandSpec[] = [
  ...commands.flatMap((command) => [command, ...(command.subcommands ?? [])]),
  ...internalCommands,
  ...journalCommands,
  ...replayCommands,
  ...debugShardCommands,
  debugReload,
  ...debugPopulateCommands,
  shardMigrateDump,
  shardMigrated,
  ...snapshotCommands,
  ...loadCommands,
  ...sortLendingCommands,
  shardCheckGroupRead,
  ...scriptInternalCommands,
  ...functionInternalCommands,
]

/** What a shard runs, by id. The entries have many shapes, so that looking into one costs more than a call does. */
export const shardHandlers = specs.map(({ shard }) => shard as ShardHandler)

const idBySpec = new Map<CommandSpec, number>()
const containerBySpec = new Map<CommandSpec, CommandSpec>()
for (const spec of specs) {
  assert(!idBySpec.has(spec), `command ${spec.name} stands in the table twice`)
  idBySpec.set(spec, idBySpec.size)
  for (const subcommand of spec.subcommands ?? []) containerBySpec.set(subcommand, spec)
}

/** The id of an entry of `specs`. */
export function idOf(spec: CommandSpec): number {
  const id = idBySpec.get(spec)
  assert(id !== undefined, `command ${spec.name} is not in the table`)
  return id
}

const fullNames = specs.map((spec) => {
  const container = containerBySpec.get(spec)
  return container === undefined ? spec.name : `${container.name}|${spec.name}`
})

/** `get`, or with its container `config|get`. */
export function fullNameOf(spec: CommandSpec): string {
  return fullNames[idOf(spec)] as string
}

export function containerOf(spec: CommandSpec): CommandSpec | undefined {
  return containerBySpec.get(spec)
}

function lookupOf(entries: readonly CommandSpec[]): NameLookup {
  return new NameLookup(new Map(entries.map((entry) => [entry.name, idOf(entry)])))
}

const topLevel = lookupOf(commands)
const subcommandLookups = specs.map(({ subcommands }) => (subcommands === undefined ? null : lookupOf(subcommands)))
const arities = Int16Array.from(specs, (spec) => spec.arity)

/** What clients and scripts call commands by: their names, unless the configuration gives them others. */
const callableNames = new Map(commands.map((command) => [command.name, command]))
let callable = topLevel

/** A line of `rename-command`: what the command is called so far, and from now on; empty for no more. */
export type Rename = readonly [from: string, to: string]

/**
 * Renames a command for clients and scripts, or takes it away from them, before the first of them comes. In the thread that
 * calls it: every thread must be told the same. Logs go on with the command's own name.
 *
 * @returns why that cannot be, or undefined
 */
export function renameCommand([from, to]: Rename): string | undefined {
  const spec = callableNames.get(from.toLowerCase())
  if (spec === undefined) return 'No such command in rename-command'
  const name = to.toLowerCase()
  callableNames.delete(from.toLowerCase())
  if (callableNames.has(name)) return 'Target command name already exists'
  if (name !== '') callableNames.set(name, spec)
  callable = new NameLookup(new Map(Array.from(callableNames, ([name, spec]) => [name, idOf(spec)])))
  return undefined
}

/** Every top-level command that clients can call under some name. */
export function callableCommands(): CommandSpec[] {
  return [...callableNames.values()]
}

/** The id of the top-level entry that clients and scripts call so, in any case, or -1. */
export function findCommandId(bytes: Uint8Array, offset: number, length: number): number {
  return callable.find(bytes, offset, length)
}

/**
 * The id of the entry that a record of a log names, subcommands included, or -1. Logs have commands' own names; that of a
 * redis-server has the names that clients used.
 */
export function findRecordId(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
  const offset = offsets[0] as number
  const length = lengths[0] as number
  let id = topLevel.find(bytes, offset, length)
  if (id < 0) id = callable.find(bytes, offset, length)
  if (id < 0 || argc === 1 || !isContainer(id)) return id
  return findSubcommandId(id, bytes, offsets[1] as number, lengths[1] as number)
}

export function isContainer(id: number): boolean {
  return subcommandLookups[id] !== null
}

/** The id of a container's subcommand, or -1. */
export function findSubcommandId(container: number, bytes: Uint8Array, offset: number, length: number): number {
  return subcommandLookups[container]?.find(bytes, offset, length) ?? -1
}

/** Whether `argc` (the name included) is a number of arguments that the entry takes. */
export function arityFits(id: number, argc: number): boolean {
  const arity = arities[id] as number
  return arity >= 0 ? argc === arity : argc >= -arity
}

/** The entry of a command's own name, for our own use. */
export function commandNamed(name: string): CommandSpec {
  const bytes = Buffer.from(name, 'latin1')
  const spec = specs[topLevel.find(bytes, 0, bytes.length)]
  assert(spec !== undefined, `no command is named ${name}`)
  return spec
}

/** The entry that clients and scripts call so, for callers that have strings. */
export function lookup(name: string, subcommand?: string): CommandSpec | undefined {
  const bytes = Buffer.from(name, 'latin1')
  const id = findCommandId(bytes, 0, bytes.length)
  if (subcommand === undefined || id < 0) return specs[id]
  const subcommandBytes = Buffer.from(subcommand, 'latin1')
  return specs[findSubcommandId(id, subcommandBytes, 0, subcommandBytes.length)]
}

/** ACL categories of an entry: those that follow from its flags, then those it names. In COMMAND INFO's order. */
export function categoriesOf(spec: CommandSpec): readonly string[] {
  const categories = new Set<string>(spec.categories ?? [])
  const flags = new Set<string>(spec.flags)
  if (flags.has('write')) categories.add('write')
  // The scripting commands read, but only what their scripts say: Redis leaves them out of @read.
  if (flags.has('readonly') && !categories.has('scripting')) categories.add('read')
  if (flags.has('admin')) {
    categories.add('admin')
    categories.add('dangerous')
  }
  if (flags.has('pubsub')) categories.add('pubsub')
  if (flags.has('fast')) categories.add('fast')
  if (flags.has('blocking')) categories.add('blocking')
  if (!categories.has('fast')) categories.add('slow')
  return ACL_CATEGORIES.filter((category) => categories.has(category))
}

/**
 * Appends to `into` the positions of the keys of one concrete command of `argc` arguments, the name included.
 * A specification whose numbers do not fit the arguments gives no keys, as in Redis's COMMAND GETKEYS.
 */
export function keyPositions(
  spec: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  if (spec.findKeys !== undefined) {
    spec.findKeys(bytes, offsets, lengths, argc, into)
    return
  }
  for (const keySpec of spec.keySpecs ?? []) appendKeys(keySpec, bytes, offsets, lengths, argc, into)
}

/**
 * The positions of the keys that the command may change. Where no key specification can tell, they are all of them.
 */
export function writtenKeyPositions(
  spec: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  if (spec.flags.includes('readonly')) return
  if (spec.findKeys !== undefined) {
    spec.findKeys(bytes, offsets, lengths, argc, into)
    return
  }
  for (const keySpec of spec.keySpecs ?? []) {
    if (!keySpec.flags.includes('RO')) appendKeys(keySpec, bytes, offsets, lengths, argc, into)
  }
}

function appendKeys(
  keySpec: KeySpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  const { begin, find } = keySpec
  if (begin === 'unknown' || find === 'unknown' || keySpec.flags.includes('not_key')) return
  let first: number
  if ('index' in begin) {
    first = begin.index
  } else {
    first = keywordPosition(begin.keyword, begin.startFrom, bytes, offsets, lengths, argc)
    if (first < 0) return
  }
  if ('lastKey' in find) {
    let last: number
    if (find.lastKey >= 0) last = first + find.lastKey
    else if (find.limit <= 1) last = argc + find.lastKey
    else last = first + (((argc - first) / find.limit) | 0) + find.lastKey
    if (last >= argc) return
    for (let i = first; i <= last; i += find.keyStep) into.push(i)
    return
  }
  const countAt = first + find.keyNumIndex
  if (countAt >= argc) return
  const count = Number(latin1(bytes, offsets[countAt] as number, lengths[countAt] as number))
  const keysFrom = first + find.firstKey
  if (!Number.isInteger(count) || count <= 0 || keysFrom + (count - 1) * find.keyStep >= argc) return
  for (let i = 0; i < count; i++) into.push(keysFrom + i * find.keyStep)
}

function keywordPosition(
  keyword: string,
  startFrom: number,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
): number {
  const step = startFrom > 0 ? 1 : -1
  const wanted = keyword.toLowerCase()
  for (let i = startFrom > 0 ? startFrom : argc + startFrom; i > 0 && i < argc; i += step) {
    if (latin1(bytes, offsets[i] as number, lengths[i] as number).toLowerCase() === wanted) return i + 1
  }
  return -1
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, length).toString('latin1')
}

/** How far a call reaches beyond the keys that its arguments name. */
export function reachOf(
  { route }: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
): Reach {
  if (route?.on !== 'hops' || route.reach === undefined) return 'keys'
  return route.reach(bytes, offsets, lengths, argc)
}
