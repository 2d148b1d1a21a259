/**
 * The entries of SORT and SORT_RO.
 *
 * Imported by both threads; constants only.
 */
import { keyArgument } from '../generic-arguments.js'
import type { ArgumentSpec, CommandSpec, KeySpec } from '../spec.js'
import { sort, sortReadOnly } from './sort.js'
import { findSortKeys, reachOfSort } from './sort-options.js'

const sortedKey: KeySpec = {
  flags: ['RO', 'access'],
  begin: { index: 1 },
  find: { lastKey: 0, keyStep: 1, limit: 0 },
}

const keysOfPatterns: KeySpec = {
  flags: ['RO', 'access'],
  begin: 'unknown',
  find: 'unknown',
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
}

const destination: KeySpec = {
  flags: ['OW', 'update'],
  begin: 'unknown',
  find: 'unknown',
  notes:
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
}

const sortArguments: readonly ArgumentSpec[] = [
  keyArgument,
  { name: 'pattern', type: 'pattern', token: 'BY', keySpecIndex: 1, optional: true },
  {
    name: 'offset_count',
    type: 'block',
    token: 'LIMIT',
    optional: true,
    arguments: [
      { name: 'offset', type: 'integer' },
      { name: 'count', type: 'integer' },
    ],
  },
  {
    name: 'pattern',
    type: 'pattern',
    token: 'GET',
    keySpecIndex: 1,
    optional: true,
    multiple: true,
    multipleToken: true,
  },
  {
    name: 'order',
    type: 'oneof',
    optional: true,
    arguments: [
      { name: 'asc', type: 'pure-token', token: 'ASC' },
      { name: 'desc', type: 'pure-token', token: 'DESC' },
    ],
  },
  { name: 'sorting', type: 'pure-token', token: 'ALPHA', optional: true },
]

const COMPLEXITY =
  'O(N+M*log(M)), N being the number of elements of the collection and M that of the elements returned; O(N) when nothing is sorted'

export const sortCommands: readonly CommandSpec[] = [
  {
    name: 'sort',
    arity: -2,
    flags: ['write', 'denyoom', 'movablekeys'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Sorts the elements of a list, a set or a sorted set, and may store the result.',
    complexity: COMPLEXITY,
    categories: ['set', 'sortedset', 'list', 'dangerous'],
    keySpecs: [sortedKey, keysOfPatterns, destination],
    findKeys: findSortKeys,
    arguments: [
      ...sortArguments,
      { name: 'destination', type: 'key', token: 'STORE', keySpecIndex: 2, optional: true },
    ],
    route: { on: 'hops', coordinator: 'sort', reach: reachOfSort },
    shard: sort,
  },
  {
    name: 'sort_ro',
    arity: -2,
    flags: ['readonly', 'movablekeys'],
    group: 'generic',
    since: '7.0.0',
    summary: 'Sorts the elements of a list, a set or a sorted set.',
    complexity: COMPLEXITY,
    categories: ['set', 'sortedset', 'list', 'dangerous'],
    keySpecs: [sortedKey, keysOfPatterns],
    arguments: sortArguments,
    route: { on: 'hops', coordinator: 'sort', reach: reachOfSort },
    shard: sortReadOnly,
  },
]
