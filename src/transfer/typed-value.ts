/**
 * A value taken apart into its elements: what commands and JSON are made from.
 *
 * Any thread. Elements are copies; they come one by one, so that a large value is never there twice. While they come, the
 * keyspace of the value must be left alone.
 */

import type { Database } from '../store/database.js'
import { VISITED } from '../store/set/open-set.js'
import { NOT_KNOWN } from '../store/stream/stream-groups.js'
import { StreamId } from '../store/stream/stream-id.js'
import type { Streams } from '../store/stream/streams.js'
import { NO_EXPIRY, ValueType } from '../store/value-type.js'

/** Redis's names, as TYPE gives them. */
export type TypeName = 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream'

const TYPE_NAMES: Readonly<Record<number, TypeName>> = {
  [ValueType.string]: 'string',
  [ValueType.list]: 'list',
  [ValueType.set]: 'set',
  [ValueType.zset]: 'zset',
  [ValueType.hash]: 'hash',
  [ValueType.stream]: 'stream',
}

export interface ScoredMember {
  readonly member: Buffer
  readonly score: number
}

export interface HashField {
  readonly field: Buffer
  readonly value: Buffer
  /** Unix time in ms, or null. */
  readonly expireAtMs: number | null
}

export interface StreamEntry {
  readonly id: string
  /** Fields and values by turns. */
  readonly fields: readonly Buffer[]
}

export interface PendingEntry {
  readonly id: string
  readonly deliveredAtMs: number
  readonly deliveries: number
}

export interface StreamConsumer {
  readonly name: Buffer
  readonly seenAtMs: number
  readonly pending: readonly PendingEntry[]
}

export interface StreamGroup {
  readonly name: Buffer
  readonly lastId: string
  /** Null when it is not known. */
  readonly entriesRead: number | null
  readonly consumers: readonly StreamConsumer[]
}

export interface StreamHead {
  readonly lastId: string
  readonly maxDeletedId: string
  readonly entriesAdded: number
}

export type TypedValue =
  | { readonly type: 'string'; readonly value: Buffer }
  | { readonly type: 'list' | 'set'; readonly elements: Iterable<Buffer> }
  | { readonly type: 'zset'; readonly elements: Iterable<ScoredMember> }
  | { readonly type: 'hash'; readonly elements: Iterable<HashField> }
  | {
      readonly type: 'stream'
      readonly head: StreamHead
      readonly elements: Iterable<StreamEntry>
      /** To be asked for when the entries are through. */
      readonly groups: () => Iterable<StreamGroup>
    }

/** The value of the key in hand. */
export function typedValueOf(db: Database): TypedValue {
  const type = TYPE_NAMES[db.type] as TypeName
  switch (type) {
    case 'string':
      return { type, value: copy(db.bytes, db.valueOffset, db.valueLength) }
    case 'list':
      return { type, elements: listElements(db) }
    case 'set':
      return { type, elements: setMembers(db) }
    case 'zset':
      return { type, elements: scoredMembers(db) }
    case 'hash':
      return { type, elements: hashFields(db) }
    case 'stream':
      return streamOf(db)
  }
}

function copy(bytes: Uint8Array, offset: number, length: number): Buffer {
  return Buffer.from(bytes.subarray(offset, offset + length))
}

