/**
 * XDEL, XDELEX and XACKDEL.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xdelex/ and the pages of the others. The latter two are newer than the
 * Redis that the others are compared with, and follow their pages.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { References } from '../../store/stream/stream-trim.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import {
  areIds,
  findGroup,
  groupArgument,
  idsArgument,
  KeyState,
  readId,
  readStream,
  writeStream,
} from './stream-call.js'
import { referencesArgument, referencesAt } from './trim-options.js'

const COUNT_NOT_POSITIVE = encodeError('ERR Number of IDs must be a positive integer')
const COUNT_NOT_MATCHING = encodeError('ERR The `numids` parameter must match the number of arguments')

/** What XDELEX and XACKDEL reply for each ID. */
const Outcome = { missing: -1, deleted: 1, kept: 2 } as const

/** How many entries the command in hand has deleted. */
let deletedEntries = 0

const id = new StreamId()
const firstId = new StreamId()

function xdel(call: ShardCall): void {
  const state = writeStream(call)
  if (state === KeyState.missing) call.reply.integer(0)
  if (state !== KeyState.stream) return
  if (!areIds(call, 2, call.argc, id)) return
  const { streams } = call.keyspace
  streams.root.readFirstId(firstId)
  deletedEntries = 0
  let deleted = 0
  try {
    for (let i = 2; i < call.argc; i++) {
      readId(call, i, id)
      if (deleteEntry(call)) deleted++
    }
  } finally {
    settle(call, deleted > 0)
  }
  call.reply.integer(deleted)
}

/** Deletes the entry with the ID in `id`; `settle` must follow. */
function deleteEntry(call: ShardCall): boolean {
  const { streams } = call.keyspace
  if (!streams.deleteEntry(id)) return false
  streams.noteDeleted(id)
  deletedEntries++
  return true
}

/** After deletions: the stream's first ID, when that was among them. */
function settle(call: ShardCall, isModified: boolean): void {
  if (!isModified) return
  const { streams } = call.keyspace
  if (streams.root.length === 0 || !streams.probe.find(firstId)) streams.updateFirstId()
  call.db.modified()
  if (deletedEntries > 0) call.notify(keyEvents.xdel, 1)
}

/** The options of XDELEX and XACKDEL: the IDs that are named, and what becomes of references to them. */
class DeleteOptions {
  references: References = References.keep
  first = 0
  end = 0

  /** @returns false after an error reply */
  parse(call: ShardCall, from: number): boolean {
    const { argc, reply } = call
    this.references = References.keep
    this.end = 0
    let hasReferences = false
    for (let i = from; i < argc; i++) {
      const references = referencesAt(call, i)
      if (references >= 0 && !hasReferences) {
        this.references = references as References
        hasReferences = true
      } else if (this.end === 0 && i + 1 < argc && call.is(i, 'IDS')) {
        const count = call.integer(i + 1)
        if (!(count >= 1)) {
          reply.error(COUNT_NOT_POSITIVE)
          return false
        }
        this.first = i + 2
        if (this.first + count > argc) {
          reply.error(COUNT_NOT_MATCHING)
          return false
        }
        this.end = this.first + count
        i = this.end - 1
      } else {
        reply.error(errors.syntax)
        return false
      }
    }
    if (this.end === 0) {
      reply.error(errors.syntax)
      return false
    }
    return areIds(call, this.first, this.end, id)
  }
}

const options = new DeleteOptions()

function xdelex(call: ShardCall): void {
  if (!options.parse(call, 2)) return
  const state = writeStream(call)
  if (state === KeyState.wrongType) return
  applyToIds(call, state === KeyState.stream, deleteNamed)
}

/** Runs `act` for each ID that was named, and replies with what it returns; where there is no stream nothing is there. */
function applyToIds(call: ShardCall, exists: boolean, act: (call: ShardCall) => number): void {
  const { reply } = call
  reply.array(options.end - options.first)
  isModified = false
  deletedEntries = 0
  if (exists) call.keyspace.streams.root.readFirstId(firstId)
  try {
    for (let i = options.first; i < options.end; i++) {
      readId(call, i, id)
      reply.integer(exists ? act(call) : Outcome.missing)
    }
  } finally {
    if (exists) settle(call, isModified)
  }
}

/** Whether the command in hand has changed the stream. */
let isModified = false

/** Deletes the entry with the ID in `id` as far as the options allow. */
function deleteNamed(call: ShardCall): number {
  const { streams } = call.keyspace
  const { groups } = streams
  if (options.references === References.remove && groups.forgetEntry(id)) isModified = true
  if (!streams.probe.find(id)) return Outcome.missing
  if (options.references === References.respect && groups.needsEntry(id)) return Outcome.kept
  deleteEntry(call)
  isModified = true
  return Outcome.deleted
}

function xackdel(call: ShardCall): void {
  if (!options.parse(call, 3)) return
  const state = readStream(call)
  if (state === KeyState.wrongType) return
  applyToIds(call, state === KeyState.stream, acknowledgeAndDelete)
}

function acknowledgeAndDelete(call: ShardCall): number {
  const { groups } = call.keyspace.streams
  // Looking at the other groups moves the cursor.
  if (!findGroup(call, 2) || !groups.pending.find(id)) return Outcome.missing
  groups.acknowledge()
  isModified = true
  // What was acknowledged but had been deleted before counts as deleted.
  const outcome = deleteNamed(call)
  return outcome === Outcome.missing ? Outcome.deleted : outcome
}

const idsBlock: ArgumentSpec = {
  name: 'ids',
  type: 'block',
  token: 'IDS',
  arguments: [
    { name: 'numids', type: 'integer' },
    { name: 'id', type: 'string', multiple: true },
  ],
}

const ofDeletion = {
  flags: ['write', 'fast'],
  group: 'stream',
  categories: ['stream'],
  route: { on: 'key' },
} as const

export const streamDeleteCommands: readonly CommandSpec[] = [
  {
    ...ofDeletion,
    name: 'xdel',
    arity: -3,
    since: '5.0.0',
    summary: 'Deletes entries of a stream and returns how many of them were there.',
    complexity: 'O(1) for each entry, whatever the size of the stream',
    keySpecs: oneKey('RW', 'delete'),
    arguments: [keyArgument, idsArgument],
    shard: xdel,
  },
  {
    ...ofDeletion,
    name: 'xdelex',
    arity: -5,
    since: '8.2.0',
    summary: 'Deletes entries of a stream, and says what becomes of what groups hold of them.',
    complexity: 'O(1) for each entry, whatever the size of the stream',
    keySpecs: oneKey('RW', 'delete'),
    arguments: [keyArgument, referencesArgument, idsBlock],
    shard: xdelex,
  },
  {
    ...ofDeletion,
    name: 'xackdel',
    arity: -6,
    since: '8.2.0',
    summary: 'Acknowledges entries of a stream for a group and deletes them.',
    complexity: 'O(1) for each entry',
    keySpecs: oneKey('RW', 'delete'),
    arguments: [keyArgument, groupArgument, referencesArgument, idsBlock],
    shard: xackdel,
  },
]
