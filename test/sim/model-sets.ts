/**
 * Sets in the sequential model: the commands over several of them are those that the shards cut into slices.
 *
 * Only used by the simulation. A set is an entry whose value begins with a mark that no string of the workload has, with its
 * members in order, so that equal sets are equal entries.
 */
import { bulk, elementsOf, error, integer } from './encoding.js'
import type { Expectation, Model, ModelSession } from './model.js'

const SET_MARK = '\u0001set'
const WRONG_TYPE = error('WRONGTYPE Operation against a key holding the wrong kind of value')
const NO_EXPIRY = Number.POSITIVE_INFINITY

type Operation = (left: ReadonlySet<string>, right: ReadonlySet<string>) => Set<string>
type SetCommand = (model: Model, argv: readonly string[], session: ModelSession) => Expectation

export function isSet(value: string): boolean {
  return value.startsWith(SET_MARK)
}

/** The members, none for a key that does not exist, or 'other' for one of another type. */
function membersAt(model: Model, database: number, key: string): Set<string> | 'other' {
  const entry = model.get(database, key)
  if (entry === undefined) return new Set()
  return isSet(entry.value) ? new Set(JSON.parse(entry.value.slice(SET_MARK.length)) as string[]) : 'other'
}

function store(model: Model, database: number, key: string, members: ReadonlySet<string>, expireAtMs: number): void {
  if (members.size > 0) model.put(database, key, SET_MARK + JSON.stringify([...members].sort()), expireAtMs)
  else if (model.get(database, key) !== undefined) model.remove(database, key)
}

function change(change: (members: Set<string>, member: string) => boolean): SetCommand {
  return (model, [, key = '', ...words], { database }) => {
    const members = membersAt(model, database, key)
    if (members === 'other') return WRONG_TYPE
    const changed = words.filter((member) => change(members, member)).length
    if (changed > 0) store(model, database, key, members, model.get(database, key)?.expireAtMs ?? NO_EXPIRY)
    return integer(changed)
  }
}

const union: Operation = (left, right) => new Set([...left, ...right])
const intersection: Operation = (left, right) => new Set([...left].filter((member) => right.has(member)))
const difference: Operation = (left, right) => new Set([...left].filter((member) => !right.has(member)))

function combined(
  model: Model,
  database: number,
  keys: readonly string[],
  operation: Operation,
): Set<string> | 'other' {
  const sets: Set<string>[] = []
  for (const key of keys) {
    const members = membersAt(model, database, key)
    if (members === 'other') return 'other'
    sets.push(members)
  }
  return sets.reduce(operation)
}

/** An array with these elements, in any order. */
function anyOrder(members: ReadonlySet<string>): Expectation {
  const expected = [...members].map(bulk).sort().join('')
  return (reply) => (elementsOf(reply).toSorted().join('') === expected ? undefined : `not the members ${[...members]}`)
}

function replying(operation: Operation): SetCommand {
  return (model, [, ...keys], { database }) => {
    const members = combined(model, database, keys, operation)
    return members === 'other' ? WRONG_TYPE : anyOrder(members)
  }
}

function storing(operation: Operation): SetCommand {
  return (model, [, destination = '', ...keys], { database }) => {
    const members = combined(model, database, keys, operation)
    if (members === 'other') return WRONG_TYPE
    store(model, database, destination, members, NO_EXPIRY)
    return integer(members.size)
  }
}

export const setCommands: Readonly<Record<string, SetCommand>> = {
  sadd: change((members, member) => !members.has(member) && members.add(member).has(member)),
  srem: change((members, member) => members.delete(member)),
  smembers: (model, [, key = ''], { database }) => {
    const members = membersAt(model, database, key)
    return members === 'other' ? WRONG_TYPE : anyOrder(members)
  },
  sunion: replying(union),
  sinter: replying(intersection),
  sdiff: replying(difference),
  sunionstore: storing(union),
  sinterstore: storing(intersection),
  sdiffstore: storing(difference),
}
