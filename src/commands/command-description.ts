/**
 * How COMMAND INFO and COMMAND DOCS describe a table entry.
 *
 * Runs on the main thread. Shapes: https://redis.io/docs/latest/commands/command/ and .../command-docs/. Sets and maps
 * are arrays in RESP2; the reply writer sees to it.
 */
import type { ReplyWriter } from '../resp/reply-writer.js'
import type { CommandTableView } from './server-services.js'
import type { ArgumentSpec, CommandFlag, CommandSpec, KeySpec } from './spec.js'

/** Flags that COMMAND INFO shows, in its order. Redis keeps the others to itself. */
const SHOWN_FLAGS: readonly CommandFlag[] = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
]

/** The entries that clients may know of. */
export function shownSubcommands(spec: CommandSpec): readonly CommandSpec[] {
  return (spec.subcommands ?? []).filter((subcommand) => subcommand.internal !== true)
}

function writeSimpleSet(reply: ReplyWriter, words: readonly string[]): void {
  reply.set(words.length)
  for (const word of words) reply.simple(word)
}

/** One element of COMMAND INFO: ten fields, the last of them the same again for each subcommand. */
export function writeCommandInfo(reply: ReplyWriter, table: CommandTableView, spec: CommandSpec): void {
  const range = legacyKeyRange(spec.keySpecs ?? [])
  reply.array(10)
  reply.bulkText(table.fullNameOf(spec))
  reply.integer(spec.arity)
  writeSimpleSet(
    reply,
    SHOWN_FLAGS.filter((flag) => spec.flags.includes(flag)),
  )
  reply.integer(range.first)
  reply.integer(range.last)
  reply.integer(range.step)
  writeSimpleSet(
    reply,
    table.categoriesOf(spec).map((category) => `@${category}`),
  )
  const tips = spec.tips ?? []
  reply.set(tips.length)
  for (const tip of tips) reply.bulkText(tip)
  const keySpecs = spec.keySpecs ?? []
  reply.set(keySpecs.length)
  for (const keySpec of keySpecs) writeKeySpec(reply, keySpec)
  const subcommands = shownSubcommands(spec)
  if (subcommands.length === 0) reply.set(0)
  else {
    reply.array(subcommands.length)
    for (const subcommand of subcommands) writeCommandInfo(reply, table, subcommand)
  }
}

/**
 * First key, last key and step as clients knew them before there were key specifications: the plain ranges that follow
 * each other directly, as one. Zeros when there is none. A last key below zero counts from the end of the arguments.
 */
export function legacyKeyRange(keySpecs: readonly KeySpec[]): { first: number; last: number; step: number } {
  const none = { first: 0, last: 0, step: 0 }
  const [only] = keySpecs
  if (only === undefined) return none
  const onlyRange = plainRange(only)
  if (keySpecs.length === 1) return onlyRange ?? none

  let first = 0
  let last = 0
  for (const keySpec of keySpecs) {
    const range = plainRange(keySpec)
    if (range === undefined || range.step !== 1) continue
    if (last !== 0 && range.first !== last + 1) continue
    if (first === 0) first = range.first
    last = range.last
  }
  return first === 0 ? none : { first, last, step: 1 }
}

function plainRange(keySpec: KeySpec): { first: number; last: number; step: number } | undefined {
  const { begin, find } = keySpec
  if (begin === 'unknown' || find === 'unknown' || !('index' in begin) || !('lastKey' in find)) return undefined
  return {
    first: begin.index,
    last: find.lastKey < 0 ? find.lastKey : begin.index + find.lastKey,
    step: find.keyStep,
  }
}

