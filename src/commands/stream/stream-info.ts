/**
 * XINFO: streams, their groups and consumers as they are.
 *
 * Runs in a shard worker, HELP on the main thread.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xinfo-stream/ and the pages of the others, as of Redis 7.0.
 */
import { errors, subcommandSyntax } from '../../resp/errors.js'
import { NOT_KNOWN } from '../../store/stream/stream-groups.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { lagOf } from '../../store/stream/stream-progress.js'
import { keyArgument } from '../generic-arguments.js'
import { writeHelp } from '../help-reply.js'
import type { MainCall } from '../main-call.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec } from '../spec.js'
import {
  findGroup,
  groupNameArgument,
  KeyState,
  readInteger,
  readStream,
  replyEntry,
  replyId,
  replyRange,
  shown,
  subcommandKey,
} from './stream-call.js'
import { replyConsumerName } from './stream-pending.js'

const COUNT_DEFAULT = 10

const id = new StreamId()
const maxId = new StreamId().setMax()

/** Stands on the stream that must exist. @returns false after an error reply */
function openExisting(call: ShardCall): boolean {
  const state = readStream(call, 2)
  if (state === KeyState.missing) call.reply.error(errors.noSuchKey)
  return state === KeyState.stream
}

function consumers(call: ShardCall): void {
  const { reply, nowMs } = call
  if (!openExisting(call)) return
  if (!findGroup(call, 3)) {
    const group = shown(call, 3)
    reply.errorText(`NOGROUP No such consumer group '${group}' for key name '${shown(call, 2)}'`)
    return
  }
  const { groups } = call.keyspace.streams
  const count = groups.consumers.size
  reply.array(count)
  for (let i = 0; i < count; i++) {
    groups.selectConsumer(i)
    reply.map(3)
    reply.bulkText('name')
    replyConsumerName(call, groups.consumer)
    reply.bulkText('pending')
    reply.integer(groups.consumerPending.size)
    reply.bulkText('idle')
    reply.integer(Math.max(nowMs - groups.seenAtMs, 0))
  }
}

function groups(call: ShardCall): void {
  const { reply } = call
  if (!openExisting(call)) return
  const { groups } = call.keyspace.streams
  const count = groups.groups.size
  reply.array(count)
  for (let i = 0; i < count; i++) {
    groups.selectGroup(i)
    reply.map(6)
    replyGroupName(call)
    reply.bulkText('consumers')
    reply.integer(groups.consumers.size)
    reply.bulkText('pending')
    reply.integer(groups.pending.size)
    replyProgress(call)
  }
}

function replyGroupName(call: ShardCall): void {
  const { groups } = call.keyspace.streams
  call.reply.bulkText('name')
  call.reply.bulk(groups.groupNameBytes, groups.groupNameOffset, groups.groupNameLength)
}

/** Three pairs: how far the group in hand has come. */
function replyProgress(call: ShardCall): void {
  const { reply } = call
  const { groups, root } = call.keyspace.streams
  reply.bulkText('last-delivered-id')
  replyId(reply, groups.readLastId(id))
  reply.bulkText('entries-read')
  if (groups.entriesRead === NOT_KNOWN) reply.nil()
  else reply.integer(groups.entriesRead)
  reply.bulkText('lag')
  const lag = lagOf(root, groups)
  if (Number.isNaN(lag)) reply.nil()
  else reply.integer(lag)
}

function stream(call: ShardCall): void {
  const { argc } = call
  if (!openExisting(call)) return
  if (argc === 3) {
    replyStream(call)
    return
  }
  const isFull = (argc === 4 || argc === 6) && call.is(3, 'FULL') && (argc === 4 || call.is(4, 'COUNT'))
  if (!isFull) {
    call.reply.error(subcommandSyntax('xinfo', call.text(1)))
    return
  }
  const count = argc === 4 ? COUNT_DEFAULT : readInteger(call, 5)
  if (Number.isNaN(count)) return
  replyFullStream(call, count < 0 ? COUNT_DEFAULT : count)
}

/** The pairs that both forms begin with: seven of them. */
function replyRoot(call: ShardCall): void {
  const { reply } = call
  const { root, entries } = call.keyspace.streams
  reply.bulkText('length')
  reply.integer(root.length)
  reply.bulkText('radix-tree-keys')
  reply.integer(entries.nodes.size)
  reply.bulkText('radix-tree-nodes')
  reply.integer(entries.nodes.measure().blocks)
  reply.bulkText('last-generated-id')
  replyId(reply, root.readLastId(id))
  reply.bulkText('max-deleted-entry-id')
  replyId(reply, root.readMaxDeletedId(id))
  reply.bulkText('entries-added')
  reply.integer(root.entriesAdded)
  reply.bulkText('recorded-first-entry-id')
  replyId(reply, root.readFirstId(id))
}

