/**
 * Keys as lines of JSON, one object a key:
 *
 *   {"db":0,"key":"h","type":"hash","expireAt":1795383848000,"value":[["field","value"],["field","value",1795383848000]]}
 *
 * Texts that are UTF-8 are strings; any other bytes are {"base64":"..."}. Times are Unix times in ms; `expireAt` is null for keys
 * that do not expire. Values:
 *
 *   string   the text                            list, set   [text, ...]
 *   zset     [[member, score], ...]              scores that JSON has not are "inf", "-inf" and "-0"
 *   hash     [[field, value, time?], ...]
 *   stream   {"lastId","maxDeletedId","entriesAdded","entries":[[id, field, value, ...]...],
 *             "groups":[{"name","lastId","entriesRead","consumers":[{"name","seenAt","pending":[[id, delivered at, deliveries]...]}]}]}
 *
 * A library of functions is {"type":"library","code":text}. Any thread.
 */
import type {
  HashField,
  ScoredMember,
  StreamConsumer,
  StreamEntry,
  StreamGroup,
  StreamHead,
  TypedValue,
} from './typed-value.js'

export interface JsonKey {
  readonly database: number
  readonly key: Buffer
  readonly expireAtMs: number | null
  readonly value: TypedValue
}

/** A line is not what it should be. */
export class JsonLineError extends Error {
  readonly code = 'JSON_LINE'
}

/** Pieces are about so long, so that a large value does not become one text. */
const PIECE_CHARACTERS = 64 * 1024

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textJson(bytes: Buffer): string {
  try {
    return JSON.stringify(decoder.decode(bytes))
  } catch {
    return `{"base64":"${bytes.toString('base64')}"}`
  }
}

function scoreJson(score: number): string {
  if (Number.isFinite(score)) return Object.is(score, -0) ? '"-0"' : String(score)
  return score > 0 ? '"inf"' : '"-inf"'
}

/** One line, with its end, in pieces. */
export function* jsonLineOf({ database, key, expireAtMs, value }: JsonKey): Generator<string> {
  yield* inPieces(
    (function* () {
      yield `{"db":${database},"key":${textJson(key)},"type":"${value.type}","expireAt":${expireAtMs},"value":`
      yield* valueJson(value)
      yield '}\n'
    })(),
  )
}

export function jsonLineOfLibrary(code: Uint8Array): string {
  return `{"type":"library","code":${textJson(Buffer.from(code))}}\n`
}

