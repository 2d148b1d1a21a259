/**
 * Hash commands that set and delete fields: HSET, HMSET, HSETNX and HDEL.
 *
 * Runs in a shard worker. HSET is the hot one: a small hash is made in one go, one that is there is changed in place.
 */
import { equalBytes } from '../../base/bytes.js'
import { wrongArity } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { keyArgument, valueArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import {
  createHash,
  fieldArgument,
  fieldsArgument,
  findField,
  hashCommand,
  KeyState,
  setField,
  settle,
  writeHash,
} from './hash-lookup.js'

/** Looking for a field that is named twice takes quadratic time: up to here it costs less than one allocation. */
const FIELDS_AT_ONCE_MAX = 32

function hset(call: ShardCall): void {
  const added = setFields(call)
  if (added >= 0) call.reply.integer(added)
}

function hmset(call: ShardCall): void {
  if (setFields(call) >= 0) call.reply.ok()
}

/** Sets all pairs of the arguments from the second on. @returns how many fields are new, -1 after an error reply */
function setFields(call: ShardCall): number {
  const { argc } = call
  if ((argc & 1) !== 0) {
    call.reply.error(wrongArity(call.spec.name))
    return -1
  }
  const state = writeHash(call)
  if (state === KeyState.wrongType) return -1
  const isNew = state === KeyState.missing
  if (isNew) {
    if (createAtOnce(call)) return (argc - 2) >> 1
    createHash(call)
  }
  let added = 0
  let i = 2
  try {
    for (; i < argc; i += 2) if (setField(call, i, false)) added++
  } finally {
    if (i > 2) call.notify(keyEvents.hset, 1)
    settle(call, isNew, i > 2)
  }
  return added
}

/** Makes the hash with all of its fields, if they are few, short and different. @returns false when it has done nothing */
function createAtOnce(call: ShardCall): boolean {
  const { argc, bytes, offsets, lengths } = call
  const { hashes } = call.keyspace
  const fields = (argc - 2) >> 1
  if (fields > FIELDS_AT_ONCE_MAX || !hashes.mayPut(fields)) return false
  for (let i = 2; i < argc; i += 2) {
    const offset = offsets[i] as number
    const length = lengths[i] as number
    for (let k = 2; k < i; k += 2) {
      if (lengths[k] === length && equalBytes(bytes, offsets[k] as number, bytes, offset, length)) {
        return false
      }
    }
    if (!hashes.put(bytes, offset, length, bytes, offsets[i + 1] as number, lengths[i + 1] as number)) return false
  }
  hashes.createFromPut(call.db, bytes, offsets[1] as number, lengths[1] as number)
  call.notify(keyEvents.hset, 1)
  return true
}

function hsetnx(call: ShardCall): void {
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  const isNew = state === KeyState.missing
  if (!isNew && findField(call, 2)) {
    call.reply.integer(0)
    return
  }
  if (!isNew || !createAtOnce(call)) {
    if (isNew) createHash(call)
    let isSet = false
    try {
      isSet = setField(call, 2, false)
    } finally {
      if (isSet) call.notify(keyEvents.hset, 1)
      settle(call, isNew, isSet)
    }
  }
  call.reply.integer(1)
}

function hdel(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  const { hashes } = call.keyspace
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  let deleted = 0
  if (state === KeyState.hash) {
    for (let i = 2; i < call.argc && hashes.length > 0; i++) {
      if (hashes.remove(bytes, offsets[i] as number, lengths[i] as number)) deleted++
    }
    if (deleted > 0) {
      call.notify(keyEvents.hdel, 1)
      hashes.settle(false)
    }
  }
  reply.integer(deleted)
}

/** The pairs of HSET and HMSET. */
const fieldValueArgument: ArgumentSpec = {
  name: 'field_value',
  type: 'block',
  multiple: true,
  arguments: [fieldArgument, valueArgument],
}

export const hashSetCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hset',
    arity: -4,
    flags: ['write', 'denyoom', 'fast'],
    since: '2.0.0',
    summary: 'Sets fields of a hash, which is created when it is missing. A field that is set loses its time to live.',
    complexity: 'O(1) for each field, so O(N) for N of them',
    keySpecs: oneKey('RW', 'update'),
    history: [['4.0.0', 'Any number of pairs.']],
    arguments: [keyArgument, fieldValueArgument],
    shard: hset,
  },
  {
    ...hashCommand,
    name: 'hmset',
    arity: -4,
    flags: ['write', 'denyoom', 'fast'],
    since: '2.0.0',
    summary: 'Sets fields of a hash, which is created when it is missing.',
    complexity: 'O(N), N being the number of fields',
    docFlags: ['deprecated'],
    deprecatedSince: '4.0.0',
    replacedBy: '`HSET` with multiple field-value pairs',
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument, fieldValueArgument],
    shard: hmset,
  },
  {
    ...hashCommand,
    name: 'hsetnx',
    arity: 4,
    flags: ['write', 'denyoom', 'fast'],
    since: '2.0.0',
    summary: 'Sets a field of a hash if the hash does not have it yet.',
    complexity: 'O(1)',
    keySpecs: oneKey('RW', 'insert'),
    arguments: [keyArgument, fieldArgument, valueArgument],
    shard: hsetnx,
  },
  {
    ...hashCommand,
    name: 'hdel',
    arity: -3,
    flags: ['write', 'fast'],
    since: '2.0.0',
    summary: 'Deletes fields of a hash, and the hash with its last field.',
    complexity: 'O(N), N being the number of fields',
    keySpecs: oneKey('RW', 'delete'),
    history: [['2.4.0', 'Any number of fields.']],
    arguments: [keyArgument, fieldsArgument],
    shard: hdel,
  },
]