function replyStream(call: ShardCall): void {
  const { reply } = call
  const { groups, entries } = call.keyspace.streams
  reply.map(10)
  replyRoot(call)
  reply.bulkText('groups')
  reply.integer(groups.groups.size)
  reply.bulkText('first-entry')
  if (entries.first()) replyEntry(reply, entries)
  else reply.nil()
  reply.bulkText('last-entry')
  if (entries.last()) replyEntry(reply, entries)
  else reply.nil()
}

function replyFullStream(call: ShardCall, countMax: number): void {
  const { reply } = call
  const { groups } = call.keyspace.streams
  reply.map(9)
  replyRoot(call)
  reply.bulkText('entries')
  replyRange(call, id.setMin(), maxId, countMax, false)
  reply.bulkText('groups')
  const groupCount = groups.groups.size
  reply.array(groupCount)
  for (let i = 0; i < groupCount; i++) {
    groups.selectGroup(i)
    reply.map(7)
    replyGroupName(call)
    replyProgress(call)
    reply.bulkText('pel-count')
    reply.integer(groups.pending.size)
    reply.bulkText('pending')
    replyPendingOfGroup(call, countMax)
    reply.bulkText('consumers')
    const consumerCount = groups.consumers.size
    reply.array(consumerCount)
    for (let k = 0; k < consumerCount; k++) {
      groups.selectConsumer(k)
      replyConsumer(call, countMax)
    }
  }
}

function replyPendingOfGroup(call: ShardCall, countMax: number): void {
  const { reply } = call
  const { groups } = call.keyspace.streams
  const { pending } = groups
  const count = countMax === 0 ? pending.size : Math.min(countMax, pending.size)
  reply.array(count)
  pending.first()
  for (let i = 0; i < count; i++) {
    reply.array(4)
    replyId(reply, pending.readId(id))
    replyConsumerName(call, groups.pendingConsumer)
    reply.integer(groups.deliveredAtMs)
    reply.integer(groups.deliveries)
    pending.next()
  }
}

function replyConsumer(call: ShardCall, countMax: number): void {
  const { reply } = call
  const { groups } = call.keyspace.streams
  const { pending, consumerPending } = groups
  reply.map(4)
  reply.bulkText('name')
  replyConsumerName(call, groups.consumer)
  reply.bulkText('seen-time')
  reply.integer(groups.seenAtMs)
  reply.bulkText('pel-count')
  reply.integer(consumerPending.size)
  reply.bulkText('pending')
  const count = countMax === 0 ? consumerPending.size : Math.min(countMax, consumerPending.size)
  reply.array(count)
  consumerPending.first()
  for (let i = 0; i < count; i++) {
    pending.find(consumerPending.readId(id))
    reply.array(3)
    replyId(reply, id)
    reply.integer(groups.deliveredAtMs)
    reply.integer(groups.deliveries)
    consumerPending.next()
  }
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'xinfo', [
    'CONSUMERS <key> <groupname>',
    '    Show the consumers of <groupname>.',
    'GROUPS <key>',
    '    Show the groups of the stream.',
    'STREAM <key> [FULL [COUNT <count>]',
    '    Show the stream as a whole.',
  ])
}

const ofInfo = {
  flags: ['readonly'],
  group: 'stream',
  since: '5.0.0',
  complexity: 'O(1)',
  categories: ['stream'],
  keySpecs: subcommandKey('RO', 'access'),
  route: { on: 'key' },
} as const

export const streamInfoCommands: readonly CommandSpec[] = [
  {
    name: 'xinfo',
    arity: -2,
    flags: [],
    group: 'stream',
    since: '5.0.0',
    summary: 'Holds the commands that look at streams.',
    complexity: 'Depends on the subcommand.',
    subcommands: [
      {
        ...ofInfo,
        name: 'consumers',
        arity: 4,
        summary: 'Returns the consumers of a group.',
        tips: ['nondeterministic_output'],
        arguments: [keyArgument, groupNameArgument],
        shard: consumers,
      },
      {
        ...ofInfo,
        name: 'groups',
        arity: 3,
        summary: 'Returns the groups of a stream.',
        history: [['7.0.0', 'Fields `entries-read` and `lag`.']],
        arguments: [keyArgument],
        shard: groups,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'stream',
        since: '5.0.0',
        summary: 'Returns a short description of the subcommands.',
        complexity: 'O(1)',
        categories: ['stream'],
        route: { on: 'main' },
        main: help,
      },
      {
        ...ofInfo,
        name: 'stream',
        arity: -3,
        summary: 'Returns what is known of a stream, with `FULL` its entries and groups too.',
        history: [
          ['6.0.0', 'Modifier `FULL`.'],
          [
            '7.0.0',
            'Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.',
          ],
        ],
        arguments: [
          keyArgument,
          {
            name: 'full',
            type: 'block',
            token: 'FULL',
            optional: true,
            arguments: [{ name: 'count', type: 'integer', token: 'COUNT', optional: true }],
          },
        ],
        shard: stream,
      },
    ],
  },
]
