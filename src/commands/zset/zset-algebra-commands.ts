/**
 * The entries of the commands that combine several sorted sets and sets.
 *
 * Imported by both threads; constants only.
 */
import type { ArgumentSpec, CommandSpec } from '../spec.js'
import { zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore } from './zset-algebra.js'
import {
  countedKeysArgument,
  countedKeysAt,
  keyAt,
  numberOfKeysArgument,
  withScoresArgument,
} from './zset-arguments.js'

const destinationArgument: ArgumentSpec = { name: 'destination', type: 'key', keySpecIndex: 0 }

const combiningArguments: readonly ArgumentSpec[] = [
  { name: 'weight', type: 'integer', token: 'WEIGHTS', optional: true, multiple: true },
  {
    name: 'aggregate',
    type: 'oneof',
    token: 'AGGREGATE',
    optional: true,
    arguments: [
      { name: 'sum', type: 'pure-token', token: 'SUM' },
      { name: 'min', type: 'pure-token', token: 'MIN' },
      { name: 'max', type: 'pure-token', token: 'MAX' },
    ],
  },
]

const COMPLEXITY_UNION = 'O(N+M*log(M)), N being the number of elements of all inputs and M that of the result'
const COMPLEXITY_INTERSECTION =
  'O(N*K+M*log(M)), N being the number of elements of the smallest of K inputs and M that of the result'
const COMPLEXITY_DIFFERENCE =
  'O(N+M*log(M)) at worst, N being the number of elements of all inputs and M that of the result'

const common = {
  group: 'sorted-set',
  categories: ['sortedset'],
  route: { on: 'hops', coordinator: 'relocate' },
} as const satisfies Partial<CommandSpec>

const replied = {
  ...common,
  arity: -3,
  flags: ['readonly', 'movablekeys'],
  since: '6.2.0',
  keySpecs: [countedKeysAt(1, 'RO', 'access')],
} as const satisfies Partial<CommandSpec>

const stored = {
  ...common,
  arity: -4,
  flags: ['write', 'denyoom', 'movablekeys'],
  keySpecs: [keyAt(1, 'OW', 'update'), countedKeysAt(2, 'RO', 'access')],
} as const satisfies Partial<CommandSpec>

const keysToReply = [numberOfKeysArgument, countedKeysArgument(0)]
const keysToStore = [destinationArgument, numberOfKeysArgument, countedKeysArgument(1)]

export const zsetAlgebraCommands: readonly CommandSpec[] = [
  {
    ...replied,
    name: 'zunion',
    summary: 'Returns the members of any of several sorted sets, their scores combined.',
    complexity: COMPLEXITY_UNION,
    arguments: [...keysToReply, ...combiningArguments, withScoresArgument],
    shard: zunion,
  },
  {
    ...stored,
    name: 'zunionstore',
    since: '2.0.0',
    summary: 'Stores the members of any of several sorted sets, their scores combined, under another key.',
    complexity: COMPLEXITY_UNION,
    arguments: [...keysToStore, ...combiningArguments],
    shard: zunionstore,
  },
  {
    ...replied,
    name: 'zinter',
    summary: 'Returns the members that all of several sorted sets have, their scores combined.',
    complexity: COMPLEXITY_INTERSECTION,
    arguments: [...keysToReply, ...combiningArguments, withScoresArgument],
    shard: zinter,
  },
  {
    ...stored,
    name: 'zinterstore',
    since: '2.0.0',
    summary: 'Stores the members that all of several sorted sets have, their scores combined, under another key.',
    complexity: COMPLEXITY_INTERSECTION,
    arguments: [...keysToStore, ...combiningArguments],
    shard: zinterstore,
  },
  {
    ...replied,
    name: 'zintercard',
    since: '7.0.0',
    summary: 'Counts the members that all of several sorted sets have.',
    complexity: 'O(N*K), N being the number of elements of the smallest of K inputs',
    arguments: [...keysToReply, { name: 'limit', type: 'integer', token: 'LIMIT', optional: true }],
    shard: zintercard,
  },
  {
    ...replied,
    name: 'zdiff',
    summary: 'Returns the members of a sorted set that none of several others has.',
    complexity: COMPLEXITY_DIFFERENCE,
    arguments: [...keysToReply, withScoresArgument],
    shard: zdiff,
  },
  {
    ...stored,
    name: 'zdiffstore',
    since: '6.2.0',
    summary: 'Stores the members of a sorted set that none of several others has under another key.',
    complexity: COMPLEXITY_DIFFERENCE,
    arguments: keysToStore,
    shard: zdiffstore,
  },
]