function* inPieces(texts: Iterable<string>): Generator<string> {
  let piece = ''
  for (const text of texts) {
    piece += text
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

function* valueJson(value: TypedValue): Generator<string> {
  switch (value.type) {
    case 'string':
      yield textJson(value.value)
      break
    case 'list':
    case 'set':
      yield* arrayJson(value.elements, textJson)
      break
    case 'zset':
      yield* arrayJson(value.elements, ({ member, score }) => `[${textJson(member)},${scoreJson(score)}]`)
      break
    case 'hash':
      yield* arrayJson(value.elements, ({ field, value: text, expireAtMs }) =>
        expireAtMs === null
          ? `[${textJson(field)},${textJson(text)}]`
          : `[${textJson(field)},${textJson(text)},${expireAtMs}]`,
      )
      break
    case 'stream':
      yield* streamJson(value)
  }
}

function* arrayJson<T>(elements: Iterable<T>, json: (element: T) => string): Generator<string> {
  let before = '['
  for (const element of elements) {
    yield before + json(element)
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

function* streamJson({ head, elements, groups }: Extract<TypedValue, { type: 'stream' }>): Generator<string> {
  const { lastId, maxDeletedId, entriesAdded } = head
  yield `{"lastId":"${lastId}","maxDeletedId":"${maxDeletedId}","entriesAdded":${entriesAdded},"entries":`
  yield* arrayJson(elements, ({ id, fields }) => `["${id}",${fields.map(textJson).join(',')}]`)
  yield ',"groups":'
  yield* arrayJson(groups(), groupJson)
  yield '}'
}

function groupJson({ name, lastId, entriesRead, consumers }: StreamGroup): string {
  const all = consumers.map(({ name: consumer, seenAtMs, pending }) => {
    const entries = pending.map(({ id, deliveredAtMs, deliveries }) => `["${id}",${deliveredAtMs},${deliveries}]`)
    return `{"name":${textJson(consumer)},"seenAt":${seenAtMs},"pending":[${entries.join(',')}]}`
  })
  return `{"name":${textJson(name)},"lastId":"${lastId}","entriesRead":${entriesRead},"consumers":[${all.join(',')}]}`
}

/**
 * Reads a line.
 * @throws JsonLineError
 */
export function parseJsonLine(line: string): JsonKey | { readonly library: Buffer } {
  let object: unknown
  try {
    object = JSON.parse(line)
  } catch (error) {
    throw new JsonLineError(`no JSON: ${(error as Error).message}`)
  }
  const fields = fieldsOf(object, 'the line')
  if (fields.type === 'library') return { library: text(fields.code, 'code') }
  return {
    database: fields.db === undefined ? 0 : whole(fields.db, 'db'),
    key: text(fields.key, 'key'),
    expireAtMs: fields.expireAt === undefined || fields.expireAt === null ? null : whole(fields.expireAt, 'expireAt'),
    value: parseValue(fields.type, fields.value),
  }
}

function parseValue(type: unknown, value: unknown): TypedValue {
  switch (type) {
    case 'string':
      return { type, value: text(value, 'value') }
    case 'list':
    case 'set':
      return { type, elements: array(value, 'value').map((element) => text(element, 'element')) }
    case 'zset':
      return { type, elements: array(value, 'value').map(parseMember) }
    case 'hash':
      return { type, elements: array(value, 'value').map(parseField) }
    case 'stream':
      return parseStream(value)
    default:
      throw new JsonLineError(`unknown type ${JSON.stringify(type)}`)
  }
}

function parseMember(pair: unknown): ScoredMember {
  const [member, score] = array(pair, 'member')
  return { member: text(member, 'member'), score: parseScore(score) }
}

function parseScore(score: unknown): number {
  if (typeof score === 'number') return score
  if (score === 'inf') return Number.POSITIVE_INFINITY
  if (score === '-inf') return Number.NEGATIVE_INFINITY
  if (score === '-0') return -0
  throw new JsonLineError(`no score: ${JSON.stringify(score)}`)
}

function parseField(triple: unknown): HashField {
  const [field, value, time] = array(triple, 'field')
  return {
    field: text(field, 'field'),
    value: text(value, 'value'),
    expireAtMs: time === undefined ? null : whole(time, 'time'),
  }
}

function parseStream(value: unknown): TypedValue {
  const fields = fieldsOf(value, 'the value')
  const head: StreamHead = {
    lastId: streamId(fields.lastId),
    maxDeletedId: streamId(fields.maxDeletedId),
    entriesAdded: whole(fields.entriesAdded, 'entriesAdded'),
  }
  const elements = array(fields.entries, 'entries').map((entry): StreamEntry => {
    const [id, ...texts] = array(entry, 'entry')
    return { id: streamId(id), fields: texts.map((one) => text(one, 'field')) }
  })
  const groups = array(fields.groups, 'groups').map((group): StreamGroup => {
    const { name, lastId, entriesRead, consumers } = fieldsOf(group, 'a group')
    return {
      name: text(name, 'name'),
      lastId: streamId(lastId),
      entriesRead: entriesRead === null ? null : whole(entriesRead, 'entriesRead'),
      consumers: array(consumers, 'consumers').map(parseConsumer),
    }
  })
  return { type: 'stream', head, elements, groups: () => groups }
}

function parseConsumer(consumer: unknown): StreamConsumer {
  const { name, seenAt, pending } = fieldsOf(consumer, 'a consumer')
  return {
    name: text(name, 'name'),
    seenAtMs: whole(seenAt, 'seenAt'),
    pending: array(pending, 'pending').map((entry) => {
      const [id, deliveredAt, deliveries] = array(entry, 'pending entry')
      return { id: streamId(id), deliveredAtMs: whole(deliveredAt, 'time'), deliveries: whole(deliveries, 'count') }
    }),
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new JsonLineError(`${what} is no object`)
}

function array(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value
  throw new JsonLineError(`${what} is no array`)
}

function text(value: unknown, what: string): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  const base64 = typeof value === 'object' && value !== null && 'base64' in value ? value.base64 : undefined
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64')
  throw new JsonLineError(`${what} is neither a string nor {"base64":"..."}`)
}

function whole(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new JsonLineError(`${what} is no whole number`)
}

function streamId(value: unknown): string {
  if (typeof value === 'string' && /^\d{1,20}-\d{1,20}$/.test(value)) return value
  throw new JsonLineError(`no ID of a stream: ${JSON.stringify(value)}`)
}
