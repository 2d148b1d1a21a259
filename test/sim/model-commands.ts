/**
 * The commands of the sequential model, written from Redis's documentation and not from the handlers that they check.
 *
 * Only used by the simulation. Arguments are as in argv: 0 is the name, in lower case.
 */
import { lcsLength } from '../../src/base/lcs.js'
import { bulk, elementsOf, error, integer, OK } from './encoding.js'
import type { Expectation, Model, ModelSession } from './model.js'

type ModelCommand = (model: Model, argv: readonly string[], session: ModelSession) => Expectation

const NOT_AN_INTEGER = error('ERR value is not an integer or out of range')
const SYNTAX = error('ERR syntax error')
const NO_SUCH_KEY = error('ERR no such key')
const SAME_OBJECT = error('ERR source and destination objects are the same')
const NO_EXPIRY = Number.POSITIVE_INFINITY

function wrongArity(name: string): string {
  return error(`ERR wrong number of arguments for '${name}' command`)
}

function argument(argv: readonly string[], i: number): string {
  const text = argv[i]
  if (text === undefined) throw new Error(`argument ${i} of ${argv.join(' ')} is missing`)
  return text
}

function isInteger(text: string): boolean {
  return /^(0|-?[1-9]\d{0,14})$/.test(text)
}

const set: ModelCommand = (model, argv, { database }) => {
  const key = argument(argv, 1)
  const old = model.get(database, key)
  let expireAtMs = NO_EXPIRY
  let allowed = true
  let wantsOld = false
  for (let i = 3; i < argv.length; i++) {
    const option = argument(argv, i)
    if (option === 'NX') allowed = old === undefined
    else if (option === 'XX') allowed = old !== undefined
    else if (option === 'GET') wantsOld = true
    else if (option === 'KEEPTTL') expireAtMs = old?.expireAtMs ?? NO_EXPIRY
    else if (option === 'PX') expireAtMs = model.nowMs + Number(argument(argv, ++i))
    else return SYNTAX
  }
  if (allowed) model.put(database, key, argument(argv, 2), expireAtMs)
  if (wantsOld) return bulk(old?.value)
  return allowed ? OK : bulk(undefined)
}

const append: ModelCommand = (model, argv, { database }) => {
  const key = argument(argv, 1)
  const old = model.get(database, key)
  const value = (old?.value ?? '') + argument(argv, 2)
  model.put(database, key, value, old?.expireAtMs ?? NO_EXPIRY)
  return integer(value.length)
}

const incr: ModelCommand = (model, argv, { database }) => {
  const key = argument(argv, 1)
  const old = model.get(database, key)
  const text = old?.value ?? '0'
  if (!isInteger(text)) return NOT_AN_INTEGER
  const sum = Number(text) + 1
  model.put(database, key, String(sum), old?.expireAtMs ?? NO_EXPIRY)
  return integer(sum)
}

const getdel: ModelCommand = (model, argv, { database }) => {
  const old = model.get(database, argument(argv, 1))
  model.remove(database, argument(argv, 1))
  return bulk(old?.value)
}

const del: ModelCommand = (model, argv, { database }) => {
  return integer(argv.slice(1).filter((key) => model.remove(database, key)).length)
}

const exists: ModelCommand = (model, argv, { database }) => {
  return integer(argv.slice(1).filter((key) => model.get(database, key) !== undefined).length)
}

const mget: ModelCommand = (model, argv, { database }) => {
  const values = argv.slice(1).map((key) => bulk(model.get(database, key)?.value))
  return `*${values.length}\r\n${values.join('')}`
}

function storePairs(model: Model, database: number, pairs: readonly string[], expireAtMs: number): void {
  for (let i = 0; i < pairs.length; i += 2) {
    model.place(database, argument(pairs, i), { value: argument(pairs, i + 1), expireAtMs })
  }
}

const mset: ModelCommand = (model, argv, { database }) => {
  if (argv.length % 2 === 0) return wrongArity('mset')
  for (let i = 1; i < argv.length; i += 2) model.put(database, argument(argv, i), argument(argv, i + 1), NO_EXPIRY)
  return OK
}

