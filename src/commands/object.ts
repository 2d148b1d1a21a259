/**
 * OBJECT: how a value is kept and how it is used.
 *
 * Runs in a shard worker, but for HELP. None of its subcommands counts as an access of the key.
 *
 * Behaviour: https://redis.io/docs/latest/commands/object/
 */
import { encodeError } from '../resp/errors.js'
import { keyArgument } from './generic-arguments.js'
import { inspectKeyQuietly } from './generic-lookup.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec, KeySpec } from './spec.js'
import { encodingName, referenceCount } from './value-description.js'

const ADJUSTS =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.'
const LFU_SELECTED = encodeError(`ERR An LFU maxmemory policy is selected, idle time not tracked. ${ADJUSTS}`)
const LFU_NOT_SELECTED = encodeError(
  `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${ADJUSTS}`,
)

function encoding(call: ShardCall): void {
  if (!inspectKeyQuietly(call, 2)) call.reply.nil()
  else call.reply.bulkText(encodingName(call.db))
}

function refcount(call: ShardCall): void {
  if (!inspectKeyQuietly(call, 2)) call.reply.nil()
  else call.reply.integer(referenceCount(call.db))
}

function idletime(call: ShardCall): void {
  const { reply } = call
  if (!inspectKeyQuietly(call, 2)) reply.nil()
  else if (call.keyspace.lfu) reply.error(LFU_SELECTED)
  else reply.integer(call.db.idleSeconds())
}

function freq(call: ShardCall): void {
  const { reply } = call
  if (!inspectKeyQuietly(call, 2)) reply.nil()
  else if (!call.keyspace.lfu) reply.error(LFU_NOT_SELECTED)
  else reply.integer(call.db.accessFrequency())
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'object', [
    'ENCODING <key>',
    '    Tell how the value of <key> is kept in memory.',
    'FREQ <key>',
    '    Tell how often <key> was used lately, as a logarithmic counter that decays.',
    '    Needs an LFU maxmemory-policy.',
    'IDLETIME <key>',
    '    Tell for how many seconds <key> was not used.',
    'REFCOUNT <key>',
    '    Tell how many references the value of <key> has.',
  ])
}

/** A subcommand's key stands behind its name. */
const keyBehindSubcommand: readonly KeySpec[] = [
  { flags: ['RO'], begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } },
]

/** What the subcommands that look at a key have in common. */
const looksAtKey = {
  arity: 3,
  flags: ['readonly'],
  group: 'generic',
  complexity: 'O(1)',
  categories: ['keyspace'],
  keySpecs: keyBehindSubcommand,
  tips: ['nondeterministic_output'],
  arguments: [keyArgument],
  route: { on: 'key' },
} as const

export const objectCommands: readonly CommandSpec[] = [
  {
    name: 'object',
    arity: -2,
    flags: [],
    group: 'generic',
    since: '2.2.3',
    summary: 'Holds the commands that look at how a value is kept.',
    complexity: 'Depends on the subcommand.',
    subcommands: [
      {
        ...looksAtKey,
        name: 'encoding',
        since: '2.2.3',
        summary: 'Returns the name of the form in which the value of a key is kept.',
        shard: encoding,
      },
      {
        ...looksAtKey,
        name: 'freq',
        since: '4.0.0',
        summary: 'Returns the logarithmic counter of how often a key was used lately.',
        shard: freq,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'generic',
        since: '6.2.0',
        summary: 'Returns a short description of the subcommands.',
        complexity: 'O(1)',
        categories: ['keyspace'],
        route: { on: 'main' },
        main: help,
      },
      {
        ...looksAtKey,
        name: 'idletime',
        since: '2.2.3',
        summary: 'Returns for how many seconds a key was not used.',
        shard: idletime,
      },
      {
        ...looksAtKey,
        name: 'refcount',
        since: '2.2.3',
        summary: 'Returns how many references the value of a key has.',
        shard: refcount,
      },
    ],
  },
]
