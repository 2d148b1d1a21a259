/**
 * Hash commands that read: HGET, HMGET, HGETALL, HKEYS, HVALS, HEXISTS, HLEN and HSTRLEN.
 *
 * Runs in a shard worker. Values go straight from the arena into the reply.
 */
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import {
  fieldArgument,
  fieldsArgument,
  findField,
  hashCommand,
  KeyState,
  readHash,
  replyField,
  replyValue,
} from './hash-lookup.js'

function hget(call: ShardCall): void {
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.hash && findField(call, 2)) replyValue(call, call.keyspace.hashes)
  else call.reply.nil()
}

function hmget(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  reply.array(call.argc - 2)
  for (let i = 2; i < call.argc; i++) {
    if (state === KeyState.hash && findField(call, i)) replyValue(call, hashes)
    else reply.nil()
  }
}

function hgetall(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.missing) {
    reply.map(0)
    return
  }
  reply.map(hashes.liveLength)
  hashes.rewind()
  while (hashes.nextLive()) {
    replyField(call, hashes)
    replyValue(call, hashes)
  }
}

function hkeys(call: ShardCall): void {
  if (!beginArray(call)) return
  const { hashes } = call.keyspace
  while (hashes.nextLive()) replyField(call, hashes)
}

function hvals(call: ShardCall): void {
  if (!beginArray(call)) return
  const { hashes } = call.keyspace
  while (hashes.nextLive()) replyValue(call, hashes)
}

/** Begins an array of an element a field, and a walk over the fields. @returns false when the reply is complete */
function beginArray(call: ShardCall): boolean {
  const { hashes } = call.keyspace
  const state = readHash(call)
  if (state === KeyState.missing) call.reply.array(0)
  if (state !== KeyState.hash) return false
  call.reply.array(hashes.liveLength)
  hashes.rewind()
  return true
}

function hexists(call: ShardCall): void {
  const state = readHash(call)
  if (state !== KeyState.wrongType) call.reply.integer(state === KeyState.hash && findField(call, 2) ? 1 : 0)
}

function hlen(call: ShardCall): void {
  const state = readHash(call)
  if (state !== KeyState.wrongType) call.reply.integer(state === KeyState.hash ? call.keyspace.hashes.length : 0)
}

function hstrlen(call: ShardCall): void {
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  const found = state === KeyState.hash && findField(call, 2)
  call.reply.integer(found ? call.keyspace.hashes.valueLength : 0)
}

/** What the commands that read all of a hash have in common. */
const readsAll = {
  ...hashCommand,
  arity: 2,
  flags: ['readonly'],
  since: '2.0.0',
  complexity: 'O(N), N being the number of fields of the hash',
  keySpecs: oneKey('RO', 'access'),
  tips: ['nondeterministic_output_order'],
  arguments: [keyArgument],
} as const

export const hashGetCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hget',
    arity: 3,
    flags: ['readonly', 'fast'],
    since: '2.0.0',
    summary: 'Returns the value of a field of a hash.',
    complexity: 'O(1)',
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, fieldArgument],
    shard: hget,
  },
  {
    ...hashCommand,
    name: 'hmget',
    arity: -3,
    flags: ['readonly', 'fast'],
    since: '2.0.0',
    summary: 'Returns the values of fields of a hash.',
    complexity: 'O(N), N being the number of fields asked for',
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, fieldsArgument],
    shard: hmget,
  },
  { ...readsAll, name: 'hgetall', summary: 'Returns all fields and values of a hash.', shard: hgetall },
  { ...readsAll, name: 'hkeys', summary: 'Returns all fields of a hash.', shard: hkeys },
  { ...readsAll, name: 'hvals', summary: 'Returns all values of a hash.', shard: hvals },
  {
    ...hashCommand,
    name: 'hexists',
    arity: 3,
    flags: ['readonly', 'fast'],
    since: '2.0.0',
    summary: 'Tells whether a hash has a field.',
    complexity: 'O(1)',
    keySpecs: oneKey('RO'),
    arguments: [keyArgument, fieldArgument],
    shard: hexists,
  },
  {
    ...hashCommand,
    name: 'hlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    since: '2.0.0',
    summary: 'Returns the number of fields of a hash, with those that are past their time but still there.',
    complexity: 'O(1)',
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    shard: hlen,
  },
  {
    ...hashCommand,
    name: 'hstrlen',
    arity: 3,
    flags: ['readonly', 'fast'],
    since: '3.2.0',
    summary: 'Returns the length of the value of a field of a hash in bytes.',
    complexity: 'O(1)',
    keySpecs: oneKey('RO'),
    arguments: [keyArgument, fieldArgument],
    shard: hstrlen,
  },
]
