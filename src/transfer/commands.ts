/**
 * The commands that make a key: what exports in RESP hold, and what keys are imported with where RESTORE does not do.
 *
 * Any thread. They make the key on top of one that is there: whoever does not want that removes it before.
 */
import { formatDouble } from '../base/float.js'
import type { HashField, ScoredMember, StreamGroup, StreamHead, TypedValue } from './typed-value.js'

/** Elements a command, as in Redis's own logs. */
const ELEMENTS_MAX = 64

export type CommandWords = readonly (Buffer | string)[]

/** @param expireAtMs Unix time in ms, or null */
export function* commandsFor(key: Buffer, value: TypedValue, expireAtMs: number | null): Generator<CommandWords> {
  switch (value.type) {
    case 'string':
      yield ['SET', key, value.value]
      break
    case 'list':
      yield* inGroups(value.elements, ELEMENTS_MAX, (elements) => ['RPUSH', key, ...elements])
      break
    case 'set':
      yield* inGroups(value.elements, ELEMENTS_MAX, (members) => ['SADD', key, ...members])
      break
    case 'zset':
      yield* inGroups(value.elements, ELEMENTS_MAX, (members: ScoredMember[]) => [
        'ZADD',
        key,
        ...members.flatMap(({ member, score }) => [formatDouble(score), member]),
      ])
      break
    case 'hash':
      yield* hashCommands(key, value.elements)
      break
    case 'stream':
      yield* streamCommands(key, value)
  }
  if (expireAtMs !== null) yield ['PEXPIREAT', key, String(expireAtMs)]
}

function* inGroups<T>(
  elements: Iterable<T>,
  size: number,
  command: (group: T[]) => CommandWords,
): Generator<CommandWords> {
  let group: T[] = []
  for (const element of elements) {
    group.push(element)
    if (group.length < size) continue
    yield command(group)
    group = []
  }
  if (group.length > 0) yield command(group)
}

function* hashCommands(key: Buffer, fields: Iterable<HashField>): Generator<CommandWords> {
  const timed: HashField[] = []
  const seen = function* (): Generator<HashField> {
    for (const field of fields) {
      if (field.expireAtMs !== null) timed.push(field)
      yield field
    }
  }
  yield* inGroups(seen(), ELEMENTS_MAX, (group) => [
    'HSET',
    key,
    ...group.flatMap(({ field, value }) => [field, value]),
  ])
  for (const { field, expireAtMs } of timed) yield ['HPEXPIREAT', key, String(expireAtMs), 'FIELDS', '1', field]
}

function* streamCommands(key: Buffer, stream: Extract<TypedValue, { type: 'stream' }>): Generator<CommandWords> {
  let isEmpty = true
  for (const { id, fields } of stream.elements) {
    isEmpty = false
    yield ['XADD', key, id, ...fields]
  }
  // There is no other way to an empty stream.
  if (isEmpty) yield ['XADD', key, 'MAXLEN', '0', firstIdFor(stream.head), 'x', 'y']
  const { lastId, entriesAdded, maxDeletedId } = stream.head
  yield ['XSETID', key, lastId, 'ENTRIESADDED', String(entriesAdded), 'MAXDELETEDID', maxDeletedId]
  for (const group of stream.groups()) yield* groupCommands(key, group)
}

function firstIdFor({ lastId }: StreamHead): string {
  return lastId === '0-0' ? '0-1' : lastId
}

function* groupCommands(key: Buffer, { name, lastId, entriesRead, consumers }: StreamGroup): Generator<CommandWords> {
  yield ['XGROUP', 'CREATE', key, name, lastId, 'ENTRIESREAD', String(entriesRead ?? -1)]
  for (const consumer of consumers) {
    yield ['XGROUP', 'CREATECONSUMER', key, name, consumer.name]
    for (const { id, deliveredAtMs, deliveries } of consumer.pending) {
      yield [
        'XCLAIM',
        key,
        name,
        consumer.name,
        '0',
        id,
        'TIME',
        String(deliveredAtMs),
        'RETRYCOUNT',
        String(deliveries),
        'JUSTID',
        'FORCE',
      ]
    }
  }
}

/** A command as clients send it. */
export function encodeCommand(words: CommandWords): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
  }
  return Buffer.concat(pieces)
}

const CRLF = Buffer.from('\r\n')
