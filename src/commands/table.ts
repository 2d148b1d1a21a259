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

/**
 * Finds ids by a name in bytes without making a string: an open-addressing table over a cheap hash of the lower-cased
 * bytes. Names are few and fixed, so nobody can flood it.
 */
class NameLookup {
  readonly #slots: Int16Array
  readonly #mask: number
  readonly #names: Uint8Array[]
  readonly #ids: Int16Array

  constructor(entries: readonly CommandSpec[]) {
    let size = 16
    while (size < entries.length * 4) size *= 2
    this.#slots = new Int16Array(size).fill(-1)
    this.#mask = size - 1
    this.#names = entries.map((entry) => Buffer.from(entry.name, 'latin1'))
    this.#ids = Int16Array.from(entries, idOf)
    this.#names.forEach((name, index) => {
      let slot = hashName(name, 0, name.length) & this.#mask
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask
      this.#slots[slot] = index
    })
  }

  find(bytes: Uint8Array, offset: number, length: number): number {
    let slot = hashName(bytes, offset, length) & this.#mask
    for (;;) {
      const index = this.#slots[slot] as number
      if (index === -1) return -1
      if (isName(this.#names[index] as Uint8Array, bytes, offset, length)) return this.#ids[index] as number
      slot = (slot + 1) & this.#mask
    }
  }
}

function hashName(bytes: Uint8Array, offset: number, length: number): number {
  let hash = length
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + ((bytes[offset + i] as number) | 0x20)) | 0
  return hash ^ (hash >>> 9)
}

function isName(name: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (name.length !== length) return false
  for (let i = 0; i < length; i++) {
    let c = bytes[offset + i] as number
    if (c >= 65 && c <= 90) c |= 0x20
    if (c !== name[i]) return false
  }
  return true
}

const topLevel = new NameLookup(commands)
const subcommandLookups = specs.map((spec) =>
  spec.subcommands === undefined ? null : new NameLookup(spec.subcommands),
)
const arities = Int16Array.from(specs, (spec) => spec.arity)

/** The id of the top-level entry of that name in any case, or -1. */
export function findCommandId(bytes: Uint8Array, offset: number, length: number): number {
  return topLevel.find(bytes, offset, length)
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

/** The entry of that name, for callers that have strings. */
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
