/**
 * What an argument of the command table is drawn from: by its type, and where its name says more, by that.
 *
 * Only used by tests.
 */
import type { ArgumentSpec, CommandGroup, CommandSpec } from '../../src/commands/spec.js'
import { fullNameOf } from '../../src/commands/table.js'
import type { RangeKind } from './type-words.js'
import type { Vocabulary } from './vocabulary.js'

type Draw = (words: Vocabulary) => Buffer

/** By the command's full name and the argument's; looked at first. */
const drawByCommand: Readonly<Record<string, Draw>> = {
  'incrbyfloat increment': (words) => words.float(),
  'hincrbyfloat increment': (words) => words.float(),
  'zincrby increment': ({ types }) => types.score(),
  'lcs len': (words) => words.oneOf('0', '1', '2', '3', '-1', '100', '9223372036854775807', '9223372036854775808'),
  'scan type': (words) =>
    words.oneOf('string', 'STRING', 'list', 'hash', 'set', 'zset', 'stream', 'module', 'nothing', ''),
  'scan count': (words) => words.oneOf('1', '2', '10', '1000', '0', '-1', '9223372036854775807', 'x'),
  'wait timeout': (words) => words.oneOf('0', '1', '-1', '9223372036854775807', '9223372036854775808', 'x'),
  'select index': (words) => words.database(),
  'hrandfield count': ({ types }) => types.randomCount(),
  'srandmember count': ({ types }) => types.randomCount(),
  'zrandmember count': ({ types }) => types.randomCount(),
  'bitop operation': (words) => words.oneOf('AND', 'OR', 'XOR', 'NOT', 'and', 'nOt'),
  'pfdebug subcommand': (words) => words.oneOf('GETREG', 'DECODE', 'ENCODING', 'TODENSE', 'getreg'),
  'bitfield value': ({ types }) => types.bitfieldValue(),
  'bitfield increment': ({ types }) => types.bitfieldValue(),
  'bitfield offset': ({ types }) => types.bitfieldOffset(),
  'bitfield_ro offset': ({ types }) => types.bitfieldOffset(),
  'setbit value': ({ types }) => types.bit(),
  'restore ttl': (words) => (words.choice.oneIn(2) ? words.oneOf('0') : words.milliseconds()),
  'restore frequency': (words) => words.oneOf('0', '1', '5', '255', '256', '-1'),
  'zcount min': ({ types }) => types.scoreBound(),
  'zcount max': ({ types }) => types.scoreBound(),
  'xreadgroup id': ({ types }) => types.readFrom(),
  'xread id': (words) => (words.choice.oneIn(4) ? words.oneOf('$', '0', '>') : words.types.entryId()),
  'xclaim count': ({ types }) => types.entries(),
  'xsetid last-id': ({ choice, types }) => (choice.oneIn(2) ? types.newEntryId() : types.entryId()),
  'xadd id': ({ types }) => types.newEntryId(),
}

/** By the group of commands and the argument's name; looked at second. */
const drawByGroup: Readonly<Partial<Record<CommandGroup, Readonly<Record<string, Draw>>>>> = {
  list: {
    element: ({ types }) => types.element(),
    pivot: ({ types }) => types.element(),
    timeout: ({ types }) => types.blockingSeconds(),
    rank: ({ types }) => types.index(),
    len: ({ types }) => types.index(),
    'num-matches': ({ types }) => types.count(),
  },
  hash: {
    field: ({ types }) => types.element(),
    value: (words) => (words.choice.oneIn(2) ? words.value() : words.types.element()),
  },
  set: {
    member: ({ types }) => types.element(),
    limit: ({ types }) => types.count(),
  },
  'sorted-set': {
    member: ({ types }) => types.element(),
    limit: ({ types }) => types.count(),
    score: ({ types }) => types.score(),
    weight: ({ types }) => types.score(),
    timeout: ({ types }) => types.blockingSeconds(),
  },
  stream: {
    field: ({ types }) => types.element(),
    value: (words) => (words.choice.oneIn(4) ? words.value() : words.types.element()),
    start: ({ types }) => types.entryBound(),
    end: ({ types }) => types.entryBound(),
    id: ({ types }) => types.entryId(),
    'last-id': ({ types }) => types.entryId(),
    'max-deleted-entry-id': ({ types }) => types.entryId(),
    max_deleted_entry_id: ({ types }) => types.entryId(),
    threshold: ({ types }) => types.trimThreshold(),
    group: ({ types }) => types.group(),
    groupname: ({ types }) => types.group(),
    consumer: ({ types }) => types.consumer(),
    consumername: ({ types }) => types.consumer(),
    milliseconds: ({ types }) => types.blockingMilliseconds(),
    'min-idle-time': ({ types }) => types.idleTimeMin(),
    ms: ({ types }) => types.idleTime(),
    entries_added: ({ types }) => types.entries(),
    entries_read: ({ types }) => types.entries(),
  },
  bitmap: {
    offset: ({ types }) => types.bitOffset(),
    encoding: ({ types }) => types.bitEncoding(),
    bit: ({ types }) => types.bit(),
    start: (words) => words.offset(),
    end: (words) => words.offset(),
  },
  hyperloglog: {
    element: ({ types }) => types.element(),
  },
  geo: {
    member: ({ types }) => types.element(),
    member1: ({ types }) => types.element(),
    member2: ({ types }) => types.element(),
    longitude: ({ types }) => types.longitude(),
    latitude: ({ types }) => types.latitude(),
    radius: ({ types }) => types.distance(),
    width: ({ types }) => types.distance(),
    height: ({ types }) => types.distance(),
  },
  string: {
    offset: (words) => words.offset(),
    start: (words) => words.offset(),
    end: (words) => words.offset(),
  },
}