function keysOfPairs(pairs: readonly string[]): readonly string[] {
  return pairs.filter((_, i) => i % 2 === 0)
}

const msetnx: ModelCommand = (model, argv, { database }) => {
  if (argv.length % 2 === 0) return wrongArity('msetnx')
  const pairs = argv.slice(1)
  if (keysOfPairs(pairs).some((key) => model.get(database, key) !== undefined)) return integer(0)
  storePairs(model, database, pairs, NO_EXPIRY)
  return integer(1)
}

/** `msetex numkeys key value [key value ...] [NX|XX] [PX ms]` */
const msetex: ModelCommand = (model, argv, { database }) => {
  const end = 2 + Number(argument(argv, 1)) * 2
  const pairs = argv.slice(2, end)
  let expireAtMs = NO_EXPIRY
  let allowed = true
  for (let i = end; i < argv.length; i++) {
    const option = argument(argv, i)
    if (option === 'NX') allowed = keysOfPairs(pairs).every((key) => model.get(database, key) === undefined)
    else if (option === 'XX') allowed = keysOfPairs(pairs).every((key) => model.get(database, key) !== undefined)
    else expireAtMs = model.nowMs + Number(argument(argv, ++i))
  }
  if (allowed) storePairs(model, database, pairs, expireAtMs)
  return integer(allowed ? 1 : 0)
}

function rename(model: Model, argv: readonly string[], database: number, onlyIfAbsent: boolean): Expectation {
  const [from, to] = [argument(argv, 1), argument(argv, 2)]
  const entry = model.get(database, from)
  if (entry === undefined) return NO_SUCH_KEY
  if (onlyIfAbsent && model.get(database, to) !== undefined) return integer(0)
  if (from !== to) {
    model.place(database, to, entry)
    model.remove(database, from)
  }
  return onlyIfAbsent ? integer(1) : OK
}

const copy: ModelCommand = (model, argv, { database }) => {
  const [from, to] = [argument(argv, 1), argument(argv, 2)]
  let target = database
  let replace = false
  for (let i = 3; i < argv.length; i++) {
    const option = argument(argv, i)
    if (option === 'REPLACE') {
      replace = true
    } else if (option === 'DB' && i + 1 < argv.length) {
      const index = argument(argv, ++i)
      if (!isInteger(index)) return NOT_AN_INTEGER
      target = Number(index)
      if (target < 0 || target >= model.databases.length) return error('ERR DB index is out of range')
    } else {
      return SYNTAX
    }
  }
  if (from === to && target === database) return SAME_OBJECT
  const entry = model.get(database, from)
  if (entry === undefined || (model.get(target, to) !== undefined && !replace)) return integer(0)
  model.place(target, to, entry)
  return integer(1)
}

const move: ModelCommand = (model, argv, { database }) => {
  const [key, target] = [argument(argv, 1), Number(argument(argv, 2))]
  if (target === database) return SAME_OBJECT
  const entry = model.get(database, key)
  if (entry === undefined || model.get(target, key) !== undefined) return integer(0)
  model.put(target, key, entry.value, entry.expireAtMs)
  model.remove(database, key)
  return integer(1)
}

function expire(model: Model, argv: readonly string[], database: number, unitMs: number): Expectation {
  const key = argument(argv, 1)
  const entry = model.get(database, key)
  const option = argv[3]
  const expireAtMs = model.nowMs + Number(argument(argv, 2)) * unitMs
  if (entry === undefined) return integer(0)
  if (option === 'NX' && entry.expireAtMs !== NO_EXPIRY) return integer(0)
  if (option === 'GT' && expireAtMs <= entry.expireAtMs) return integer(0)
  if (expireAtMs <= model.nowMs) model.remove(database, key)
  else model.put(database, key, entry.value, expireAtMs)
  return integer(1)
}

const persist: ModelCommand = (model, argv, { database }) => {
  const key = argument(argv, 1)
  const entry = model.get(database, key)
  if (entry === undefined || entry.expireAtMs === NO_EXPIRY) return integer(0)
  model.put(database, key, entry.value, NO_EXPIRY)
  return integer(1)
}

