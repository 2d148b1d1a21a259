/**
 * What commands do to a model: those that the workload uses, in the forms in which it uses them.
 *
 * Only used by tests. Arguments are as sent, keys without their database.
 */
import { assert } from '../../src/base/assert.js'
import type { RespValue } from '../support/resp-value.js'
import type { Expiry, Model, ModelValue } from './model.js'

/** What a command needs to be known by: it decides what its result was where that is left to chance or to time. */
export interface Circumstances {
  readonly database: number
  readonly sentMs: number
  /** When it was over at the latest. */
  readonly doneMs: number
  /** Undefined for a command in a transaction or script, and for one that was not answered. */
  readonly reply: RespValue | undefined
}

type Apply = (model: Model, args: readonly string[], circumstances: Circumstances) => void

/** Applies one command. */
export function applyCommand(model: Model, argv: readonly string[], circumstances: Circumstances): void {
  const [name = '', ...args] = argv
  const apply = COMMANDS[name]
  assert(apply !== undefined, `the model knows no ${name}`)
  apply(
    model,
    args.map((arg, at) => (isKey(name, at) ? `${circumstances.database}/${arg}` : arg)),
    circumstances,
  )
}

/** The keys of a command. */
export function keysOf([name = '', ...args]: readonly string[]): string[] {
  return args.filter((_, at) => isKey(name, at))
}

function isKey(name: string, at: number): boolean {
  const keys = KEYS[name] ?? 1
  return typeof keys === 'number' ? at < keys : keys(at)
}

/** How many leading arguments are keys, or which of all; one where nothing is said. */
const KEYS: Readonly<Record<string, number | ((at: number) => boolean)>> = {
  MSET: (at) => at % 2 === 0,
  MSETNX: (at) => at % 2 === 0,
  DEL: () => true,
  UNLINK: () => true,
  RENAME: 2,
  COPY: 2,
  LMOVE: 2,
  SMOVE: 2,
  SINTERSTORE: () => true,
  SUNIONSTORE: () => true,
  SDIFFSTORE: () => true,
  ZUNIONSTORE: (at) => [0, 2, 3].includes(at),
  BITOP: (at) => at > 0,
  FLUSHDB: 0,
}

function timeToLive(ms: string, { sentMs, doneMs }: Circumstances): Expiry {
  return { fromMs: sentMs + Number(ms) - SERVER_TURN_MS, toMs: doneMs + Number(ms) }
}

/** A server reads its clock once a turn, which may be some time before it reads a command. */
const SERVER_TURN_MS = 300

const at = (atMs: string): Expiry => ({ fromMs: Number(atMs), toMs: Number(atMs) })

function store(model: Model, key: string, members: Iterable<string>): void {
  const set = new Set(members)
  model.delete(key)
  if (set.size > 0) model.put(key, { type: 'set', members: set, taken: 0 })
}

function membersOf(model: Model, key: string): Set<string> {
  const value = model.entries.get(key)?.value
  return value?.type === 'set' ? value.members : new Set()
}

function setTexts(model: Model, args: readonly string[]): void {
  for (let i = 0; i < args.length; i += 2) {
    model.put(args[i] as string, { type: 'string', text: args[i + 1] as string })
  }
}

function move(model: Model, source: string, target: string): void {
  const entry = model.entry(source)
  if (entry === undefined) return
  model.delete(source)
  model.put(target, entry.value, entry.expiry)
}

function removeFrom(container: Map<string, unknown> | Set<string>, members: readonly string[]): void {
  for (const member of members) container.delete(member)
}

const BITS_OF = {
  OR: (a: number, b: number): number => a | b,
  XOR: (a: number, b: number): number => a ^ b,
} as const

