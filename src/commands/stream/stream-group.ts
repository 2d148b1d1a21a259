/**
 * XGROUP: the groups of a stream and their consumers.
 *
 * Runs in a shard worker, HELP on the main thread.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xgroup/; order of checks as in Redis.
 */
import { encodeError, subcommandSyntax } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { NOT_KNOWN } from '../../store/stream/stream-groups.js'
import { IdForm, StreamId } from '../../store/stream/stream-id.js'
import { keyArgument } from '../generic-arguments.js'
import { writeHelp } from '../help-reply.js'
import type { MainCall } from '../main-call.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec, CommandSpec } from '../spec.js'
import {
  consumerNameArgument,
  findConsumer,
  findGroup,
  groupNameArgument,
  isCharacter,
  KeyState,
  readId,
  readInteger,
  shown,
  subcommandKey,
  useConsumer,
  writeStream,
} from './stream-call.js'

const NO_KEY = encodeError(
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
)
const ENTRIES_READ_NEGATIVE = encodeError('ERR value for ENTRIESREAD must be positive or -1')
const GROUP_EXISTS = encodeError('BUSYGROUP Consumer Group name already exists')

const DOLLAR = 0x24

const id = new StreamId()

let makesStream = false
let entriesRead = NOT_KNOWN

/** Reads the options of CREATE and SETID. @returns false after an error reply */
function readOptions(call: ShardCall, isCreate: boolean): boolean {
  const { argc, reply } = call
  makesStream = false
  entriesRead = NOT_KNOWN
  for (let i = 5; i < argc; i++) {
    if (isCreate && call.is(i, 'MKSTREAM')) {
      makesStream = true
    } else if (i + 1 < argc && call.is(i, 'ENTRIESREAD')) {
      entriesRead = readInteger(call, ++i)
      if (Number.isNaN(entriesRead)) return false
      if (entriesRead < 0 && entriesRead !== NOT_KNOWN) {
        reply.error(ENTRIES_READ_NEGATIVE)
        return false
      }
    } else {
      reply.error(subcommandSyntax('xgroup', call.text(1)))
      return false
    }
  }
  return true
}

/** Stands on the stream that must exist. @returns false after an error reply */
function openExisting(call: ShardCall): boolean {
  const state = writeStream(call, 2)
  if (state === KeyState.missing) call.reply.error(NO_KEY)
  return state === KeyState.stream
}

/** Stands on the stream and the group that must exist. @returns false after an error reply */
function openGroup(call: ShardCall): boolean {
  if (!openExisting(call)) return false
  if (findGroup(call, 3)) return true
  const group = shown(call, 3)
  call.reply.errorText(`NOGROUP No such consumer group '${group}' for key name '${shown(call, 2)}'`)
  return false
}

function create(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  if (!readOptions(call, true)) return
  const state = writeStream(call, 2)
  if (state === KeyState.wrongType) return
  const exists = state === KeyState.stream
  if (!exists && !makesStream) {
    reply.error(NO_KEY)
    return
  }
  if (call.argc > 8) {
    reply.error(subcommandSyntax('xgroup', call.text(1)))
    return
  }
  const { streams } = call.keyspace
  if (!isCharacter(call, 4, DOLLAR)) {
    if (!readId(call, 4, id)) return
  } else if (exists) {
    streams.root.readLastId(id)
  } else {
    id.setMin()
  }
  if (!exists) streams.create(call.db, bytes, offsets[2] as number, lengths[2] as number)
  if (findGroup(call, 3)) {
    reply.error(GROUP_EXISTS)
    return
  }
  try {
    streams.groups.createGroup(bytes, offsets[3] as number, lengths[3] as number, id, entriesRead)
  } catch (error) {
    // A stream is not made for a group that is not there.
    if (!exists) call.db.remove()
    throw error
  }
  if (exists) call.db.modifiedAside()
  call.notify(keyEvents['xgroup-create'], 2)
  reply.ok()
}

function setId(call: ShardCall): void {
  if (!readOptions(call, false)) return
  if (!openGroup(call)) return
  if (call.argc > 7) {
    call.reply.error(subcommandSyntax('xgroup', call.text(1)))
    return
  }
  const { groups, root } = call.keyspace.streams
  if (isCharacter(call, 4, DOLLAR)) root.readLastId(id)
  else if (!readId(call, 4, id, IdForm.withEnds)) return
  groups.setLastId(id)
  groups.entriesRead = entriesRead
  call.db.modifiedAside()
  call.notify(keyEvents['xgroup-setid'], 2)
  call.reply.ok()
}