const pttl: ModelCommand = (model, argv, { database }) => {
  const entry = model.get(database, argument(argv, 1))
  if (entry === undefined) return integer(-2)
  return integer(entry.expireAtMs === NO_EXPIRY ? -1 : entry.expireAtMs - model.nowMs)
}

const lcs: ModelCommand = (model, argv, { database }) => {
  const [left, right] = [1, 2].map((i) => Buffer.from(model.get(database, argument(argv, i))?.value ?? '', 'latin1'))
  if (left === undefined || right === undefined) throw new Error('unreachable')
  return integer(lcsLength(left, 0, left.length, right, 0, right.length))
}

/** Keys that are past their time may be counted until they are removed, as in Redis. */
const dbsize: ModelCommand = (model, _argv, { database }) => {
  const least = model.databases[database]?.size ?? 0
  const most = least + (model.stale[database]?.size ?? 0)
  return (reply) => {
    const n = Number(reply.slice(1, -2))
    return reply === integer(n) && n >= least && n <= most ? undefined : `not between ${least} and ${most}`
  }
}

/** `keys prefix*` */
const keys: ModelCommand = (model, argv, { database }) => {
  const prefix = argument(argv, 1).slice(0, -1)
  const expected = [...(model.databases[database]?.keys() ?? [])].filter((key) => key.startsWith(prefix)).sort()
  return (reply) => {
    const found = elementsOf(reply).map(textOfBulk).sort()
    return found.join(' ') === expected.join(' ') ? undefined : `not the keys ${expected.join(' ')}`
  }
}

function textOfBulk(encoded: string): string {
  return encoded.slice(encoded.indexOf('\n') + 1, -2)
}

const randomkey: ModelCommand = (model, _argv, { database }) => {
  const expected = [...(model.databases[database]?.keys() ?? [])]
  if (expected.length === 0) return bulk(undefined)
  return (reply) => (expected.some((key) => reply === bulk(key)) ? undefined : `none of the keys ${expected.join(' ')}`)
}

/** One step of a SCAN by itself: it may only return keys that are there. */
const scan: ModelCommand = (model, _argv, { database }) => {
  const there = new Set(model.databases[database]?.keys() ?? [])
  return (reply) => {
    const wrong = scannedKeys(reply).filter((key) => !there.has(key))
    return wrong.length === 0 ? undefined : `the keys ${wrong.join(' ')} do not exist`
  }
}

/** The keys in a reply to SCAN. */
export function scannedKeys(reply: string): readonly string[] {
  return elementsOf(elementsOf(reply)[1] ?? '').map(textOfBulk)
}

/** The cursor in a reply to SCAN. */
export function scannedCursor(reply: string): string {
  return textOfBulk(elementsOf(reply)[0] ?? '')
}

const swapdb: ModelCommand = (model, argv) => {
  model.swap(Number(argument(argv, 1)), Number(argument(argv, 2)))
  return OK
}

const select: ModelCommand = (model, argv, session) => {
  const index = Number(argument(argv, 1))
  if (index >= model.databases.length) return error('ERR DB index is out of range')
  session.database = index
  return OK
}

export const modelCommands: Readonly<Record<string, ModelCommand>> = {
  set,
  get: (model, argv, { database }) => bulk(model.get(database, argument(argv, 1))?.value),
  getdel,
  strlen: (model, argv, { database }) => integer(model.get(database, argument(argv, 1))?.value.length ?? 0),
  append,
  incr,
  del,
  unlink: del,
  exists,
  touch: exists,
  mget,
  mset,
  msetnx,
  msetex,
  rename: (model, argv, { database }) => rename(model, argv, database, false),
  renamenx: (model, argv, { database }) => rename(model, argv, database, true),
  copy,
  move,
  expire: (model, argv, { database }) => expire(model, argv, database, 1000),
  pexpire: (model, argv, { database }) => expire(model, argv, database, 1),
  persist,
  pttl,
  lcs,
  dbsize,
  keys,
  randomkey,
  scan,
  flushdb: (model, _argv, { database }) => {
    model.clear(database)
    return OK
  },
  flushall: (model) => {
    model.databases.forEach((_, index) => {
      model.clear(index)
    })
    return OK
  },
  swapdb,
  select,
  ping: () => '+PONG\r\n',
  info: () => '+info\r\n',
}