const COMMANDS: Readonly<Record<string, Apply>> = {
  SET(model, [key = '', text = '', option, time = ''], circumstances) {
    const expiry = option === 'PX' ? timeToLive(time, circumstances) : option === 'PXAT' ? at(time) : null
    model.put(key, { type: 'string', text }, expiry)
  },
  MSET: setTexts,
  MSETNX(model, args) {
    if (args.some((key, i) => i % 2 === 0 && model.has(key))) return
    setTexts(model, args)
  },
  APPEND(model, [key = '', text]) {
    model.setText(key, (model.text(key) ?? '') + text)
  },
  SETRANGE(model, [key = '', offset, text = '']) {
    const old = (model.text(key) ?? '').padEnd(Number(offset), '\0')
    model.setText(key, old.slice(0, Number(offset)) + text + old.slice(Number(offset) + text.length))
  },
  BITOP(model, [operation, target = '', ...keys]) {
    const combine = BITS_OF[operation as keyof typeof BITS_OF]
    const texts = keys.map((key) => model.text(key) ?? '')
    const length = Math.max(...texts.map((text) => text.length))
    let result = ''
    for (let i = 0; i < length; i++) {
      result += String.fromCharCode(texts.map((text) => (i < text.length ? text.charCodeAt(i) : 0)).reduce(combine))
    }
    model.delete(target)
    if (length > 0) model.put(target, { type: 'string', text: result })
  },
  INCR(model, [key = '']) {
    model.setText(key, String(Number(model.text(key) ?? 0) + 1))
  },
  INCRBYFLOAT(model, [key = '', by]) {
    model.setText(key, String(Number(model.text(key) ?? 0) + Number(by)))
  },
  GETDEL(model, [key = '']) {
    model.delete(key)
  },
  PEXPIREAT(model, [key = '', time = '']) {
    const entry = model.entry(key)
    if (entry !== undefined) entry.expiry = at(time)
  },
  PERSIST(model, [key = '']) {
    const entry = model.entry(key)
    if (entry !== undefined) entry.expiry = null
  },
  DEL(model, keys) {
    for (const key of keys) model.delete(key)
  },
  UNLINK(model, keys) {
    for (const key of keys) model.delete(key)
  },
  RENAME(model, [source = '', target = '']) {
    if (source !== target) move(model, source, target)
  },
  COPY(model, [source = '', target = '', replace]) {
    const entry = structuredClone(model.entry(source))
    if (source === target || (replace === undefined && model.has(target))) return
    if (entry !== undefined) model.put(target, entry.value, entry.expiry)
  },
  FLUSHDB(model, _, { database }) {
    for (const key of [...model.entries.keys()]) if (key.startsWith(`${database}/`)) model.delete(key)
  },
  RPUSH(model, [key = '', ...items]) {
    model.list(key).push(...items)
  },
  LPUSH(model, [key = '', ...items]) {
    model.list(key).unshift(...items.reverse())
  },
  LPOP(model, [key = '', count = '1']) {
    model.list(key).splice(0, Number(count))
    model.dropEmpty(key)
  },
  RPOP(model, [key = '']) {
    model.list(key).pop()
    model.dropEmpty(key)
  },
  LTRIM(model, [key = '', from, to]) {
    const items = model.list(key)
    const end = Number(to) < 0 ? items.length + Number(to) + 1 : Number(to) + 1
    const start = Math.max(Number(from) < 0 ? items.length + Number(from) : Number(from), 0)
    items.splice(0, items.length, ...items.slice(start, end))
    model.dropEmpty(key)
  },
  LMOVE(model, [source = '', target = '', from, to]) {
    const item = from === 'LEFT' ? model.list(source).shift() : model.list(source).pop()
    if (item !== undefined && to === 'LEFT') model.list(target).unshift(item)
    else if (item !== undefined) model.list(target).push(item)
    model.dropEmpty(source)
  },
  HSET(model, [key = '', ...fields]) {
    const hash = model.hash(key)
    for (let i = 0; i < fields.length; i += 2) hash.set(fields[i] as string, fields[i + 1] as string)
  },
  HINCRBY(model, [key = '', field = '', by]) {
    const hash = model.hash(key)
    hash.set(field, String(Number(hash.get(field) ?? 0) + Number(by)))
  },
  HDEL(model, [key = '', ...fields]) {
    removeFrom(model.hash(key), fields)
    model.dropEmpty(key)
  },
  SADD(model, [key = '', ...members]) {
    for (const member of members) model.set(key).members.add(member)
  },
  SREM(model, [key = '', ...members]) {
    removeFrom(model.set(key).members, members)
    model.dropEmpty(key)
  },
  SMOVE(model, [source = '', target = '', member = '']) {
    if (model.set(source).members.delete(member)) model.set(target).members.add(member)
    model.dropEmpty(source)
  },
  SPOP(model, [key = ''], { reply }) {
    const value = model.entries.get(key)?.value
    if (value?.type !== 'set') return
    model.touched.add(key)
    if (typeof reply === 'string') value.members.delete(reply)
    else value.taken++
    model.dropEmpty(key)
  },
  SINTERSTORE(model, [target = '', first = '', ...others]) {
    const sets = others.map((key) => membersOf(model, key))
    store(
      model,
      target,
      [...membersOf(model, first)].filter((member) => sets.every((set) => set.has(member))),
    )
  },
  SUNIONSTORE(model, [target = '', ...keys]) {
    store(
      model,
      target,
      keys.flatMap((key) => [...membersOf(model, key)]),
    )
  },
  SDIFFSTORE(model, [target = '', first = '', ...others]) {
    const sets = others.map((key) => membersOf(model, key))
    store(
      model,
      target,
      [...membersOf(model, first)].filter((member) => !sets.some((set) => set.has(member))),
    )
  },
  ZADD(model, [key = '', score, member = '']) {
    model.sortedSet(key).set(member, Number(score))
  },
  ZINCRBY(model, [key = '', by, member = '']) {
    const scores = model.sortedSet(key)
    scores.set(member, (scores.get(member) ?? 0) + Number(by))
  },
  ZPOPMIN(model, [key = '']) {
    const scores = model.sortedSet(key)
    const [least] = [...scores].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    if (least !== undefined) scores.delete(least[0])
    model.dropEmpty(key)
  },
  // ZUNIONSTORE target 2 key key AGGREGATE MAX
  ZUNIONSTORE(model, [target = '', , ...keys]) {
    const scores = new Map<string, number>()
    for (const key of keys.slice(0, 2)) {
      const value = model.entries.get(key)?.value
      if (value?.type !== 'zset') continue
      for (const [member, score] of value.scores) scores.set(member, Math.max(scores.get(member) ?? score, score))
    }
    model.delete(target)
    if (scores.size > 0) model.put(target, { type: 'zset', scores })
  },
  // XADD key MAXLEN = n * field text
  XADD(model, [key = '', , , max, , , text = ''], { reply }) {
    const stream: Extract<ModelValue, { type: 'stream' }> = model.stream(key)
    stream.entries.push({ id: typeof reply === 'string' ? reply : null, text })
    stream.entries = stream.entries.slice(-Number(max))
  },
}