function destroy(call: ShardCall): void {
  if (!openExisting(call)) return
  if (!findGroup(call, 3)) {
    call.reply.integer(0)
    return
  }
  const { groups } = call.keyspace.streams
  groups.removeGroup(groups.groups.index)
  call.db.modifiedAside()
  call.notify(keyEvents['xgroup-destroy'], 2)
  // Who waits for entries of this group shall be told.
  call.signalReady()
  call.reply.integer(1)
}

function createConsumer(call: ShardCall): void {
  if (!openGroup(call)) return
  const isNew = !findConsumer(call, 4) && useConsumer(call, 4, 2)
  if (isNew) call.db.modifiedAside()
  call.reply.integer(isNew ? 1 : 0)
}

function deleteConsumer(call: ShardCall): void {
  if (!openGroup(call)) return
  if (!findConsumer(call, 4)) {
    call.reply.integer(0)
    return
  }
  const { groups } = call.keyspace.streams
  const pending = groups.removeConsumer(groups.consumers.index)
  call.db.modifiedAside()
  call.notify(keyEvents['xgroup-delconsumer'], 2)
  call.reply.integer(pending)
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'xgroup', [
    'CREATE <key> <groupname> <id|$> [option]',
    '    Make a group that has got everything up to an ID. Options are:',
    '    * MKSTREAM',
    '      Make an empty stream if there is none.',
    '    * ENTRIESREAD entries_read',
    '      Say how many entries the group has read.',
    'CREATECONSUMER <key> <groupname> <consumer>',
    '    Make a consumer of a group.',
    'DELCONSUMER <key> <groupname> <consumer>',
    '    Remove a consumer from a group.',
    'DESTROY <key> <groupname>',
    '    Remove a group.',
    'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
    '    Set up to which ID a group has got everything.',
  ])
}

const ofGroup = { group: 'stream', categories: ['stream'], route: { on: 'key' } } as const

const idArgument: ArgumentSpec = {
  name: 'id',
  type: 'oneof',
  arguments: [
    { name: 'id', type: 'string' },
    { name: 'new_id', type: 'pure-token', token: '$' },
  ],
}

const entriesReadArgument: ArgumentSpec = {
  name: 'entries_read',
  type: 'integer',
  token: 'ENTRIESREAD',
  optional: true,
}

export const streamGroupCommands: readonly CommandSpec[] = [
  {
    name: 'xgroup',
    arity: -2,
    flags: [],
    group: 'stream',
    since: '5.0.0',
    summary: 'Holds the commands about the groups of a stream.',
    complexity: 'Depends on the subcommand.',
    subcommands: [
      {
        ...ofGroup,
        name: 'create',
        arity: -5,
        flags: ['write', 'denyoom'],
        since: '5.0.0',
        summary: 'Makes a group of a stream.',
        complexity: 'O(1)',
        keySpecs: subcommandKey('RW', 'insert'),
        history: [['7.0.0', 'Argument `entries_read`.']],
        arguments: [
          keyArgument,
          groupNameArgument,
          idArgument,
          { name: 'mkstream', type: 'pure-token', token: 'MKSTREAM', optional: true },
          entriesReadArgument,
        ],
        shard: create,
      },
      {
        ...ofGroup,
        name: 'createconsumer',
        arity: 5,
        flags: ['write', 'denyoom'],
        since: '6.2.0',
        summary: 'Makes a consumer of a group.',
        complexity: 'O(1)',
        keySpecs: subcommandKey('RW', 'insert'),
        arguments: [keyArgument, groupNameArgument, consumerNameArgument],
        shard: createConsumer,
      },
      {
        ...ofGroup,
        name: 'delconsumer',
        arity: 5,
        flags: ['write'],
        since: '5.0.0',
        summary: 'Removes a consumer from a group, and returns how many entries it had pending.',
        complexity: 'O(N) with N being the number of its pending entries',
        keySpecs: subcommandKey('RW', 'delete'),
        arguments: [keyArgument, groupNameArgument, consumerNameArgument],
        shard: deleteConsumer,
      },
      {
        ...ofGroup,
        name: 'destroy',
        arity: 4,
        flags: ['write'],
        since: '5.0.0',
        summary: 'Removes a group of a stream.',
        complexity: 'O(N) with N being the number of entries that are pending in the group',
        keySpecs: subcommandKey('RW', 'delete'),
        arguments: [keyArgument, groupNameArgument],
        shard: destroy,
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
        ...ofGroup,
        name: 'setid',
        arity: -5,
        flags: ['write'],
        since: '5.0.0',
        summary: 'Sets up to which ID a group has got everything.',
        complexity: 'O(1)',
        keySpecs: subcommandKey('RW', 'update'),
        history: [['7.0.0', 'Argument `entries_read`.']],
        arguments: [keyArgument, groupNameArgument, idArgument, entriesReadArgument],
        shard: setId,
      },
    ],
  },
]