function writeKeySpec(reply: ReplyWriter, keySpec: KeySpec): void {
  const { begin, find, notes } = keySpec
  reply.map(notes === undefined ? 3 : 4)
  if (notes !== undefined) {
    reply.bulkText('notes')
    reply.bulkText(notes)
  }
  reply.bulkText('flags')
  writeSimpleSet(reply, keySpec.flags)
  reply.bulkText('begin_search')
  if (begin === 'unknown') writeSearchStep(reply, 'unknown', {})
  else if ('index' in begin) writeSearchStep(reply, 'index', { index: begin.index })
  else writeSearchStep(reply, 'keyword', { keyword: begin.keyword, startfrom: begin.startFrom })
  reply.bulkText('find_keys')
  if (find === 'unknown') writeSearchStep(reply, 'unknown', {})
  else if ('lastKey' in find) {
    writeSearchStep(reply, 'range', { lastkey: find.lastKey, keystep: find.keyStep, limit: find.limit })
  } else {
    writeSearchStep(reply, 'keynum', { keynumidx: find.keyNumIndex, firstkey: find.firstKey, keystep: find.keyStep })
  }
}

function writeSearchStep(reply: ReplyWriter, type: string, fields: Record<string, number | string>): void {
  const entries = Object.entries(fields)
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText(type)
  reply.bulkText('spec')
  reply.map(entries.length)
  for (const [name, value] of entries) {
    reply.bulkText(name)
    if (typeof value === 'number') reply.integer(value)
    else reply.bulkText(value)
  }
}

/** A map under construction: pairs are counted as they are written. */
class OpenMap {
  readonly #mark: number
  #pairs = 0

  constructor(private readonly reply: ReplyWriter) {
    this.#mark = reply.openArray()
  }

  name(name: string): void {
    this.#pairs++
    this.reply.bulkText(name)
  }

  /** Writes nothing for a field that is not given, or empty. */
  text(name: string, value: string | undefined): void {
    if (value === undefined || value === '') return
    this.name(name)
    this.reply.bulkText(value)
  }

  close(): void {
    this.reply.closeMap(this.#mark, this.#pairs)
  }
}

/** One value of COMMAND DOCS: a map of the fields that the entry has. */
export function writeCommandDocs(reply: ReplyWriter, table: CommandTableView, spec: CommandSpec): void {
  const map = new OpenMap(reply)
  map.text('summary', spec.summary)
  map.text('since', spec.since)
  map.text('group', spec.group)
  map.text('complexity', spec.complexity)
  if (spec.docFlags !== undefined && spec.docFlags.length > 0) {
    map.name('doc_flags')
    writeSimpleSet(reply, spec.docFlags)
  }
  map.text('deprecated_since', spec.deprecatedSince)
  map.text('replaced_by', spec.replacedBy)
  if (spec.history !== undefined && spec.history.length > 0) {
    map.name('history')
    reply.set(spec.history.length)
    for (const [since, change] of spec.history) {
      reply.array(2)
      reply.bulkText(since)
      reply.bulkText(change)
    }
  }
  if (spec.arguments !== undefined && spec.arguments.length > 0) {
    map.name('arguments')
    writeArguments(reply, spec.arguments)
  }
  const subcommands = shownSubcommands(spec)
  if (subcommands.length > 0) {
    map.name('subcommands')
    reply.map(subcommands.length)
    for (const subcommand of subcommands) {
      reply.bulkText(table.fullNameOf(subcommand))
      writeCommandDocs(reply, table, subcommand)
    }
  }
  map.close()
}

function writeArguments(reply: ReplyWriter, all: readonly ArgumentSpec[]): void {
  reply.array(all.length)
  for (const argument of all) {
    const map = new OpenMap(reply)
    map.text('name', argument.name)
    map.text('type', argument.type)
    if (argument.keySpecIndex !== undefined) {
      map.name('key_spec_index')
      reply.integer(argument.keySpecIndex)
    }
    if (argument.token !== undefined) {
      // It may be empty: MIGRATE's in the place of a key.
      map.name('token')
      reply.bulkText(argument.token)
    }
    map.text('summary', argument.summary)
    map.text('since', argument.since)
    map.text('deprecated_since', argument.deprecatedSince)
    const flags: string[] = []
    if (argument.optional === true) flags.push('optional')
    if (argument.multiple === true) flags.push('multiple')
    if (argument.multipleToken === true) flags.push('multiple_token')
    if (flags.length > 0) {
      map.name('flags')
      writeSimpleSet(reply, flags)
    }
    if (argument.type === 'oneof' || argument.type === 'block') {
      map.name('arguments')
      writeArguments(reply, argument.arguments ?? [])
    }
    map.close()
  }
}
