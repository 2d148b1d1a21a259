/**
 * The entries of the commands that reply or store a range of a sorted set.
 *
 * Imported by both threads; constants only.
 */
import { keyArgument } from '../generic-arguments.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { keyAt, limitArgument, withScoresArgument } from './zset-arguments.js'
import {
  zrange,
  zrangebylex,
  zrangebyscore,
  zrangestore,
  zrevrange,
  zrevrangebylex,
  zrevrangebyscore,
} from './zset-range.js'

const COMPLEXITY = 'O(log(N)+M), N being the number of elements of the sorted set and M that of those returned'

const minAndMaxScore: readonly ArgumentSpec[] = [
  { name: 'min', type: 'double' },
  { name: 'max', type: 'double' },
]
const maxAndMinScore = [...minAndMaxScore].reverse()
const minAndMaxMember: readonly ArgumentSpec[] = [
  { name: 'min', type: 'string' },
  { name: 'max', type: 'string' },
]
const maxAndMinMember = [...minAndMaxMember].reverse()

function sortByArgument(since?: string): ArgumentSpec {
  return {
    name: 'sortby',
    type: 'oneof',
    ...(since === undefined ? {} : { since }),
    optional: true,
    arguments: [
      { name: 'byscore', type: 'pure-token', token: 'BYSCORE' },
      { name: 'bylex', type: 'pure-token', token: 'BYLEX' },
    ],
  }
}

const common = {
  flags: ['readonly'],
  group: 'sorted-set',
  complexity: COMPLEXITY,
  categories: ['sortedset'],
  keySpecs: oneKey('RO', 'access'),
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

const deprecated = { docFlags: ['deprecated'], deprecatedSince: '6.2.0' } as const satisfies Partial<CommandSpec>

export const zsetRangeCommands: readonly CommandSpec[] = [
  {
    ...common,
    name: 'zrange',
    arity: -4,
    since: '1.2.0',
    summary: 'Returns the members of a sorted set in a range of ranks, scores or members.',
    history: [['6.2.0', 'Options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.']],
    arguments: [
      keyArgument,
      { name: 'start', type: 'string' },
      { name: 'stop', type: 'string' },
      sortByArgument('6.2.0'),
      { name: 'rev', type: 'pure-token', token: 'REV', since: '6.2.0', optional: true },
      limitArgument('6.2.0'),
      withScoresArgument,
    ],
    shard: zrange,
  },
  {
    ...common,
    ...deprecated,
    name: 'zrevrange',
    arity: -4,
    since: '1.2.0',
    summary: 'Returns the members of a sorted set in a range of ranks counted from the highest score.',
    replacedBy: '`ZRANGE` with the `REV` argument',
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }, withScoresArgument],
    shard: zrevrange,
  },
  {
    ...common,
    ...deprecated,
    name: 'zrangebyscore',
    arity: -4,
    since: '1.0.5',
    summary: 'Returns the members of a sorted set whose scores are in a range.',
    replacedBy: '`ZRANGE` with the `BYSCORE` argument',
    history: [['2.0.0', 'Option `WITHSCORES`.']],
    arguments: [keyArgument, ...minAndMaxScore, { ...withScoresArgument, since: '2.0.0' }, limitArgument()],
    shard: zrangebyscore,
  },
  {
    ...common,
    ...deprecated,
    name: 'zrevrangebyscore',
    arity: -4,
    since: '2.2.0',
    summary: 'Returns the members of a sorted set whose scores are in a range, from the highest down.',
    replacedBy: '`ZRANGE` with the `REV` and `BYSCORE` arguments',
    history: [['2.1.6', 'Bounds can be left out of the range.']],
    arguments: [keyArgument, ...maxAndMinScore, withScoresArgument, limitArgument()],
    shard: zrevrangebyscore,
  },
  {
    ...common,
    ...deprecated,
    name: 'zrangebylex',
    arity: -4,
    since: '2.8.9',
    summary: 'Returns the members of a sorted set between two others, where all scores are equal.',
    replacedBy: '`ZRANGE` with the `BYLEX` argument',
    arguments: [keyArgument, ...minAndMaxMember, limitArgument()],
    shard: zrangebylex,
  },
  {
    ...common,
    ...deprecated,
    name: 'zrevrangebylex',
    arity: -4,
    since: '2.8.9',
    summary:
      'Returns the members of a sorted set between two others, from the greatest down, where all scores are equal.',
    replacedBy: '`ZRANGE` with the `REV` and `BYLEX` arguments',
    arguments: [keyArgument, ...maxAndMinMember, limitArgument()],
    shard: zrevrangebylex,
  },
  {
    ...common,
    name: 'zrangestore',
    arity: -5,
    flags: ['write', 'denyoom'],
    since: '6.2.0',
    summary: 'Stores a range of a sorted set under another key.',
    complexity: 'O(log(N)+M*log(M)), N being the number of elements of the sorted set and M that of those stored',
    keySpecs: [keyAt(1, 'OW', 'update'), keyAt(2, 'RO', 'access')],
    arguments: [
      { name: 'dst', type: 'key', keySpecIndex: 0 },
      { name: 'src', type: 'key', keySpecIndex: 1 },
      ...minAndMaxMember,
      sortByArgument(),
      { name: 'rev', type: 'pure-token', token: 'REV', optional: true },
      limitArgument(),
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: zrangestore,
  },
]