/** By the argument's name alone; looked at third. */
const drawByName: Readonly<Record<string, Draw>> = {
  seconds: (words) => words.seconds(),
  milliseconds: (words) => words.milliseconds(),
  'unix-time-seconds': (words) => words.unixSeconds(),
  'unix-time-milliseconds': (words) => words.unixMilliseconds(),
  increment: (words) => words.increment(),
  decrement: (words) => words.increment(),
  offset: ({ types }) => types.index(),
  start: ({ types }) => types.index(),
  stop: ({ types }) => types.index(),
  index: ({ types }) => types.index(),
  count: ({ types }) => types.count(),
  index1: (words) => words.database(),
  index2: (words) => words.database(),
  db: (words) => words.database(),
  'destination-db': (words) => words.database(),
  cursor: (words) =>
    words.oneOf('0', '0', '00', '1', '-0', '', ' 0', '18446744073709551615', '18446744073709551616', 'abc', '1.5'),
  numreplicas: (words) => words.oneOf('0', '-1', '-9223372036854775808', '9223372036854775808', 'x'),
  protover: (words) => words.oneOf('2', '3', '2', '3', '1', '4', '0', '-1', '03', '9223372036854775808', 'x'),
  username: (words) => words.oneOf('default', 'Default', 'nobody', ''),
}

/** By the ends of the names of commands, as many have the same bounds. */
const drawBound: readonly (readonly [commandEnd: string, draw: Draw])[] = [
  ['byscore', ({ types }) => types.scoreBound()],
  ['bylex', ({ types }) => types.lexBound()],
  ['lexcount', ({ types }) => types.lexBound()],
]
const OF_ANY_KIND = ['zrange', 'zrangestore']
const BOUNDS = ['min', 'max', 'start', 'stop']

/** BY and GET of SORT are both patterns. */
const drawByToken: Readonly<Record<string, Draw>> = {
  BY: ({ types }) => types.sortPattern(),
  GET: ({ types }) => types.getPattern(),
}

/** What the arguments of one command have in common. */
export interface Leaning {
  /** What the bounds are, where there are several kinds. */
  readonly range: RangeKind
  /** Whose keys, if of a certain group. */
  readonly group: CommandGroup | undefined
}

/** Everything of one argument but its token. */
export function drawLeaf(words: Vocabulary, spec: CommandSpec, argument: ArgumentSpec, leaning: Leaning): Buffer {
  const command = fullNameOf(spec)
  if (argument.name === 'serialized-value') return words.types.payload(leaning.group)
  const isBound = BOUNDS.includes(argument.name)
  if (isBound && OF_ANY_KIND.includes(command)) return words.types.anyBound(leaning.range)
  const bound = isBound ? drawBound.find(([end]) => command.endsWith(end))?.[1] : undefined
  const draw =
    drawByCommand[`${command} ${argument.name}`] ??
    bound ??
    drawByGroup[spec.group]?.[argument.name] ??
    drawByName[argument.name] ??
    (argument.type === 'pattern' ? drawByToken[argument.token ?? ''] : undefined)
  if (draw !== undefined) return draw(words)
  switch (argument.type) {
    case 'key':
      return words.key(leaning.group)
    case 'pattern':
      return words.pattern()
    case 'integer':
    case 'unix-time':
      return words.integer()
    case 'double':
      return words.float()
    default:
      return words.value()
  }
}
