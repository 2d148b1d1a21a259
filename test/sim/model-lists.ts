/**
 * Lists in the sequential model, and the attempt that a blocking command makes: what it replies, or that it would wait.
 *
 * Only used by the simulation. A list is an entry whose value begins with a mark that no string of the workload has.
 */
import { bulk, error, integer, NIL_ARRAY } from './encoding.js'
import type { Expectation, Model, ModelSession } from './model.js'

const LIST_MARK = '\u0001list'
const WRONG_TYPE = error('WRONGTYPE Operation against a key holding the wrong kind of value')
const NO_EXPIRY = Number.POSITIVE_INFINITY

type End = 'left' | 'right'

export function isList(value: string): boolean {
  return value.startsWith(LIST_MARK)
}

/** The elements, undefined for a key that does not exist, or 'other' for one of another type. */
function elementsAt(model: Model, database: number, key: string): string[] | undefined | 'other' {
  const entry = model.get(database, key)
  if (entry === undefined) return undefined
  return isList(entry.value) ? (JSON.parse(entry.value.slice(LIST_MARK.length)) as string[]) : 'other'
}

function store(model: Model, database: number, key: string, elements: readonly string[]): void {
  if (elements.length === 0) {
    model.remove(database, key)
    return
  }
  const expireAtMs = model.get(database, key)?.expireAtMs ?? NO_EXPIRY
  model.put(database, key, LIST_MARK + JSON.stringify(elements), expireAtMs)
}

function add(elements: string[], end: End, element: string): void {
  if (end === 'left') elements.unshift(element)
  else elements.push(element)
}

function take(elements: string[], end: End): string {
  return (end === 'left' ? elements.shift() : elements.pop()) as string
}

function push(end: End) {
  return (model: Model, [, key = '', ...values]: readonly string[], { database }: ModelSession): Expectation => {
    const elements = elementsAt(model, database, key) ?? []
    if (elements === 'other') return WRONG_TYPE
    for (const value of values) add(elements, end, value)
    store(model, database, key, elements)
    return integer(elements.length)
  }
}

function pop(end: End) {
  return (model: Model, [, key = '']: readonly string[], { database }: ModelSession): Expectation => {
    const elements = elementsAt(model, database, key)
    if (elements === 'other') return WRONG_TYPE
    if (elements === undefined) return bulk(undefined)
    const element = take(elements, end)
    store(model, database, key, elements)
    return bulk(element)
  }
}

function range(model: Model, [, key = '']: readonly string[], { database }: ModelSession): Expectation {
  const elements = elementsAt(model, database, key) ?? []
  if (elements === 'other') return WRONG_TYPE
  return `*${elements.length}\r\n${elements.map(bulk).join('')}`
}

/** BLPOP and BRPOP: `key [key ...] timeout`. Of its keys only `readyKey` is looked at, if that is given. */
function attemptPop(
  model: Model,
  argv: readonly string[],
  database: number,
  end: End,
  readyKey: string | undefined,
): string | undefined {
  for (const key of argv.slice(1, -1)) {
    if (readyKey !== undefined && key !== readyKey) continue
    const elements = elementsAt(model, database, key)
    if (elements === 'other') return WRONG_TYPE
    if (elements === undefined) continue
    const element = take(elements, end)
    store(model, database, key, elements)
    return `*2\r\n${bulk(key)}${bulk(element)}`
  }
  return undefined
}

/** LMOVE and BLMOVE: `source destination LEFT|RIGHT LEFT|RIGHT [timeout]`. */
function attemptMove(
  model: Model,
  [, source = '', destination = '', from, to]: readonly string[],
  database: number,
): string | undefined {
  const elements = elementsAt(model, database, source)
  if (elements === undefined) return undefined
  if (elements === 'other' || elementsAt(model, database, destination) === 'other') return WRONG_TYPE
  const element = take(elements, from === 'LEFT' ? 'left' : 'right')
  // A list that is rotated is never gone in between, and so it keeps its time to live.
  if (source !== destination) store(model, database, source, elements)
  const target = source === destination ? elements : (elementsAt(model, database, destination) ?? [])
  if (target === 'other') throw new Error('a key has changed its type within a command')
  add(target, to === 'LEFT' ? 'left' : 'right', element)
  store(model, database, destination, target)
  return bulk(element)
}

export function isBlocking(name: string | undefined): boolean {
  return name === 'blpop' || name === 'brpop' || name === 'blmove'
}

/** The keys that a blocking command waits for. */
export function waitedKeys(argv: readonly string[]): readonly string[] {
  return argv[0] === 'blmove' ? argv.slice(1, 2) : argv.slice(1, -1)
}

/** What a blocking command does and replies, or undefined when it would wait. */
export function attempt(
  model: Model,
  argv: readonly string[],
  database: number,
  readyKey?: string,
): string | undefined {
  if (argv[0] === 'blmove') return attemptMove(model, argv, database)
  return attemptPop(model, argv, database, argv[0] === 'blpop' ? 'left' : 'right', readyKey)
}

type ListCommand = (model: Model, argv: readonly string[], session: ModelSession) => Expectation

/** Blocking commands as they are inside of transactions, where nothing waits. */
export const listCommands: Readonly<Record<string, ListCommand>> = {
  rpush: push('right'),
  lpush: push('left'),
  lpop: pop('left'),
  rpop: pop('right'),
  lrange: range,
  lmove: (model, argv, { database }) => attemptMove(model, argv, database) ?? bulk(undefined),
  blpop: (model, argv, { database }) => attempt(model, argv, database) ?? NIL_ARRAY,
  brpop: (model, argv, { database }) => attempt(model, argv, database) ?? NIL_ARRAY,
  blmove: (model, argv, { database }) => attempt(model, argv, database) ?? bulk(undefined),
}
