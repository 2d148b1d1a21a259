/**
 * The entries of the searches for places.
 *
 * Imported by both threads.
 */

import { keyArgument } from '../generic-arguments.js'
import type { ArgumentSpec, CommandSpec, KeySpec } from '../spec.js'
import { oneKey } from '../spec.js'
import { positionArguments, unitArgument } from './geo-arguments.js'
import { searchHandler } from './geo-search.js'

/** Where the options of GEORADIUS and GEORADIUSBYMEMBER begin. */
const RADIUS_OPTIONS_AT = 6
const RADIUS_BY_MEMBER_OPTIONS_AT = 5

const S = 0x53

const SEARCH_COMPLEXITY =
  'O(N+log(M)), N being the places in the cells around the area and M the elements of the sorted set'

/** The keys of GEORADIUS and GEORADIUSBYMEMBER: the places, and the result's key if there is one, of several the last. */
function findRadiusKeys(
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  into.push(1)
  let storeAt = 0
  for (let i = RADIUS_BY_MEMBER_OPTIONS_AT; i + 1 < argc; i++) {
    const first = bytes[offsets[i]!]! & ~0x20
    if (lengths[i]! < 5 || first !== S) continue
    const word = Buffer.from(bytes.buffer, bytes.byteOffset + offsets[i]!, lengths[i]!)
      .toString('latin1')
      .toUpperCase()
    if (word === 'STORE' || word === 'STOREDIST') storeAt = ++i
  }
  if (storeAt > 0) into.push(storeAt)
}

function storeKeys(optionsAt: number): readonly KeySpec[] {
  const find = { lastKey: 0, keyStep: 1, limit: 0 }
  return [
    ...oneKey('RO', 'access'),
    { flags: ['OW', 'update'], begin: { keyword: 'STORE', startFrom: optionsAt }, find },
    { flags: ['OW', 'update'], begin: { keyword: 'STOREDIST', startFrom: optionsAt }, find },
  ]
}

const radiusArgument: ArgumentSpec = { name: 'radius', type: 'double' }
const memberArgument: ArgumentSpec = { name: 'member', type: 'string' }

const detailArguments: readonly ArgumentSpec[] = [
  { name: 'withcoord', type: 'pure-token', token: 'WITHCOORD', optional: true },
  { name: 'withdist', type: 'pure-token', token: 'WITHDIST', optional: true },
  { name: 'withhash', type: 'pure-token', token: 'WITHHASH', optional: true },
]

/** `COUNT count [ANY]`; the older commands say since when there is ANY. */
function countArgument(anySince?: string): ArgumentSpec {
  return {
    name: 'count',
    type: 'block',
    optional: true,
    arguments: [
      { name: 'count', type: 'integer', token: 'COUNT' },
      {
        name: 'any',
        type: 'pure-token',
        token: 'ANY',
        ...(anySince === undefined ? {} : { since: anySince }),
        optional: true,
      },
    ],
  }
}

const orderArgument: ArgumentSpec = {
  name: 'order',
  type: 'oneof',
  optional: true,
  arguments: [
    { name: 'asc', type: 'pure-token', token: 'ASC' },
    { name: 'desc', type: 'pure-token', token: 'DESC' },
  ],
}

const storeArguments: readonly ArgumentSpec[] = [
  { name: 'key', type: 'key', token: 'STORE', keySpecIndex: 1, optional: true },
  { name: 'key', type: 'key', token: 'STOREDIST', keySpecIndex: 2, optional: true },
]

const areaArguments: readonly ArgumentSpec[] = [
  {
    name: 'from',
    type: 'oneof',
    arguments: [
      { ...memberArgument, token: 'FROMMEMBER' },
      { name: 'longitude_latitude', type: 'block', token: 'FROMLONLAT', arguments: positionArguments },
    ],
  },
  {
    name: 'by',
    type: 'oneof',
    arguments: [
      { name: 'circle', type: 'block', arguments: [{ ...radiusArgument, token: 'BYRADIUS' }, unitArgument] },
      {
        name: 'box',
        type: 'block',
        arguments: [
          { name: 'width', type: 'double', token: 'BYBOX' },
          { name: 'height', type: 'double' },
          unitArgument,
        ],
      },
    ],
  },
]