function* listElements(db: Database): Generator<Buffer> {
  const { cursor } = db.keyspace.lists
  const { listpack } = cursor
  cursor.open(db)
  cursor.goTo(0)
  do {
    cursor.readElement()
    yield copy(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
  } while (cursor.forward())
}

/** Members of a portion, so that a large set is not copied as a whole. */
const MEMBERS_OF_A_PORTION = 1024

function* setMembers(db: Database): Generator<Buffer> {
  const { sets } = db.keyspace
  for (let position = 0; ; ) {
    const members: Buffer[] = []
    const next = sets.open(db).visitSome(
      {
        member(bytes, offset, length) {
          members.push(copy(bytes, offset, length))
          return true
        },
      },
      position,
      MEMBERS_OF_A_PORTION,
    )
    yield* members
    if (next === VISITED) return
    position = next
  }
}

function* scoredMembers(db: Database): Generator<ScoredMember> {
  const set = db.keyspace.sortedSets.open(db)
  const { count } = set
  for (let rank = 0; rank < count; rank++) {
    if (rank === 0) set.seek(0)
    else set.next()
    yield { member: copy(set.memberBytes, set.memberOffset, set.memberLength), score: set.score }
  }
}

function* hashFields(db: Database): Generator<HashField> {
  const { hashes } = db.keyspace
  hashes.open(db)
  hashes.rewind()
  while (hashes.next()) {
    yield {
      field: copy(hashes.fieldBytes, hashes.fieldOffset, hashes.fieldLength),
      value: copy(hashes.valueBytes, hashes.valueOffset, hashes.valueLength),
      expireAtMs: hashes.expireAtMs === NO_EXPIRY ? null : hashes.expireAtMs,
    }
  }
}

function streamOf(db: Database): TypedValue {
  const { streams } = db.keyspace
  streams.open(db)
  const { root } = streams
  const id = new StreamId()
  const head = {
    lastId: textOf(root.readLastId(id)),
    maxDeletedId: textOf(root.readMaxDeletedId(id)),
    entriesAdded: root.entriesAdded,
  }
  return { type: 'stream', head, elements: streamEntries(streams), groups: () => streamGroups(streams) }
}

function textOf(id: StreamId): string {
  return id.toString()
}

function* streamEntries({ entries }: Streams): Generator<StreamEntry> {
  const { listpack } = entries.node
  const value = (): Buffer => copy(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
  entries.walk(new StreamId().setMin(), new StreamId().setMax(), false)
  while (entries.next()) {
    const id = textOf(entries.id)
    const fields: Buffer[] = []
    for (let i = entries.fieldCount; i > 0; i--) {
      entries.readField()
      fields.push(value())
      entries.readValue()
      fields.push(value())
    }
    yield { id, fields }
  }
}

function* streamGroups({ groups }: Streams): Generator<StreamGroup> {
  const id = new StreamId()
  for (let i = 0; i < groups.groups.size; i++) {
    groups.selectGroup(i)
    const name = copy(groups.groupNameBytes, groups.groupNameOffset, groups.groupNameLength)
    const lastId = textOf(groups.readLastId(id))
    const entriesRead = groups.entriesRead === NOT_KNOWN ? null : groups.entriesRead
    const consumers: StreamConsumer[] = []
    for (let k = 0; k < groups.consumers.size; k++) {
      groups.selectConsumer(k)
      const { consumer, consumerPending, seenAtMs } = groups
      const consumerName = copy(
        groups.consumerNameBytes(consumer),
        groups.consumerNameOffset(consumer),
        groups.consumerNameLength(consumer),
      )
      const ids: string[] = []
      for (let more = consumerPending.first(); more; more = consumerPending.next()) {
        ids.push(textOf(consumerPending.readId(id)))
      }
      consumers.push({
        name: consumerName,
        seenAtMs,
        pending: ids.map((pendingId) => ({ id: pendingId, deliveredAtMs: 0, deliveries: 0 })),
      })
    }
    // How often and when an entry was delivered stands with the group.
    const deliveries = new Map<string, { deliveredAtMs: number; deliveries: number }>()
    for (let more = groups.pending.first(); more; more = groups.pending.next()) {
      deliveries.set(textOf(groups.pending.readId(id)), {
        deliveredAtMs: groups.deliveredAtMs,
        deliveries: groups.deliveries,
      })
    }
    const known = consumers.map((consumer) => ({
      ...consumer,
      pending: consumer.pending.map((entry) => ({ ...entry, ...deliveries.get(entry.id) })),
    }))
    yield { name, lastId, entriesRead, consumers: known }
  }
}