const UPPERCASE_UNITS = ['7.0.0', 'Units may be in upper case.'] as const
const COUNT_ANY = ['6.2.0', 'Option `ANY` for `COUNT`.'] as const

export const geoSearchCommands: readonly CommandSpec[] = [
  {
    name: 'georadius',
    arity: -6,
    flags: ['write', 'denyoom', 'movablekeys'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Finds the places within a distance of a position; it can store them.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: storeKeys(RADIUS_OPTIONS_AT),
    findKeys: findRadiusKeys,
    history: [COUNT_ANY, UPPERCASE_UNITS],
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
    arguments: [
      keyArgument,
      ...positionArguments,
      radiusArgument,
      unitArgument,
      ...detailArguments,
      countArgument('6.2.0'),
      orderArgument,
      ...storeArguments,
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: searchHandler({ sourceAt: 1, centre: 'coordinates', optionsAt: RADIUS_OPTIONS_AT, stores: 'by-option' }),
  },
  {
    name: 'georadius_ro',
    arity: -6,
    flags: ['readonly'],
    group: 'geo',
    since: '3.2.10',
    summary: 'Finds the places within a distance of a position.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    history: [COUNT_ANY],
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument',
    arguments: [
      keyArgument,
      ...positionArguments,
      radiusArgument,
      unitArgument,
      ...detailArguments,
      countArgument('6.2.0'),
      orderArgument,
    ],
    route: { on: 'key' },
    shard: searchHandler({ sourceAt: 1, centre: 'coordinates', optionsAt: RADIUS_OPTIONS_AT, stores: 'never' }),
  },
  {
    name: 'georadiusbymember',
    arity: -5,
    flags: ['write', 'denyoom', 'movablekeys'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Finds the places within a distance of one of them; it can store them.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: storeKeys(RADIUS_BY_MEMBER_OPTIONS_AT),
    findKeys: findRadiusKeys,
    history: [UPPERCASE_UNITS],
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
    arguments: [
      keyArgument,
      memberArgument,
      radiusArgument,
      unitArgument,
      ...detailArguments,
      countArgument(),
      orderArgument,
      ...storeArguments,
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: searchHandler({
      sourceAt: 1,
      centre: 'member',
      optionsAt: RADIUS_BY_MEMBER_OPTIONS_AT,
      stores: 'by-option',
    }),
  },
  {
    name: 'georadiusbymember_ro',
    arity: -5,
    flags: ['readonly'],
    group: 'geo',
    since: '3.2.10',
    summary: 'Finds the places within a distance of one of them.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments',
    arguments: [
      keyArgument,
      memberArgument,
      radiusArgument,
      unitArgument,
      ...detailArguments,
      countArgument(),
      orderArgument,
    ],
    route: { on: 'key' },
    shard: searchHandler({ sourceAt: 1, centre: 'member', optionsAt: RADIUS_BY_MEMBER_OPTIONS_AT, stores: 'never' }),
  },
  {
    name: 'geosearch',
    arity: -7,
    flags: ['readonly'],
    group: 'geo',
    since: '6.2.0',
    summary: 'Finds the places inside a circle or a box.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    history: [UPPERCASE_UNITS],
    arguments: [keyArgument, ...areaArguments, orderArgument, countArgument(), ...detailArguments],
    route: { on: 'key' },
    shard: searchHandler({ sourceAt: 1, centre: 'option', optionsAt: 2, stores: 'never' }),
  },
  {
    name: 'geosearchstore',
    arity: -8,
    flags: ['write', 'denyoom'],
    group: 'geo',
    since: '6.2.0',
    summary: 'Stores the places inside a circle or a box under another key.',
    complexity: SEARCH_COMPLEXITY,
    categories: ['geo'],
    keySpecs: [
      ...oneKey('OW', 'update'),
      { flags: ['RO', 'access'], begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } },
    ],
    history: [UPPERCASE_UNITS],
    arguments: [
      { name: 'destination', type: 'key', keySpecIndex: 0 },
      { name: 'source', type: 'key', keySpecIndex: 1 },
      ...areaArguments,
      orderArgument,
      countArgument(),
      { name: 'storedist', type: 'pure-token', token: 'STOREDIST', optional: true },
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: searchHandler({ sourceAt: 2, centre: 'option', optionsAt: 3, stores: 'always' }),
  },
]
