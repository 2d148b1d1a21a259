/**
 * Random commands of all families that change data, with many of those whose effect is another command.
 *
 * Only used by tests. Everything follows from the seed.
 */
import type { CommandSpec } from '../../src/commands/spec.js'
import { commands, fullNameOf } from '../../src/commands/table.js'
import { Choice } from '../differential/choice.js'
import { drawCommand, tokensOf } from '../differential/command-arguments.js'
import { BULK_BYTES_MAX, isHazardous, looksBetweenMembers } from '../differential/hazards.js'
import { Vocabulary } from '../differential/vocabulary.js'
import type { Words } from './recording-server.js'

const OMITTED = ['migrate', 'pfdebug', 'move', 'flushall', 'eval', 'evalsha', 'fcall']

const GROUPS = ['string', 'list', 'hash', 'set', 'sorted-set', 'stream', 'hyperloglog'] as const

/** What adds comes more often than what takes away. */
const WEIGHTS: Readonly<Record<string, number>> = {
  rpush: 4,
  sadd: 6,
  zadd: 6,
  hset: 6,
  xadd: 10,
  'xgroup|create': 6,
  xreadgroup: 6,
  flushdb: 0.02,
  swapdb: 0.1,
  del: 0.5,
  unlink: 0.5,
  xtrim: 0.4,
  ltrim: 0.4,
  'xgroup|destroy': 0.3,
}

const specs: readonly CommandSpec[] = commands
  .flatMap((command) => command.subcommands ?? [command])
  .filter(({ shard, flags, name }) => shard !== undefined && (flags.includes('write') || name === 'pfcount'))
  .filter((spec) => !OMITTED.includes(fullNameOf(spec)))

/** Makes one command. */
type Maker = (words: RandomWrites) => Words

const FIELDS = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8']
const GROUP_NAMES = ['g', 'h']
const CONSUMERS = ['anna', 'berta', 'carl']

export class RandomWrites {
  readonly choice: Choice
  readonly #words: Vocabulary
  readonly #weighted = specs.map((spec) => ({ spec, weight: WEIGHTS[fullNameOf(spec)] ?? 1 }))
  /** The time of the server, for absolute times. */
  nowMs: number

  constructor(seed: number, nowMs: number) {
    this.choice = new Choice(seed)
    this.nowMs = nowMs
    this.#words = new Vocabulary(this.choice, {
      groups: GROUPS,
      hasBigValues: false,
      hasLargeCollections: false,
      hasOneScore: false,
      tokens: tokensOf(specs),
    })
  }

  next(): Words {
    if (this.choice.oneIn(2)) return this.choice.of(MAKERS)(this)
    for (;;) {
      const argv = drawCommand(this.#words, this.choice.weighted(this.#weighted).spec)
      if (!isUnfit(argv)) return argv
    }
  }

  key(kind: string): string {
    return `${kind}${this.choice.below(3)}`
  }

  anyKey(): string {
    return this.key(this.choice.of(['string', 'hash', 'stream', 'set', 'list', 'zset']))
  }

  /** Mostly soon over. */
  milliseconds(): number {
    return this.choice.oneIn(4) ? this.choice.between(100_000, 1_000_000) : this.choice.between(1, 300)
  }

  /** A unit of time and an amount of it, now and then one that is over. */
  time(): Words {
    const ms = this.milliseconds()
    const sign = this.choice.oneIn(5) ? -1 : 1
    switch (this.choice.below(4)) {
      case 0:
        return ['EX', this.choice.between(1, 3)]
      case 1:
        return ['PX', ms]
      case 2:
        return ['EXAT', Math.floor(this.nowMs / 1000) + sign * this.choice.between(1, 3)]
      default:
        return ['PXAT', this.nowMs + sign * ms]
    }
  }

  maybe(...words: Words): Words {
    return this.choice.oneIn(2) ? words : []
  }

  oneOf(...lists: readonly Words[]): Words {
    return this.choice.of(lists)
  }

  /** Some fields, with their number in front. */
  fields(): Words {
    const names = Array.from({ length: this.choice.between(1, 4) }, () => this.choice.of(FIELDS))
    return ['FIELDS', names.length, ...names]
  }

  pairs(): Words {
    const pairs = Array.from({ length: this.choice.between(1, 4) }, () => [this.choice.of(FIELDS), this.value()])
    return ['FIELDS', pairs.length, ...pairs.flat()]
  }

  value(): string {
    const { choice } = this
    return choice.oneIn(8) ? 'v'.repeat(choice.between(60, 70)) : String(choice.below(100))
  }

  entryId(): string {
    return `${this.nowMs - this.choice.below(200)}-${this.choice.below(3)}`
  }
}

/** Whether a command would take too much memory, or may do what it likes. */
function isUnfit(argv: readonly Buffer[]): boolean {
  const name = argv[0]?.toString('latin1').toLowerCase()
  // What lies between members that have different scores is not said anywhere.
  if (looksBetweenMembers(argv)) return true
  return ['setbit', 'bitfield', 'setrange'].includes(name as string) && isHazardous(argv, BULK_BYTES_MAX)
}

const CONDITIONS = [['NX'], ['XX'], ['GT'], ['LT'], [], [], []] as const

const MAKERS: readonly Maker[] = [
  (w) => [
    'SET',
    w.key('string'),
    w.value(),
    ...w.oneOf(['NX'], ['XX'], [], []),
    ...w.maybe('GET'),
    ...w.oneOf(w.time(), ['KEEPTTL'], []),
  ],
  (w) => [
    'SET',
    w.key('string'),
    w.value(),
    w.choice.of(['IFEQ', 'IFNE']),
    w.value(),
    ...w.oneOf(w.time(), ['KEEPTTL'], []),
  ],
  (w) => ['SETEX', w.key('string'), w.choice.between(1, 2), w.value()],
  (w) => ['PSETEX', w.key('string'), w.milliseconds(), w.value()],
  (w) => ['APPEND', w.key('string'), w.value()],
  (w) => ['INCRBYFLOAT', w.key('string'), w.choice.of(['0.1', '1e3', '-2.5'])],
  (w) => ['GETEX', w.key('string'), ...w.oneOf(w.time(), ['PERSIST'], [])],
  (w) => ['DELEX', w.key('string'), ...w.maybe(w.choice.of(['IFEQ', 'IFNE']), w.value())],
  (w) => [
    'MSETEX',
    2,
    w.key('string'),
    w.value(),
    w.key('string'),
    w.value(),
    ...w.oneOf(['NX'], ['XX'], []),
    ...w.oneOf(w.time(), ['KEEPTTL'], []),
  ],
  (w) => ['PEXPIRE', w.anyKey(), w.milliseconds(), ...w.choice.of(CONDITIONS)],
  (w) => ['EXPIRE', w.anyKey(), w.choice.between(-1, 2), ...w.choice.of(CONDITIONS)],
  (w) => ['PEXPIREAT', w.anyKey(), w.nowMs + w.choice.between(-100, 300), ...w.choice.of(CONDITIONS)],
  (w) => ['COPY', w.anyKey(), w.anyKey(), ...w.maybe('DB', w.choice.below(3)), ...w.maybe('REPLACE')],
  (w) => ['RENAME', w.anyKey(), w.anyKey()],
  (w) => ['MOVE', w.anyKey(), w.choice.below(3)],
  (w) => ['HSET', w.key('hash'), ...w.pairs().slice(2)],
  (w) => [
    'HSET',
    w.key('hash'),
    ...Array.from({ length: 300 }, (_, i) => [`n${i}`, i])
      .flat()
      .slice(0, w.choice.oneIn(20) ? 600 : 4),
  ],
  (w) => [
    'HSETEX',
    w.key('hash'),
    ...w.oneOf(['FNX'], ['FXX'], [], []),
    ...w.oneOf(w.time(), w.time(), ['KEEPTTL'], []),
    ...w.pairs(),
  ],
  (w) => ['HGETEX', w.key('hash'), ...w.oneOf(w.time(), ['PERSIST'], []), ...w.fields()],
  (w) => ['HGETDEL', w.key('hash'), ...w.fields()],
  (w) => ['HPEXPIRE', w.key('hash'), w.milliseconds(), ...w.choice.of(CONDITIONS), ...w.fields()],
  (w) => ['HPEXPIRE', w.key('hash'), w.milliseconds(), ...w.choice.of(CONDITIONS), ...w.fields()],
  (w) => [
    'HEXPIREAT',
    w.key('hash'),
    Math.floor(w.nowMs / 1000) + w.choice.between(-1, 1),
    ...w.choice.of(CONDITIONS),
    ...w.fields(),
  ],
  (w) => ['HPERSIST', w.key('hash'), ...w.fields()],
  (w) => ['HINCRBY', w.key('hash'), w.choice.of(FIELDS), w.choice.between(-5, 5)],
  (w) => ['HINCRBYFLOAT', w.key('hash'), w.choice.of(FIELDS), '0.5'],
  (w) => ['HSETNX', w.key('hash'), w.choice.of(FIELDS), w.value()],
  (w) => ['HDEL', w.key('hash'), w.choice.of(FIELDS)],
  (w) => ['HGET', w.key('hash'), w.choice.of(FIELDS)],
  (w) => ['HRANDFIELD', w.key('hash'), 2],
  (w) => ['SADD', w.key('set'), ...Array.from({ length: w.choice.between(1, 20) }, () => w.choice.below(1000))],
  (w) => ['SADD', w.key('set'), ...Array.from({ length: w.choice.between(1, 20) }, () => `m${w.choice.below(1000)}`)],
  (w) => ['SADD', w.key('set'), ...Array.from({ length: w.choice.oneIn(20) ? 300 : 3 }, (_, i) => `n${i}`)],
  (w) => ['SPOP', w.key('set'), ...w.oneOf([], [w.choice.between(0, 30)], [w.choice.between(0, 300)])],
  (w) => ['SORT', w.key('set'), 'ALPHA', 'BY', `${w.key('string')}*`, 'STORE', w.key('list')],
  (w) => ['SORT', w.key('set'), 'BY', 'nosort', 'STORE', w.key('list')],
  (w) => ['RPUSH', w.key('list'), ...Array.from({ length: w.choice.between(1, 20) }, () => w.value())],
  (w) => [w.choice.of(['BLPOP', 'BRPOP']), w.key('list'), w.key('list'), 0],
  (w) => [
    'LMPOP',
    2,
    w.key('list'),
    w.key('list'),
    w.choice.of(['LEFT', 'RIGHT']),
    ...w.maybe('COUNT', w.choice.between(1, 9)),
  ],
  (w) => ['BLMPOP', 0, 1, w.key('list'), w.choice.of(['LEFT', 'RIGHT']), ...w.maybe('COUNT', w.choice.between(1, 9))],
  (w) => ['BLMOVE', w.key('list'), w.key('list'), w.choice.of(['LEFT', 'RIGHT']), w.choice.of(['LEFT', 'RIGHT']), 0],
  (w) => ['BRPOPLPUSH', w.key('list'), w.key('list'), 0],
  (w) => ['ZADD', w.key('zset'), ...Array.from({ length: 6 }, () => [w.choice.below(9), w.value()]).flat()],
  (w) => [w.choice.of(['BZPOPMIN', 'BZPOPMAX']), w.key('zset'), w.key('zset'), 0],
  (w) => [
    'ZMPOP',
    2,
    w.key('zset'),
    w.key('zset'),
    w.choice.of(['MIN', 'MAX']),
    ...w.maybe('COUNT', w.choice.between(1, 9)),
  ],
  (w) => ['BZMPOP', 0, 1, w.key('zset'), w.choice.of(['MIN', 'MAX'])],
  (w) => ['XADD', w.key('stream'), ...trim(w), ...w.oneOf(['*'], ['*'], [`${w.nowMs}-*`]), 'f', w.value()],
  (w) => ['XADD', w.key('stream'), ...trim(w), ...w.oneOf(['*'], ['*'], [`${w.nowMs}-*`]), 'f', w.value()],
  (w) => ['XTRIM', w.key('stream'), ...trim(w)],
  (w) => [
    'XGROUP',
    'CREATE',
    w.key('stream'),
    w.choice.of(GROUP_NAMES),
    w.choice.of(['$', '0']),
    ...w.maybe('MKSTREAM'),
  ],
  (w) => [
    'XREADGROUP',
    'GROUP',
    w.choice.of(GROUP_NAMES),
    w.choice.of(CONSUMERS),
    ...w.maybe('COUNT', w.choice.between(1, 5)),
    ...w.oneOf(['NOACK'], [], []),
    'STREAMS',
    w.key('stream'),
    w.choice.of(['>', '>', '0']),
  ],
  (w) => [
    'XREADGROUP',
    'GROUP',
    w.choice.of(GROUP_NAMES),
    w.choice.of(CONSUMERS),
    ...w.maybe('COUNT', w.choice.between(1, 5)),
    'STREAMS',
    w.key('stream'),
    '>',
  ],
  (w) => [
    'XAUTOCLAIM',
    w.key('stream'),
    w.choice.of(GROUP_NAMES),
    w.choice.of(CONSUMERS),
    w.choice.of([0, 50]),
    '0',
    ...w.maybe('COUNT', 3),
    ...w.maybe('JUSTID'),
  ],
  (w) => [
    'XCLAIM',
    w.key('stream'),
    w.choice.of(GROUP_NAMES),
    w.choice.of(CONSUMERS),
    w.choice.of([0, 50]),
    w.entryId(),
    w.entryId(),
    ...w.maybe('IDLE', 10),
    ...w.maybe('FORCE'),
    ...w.maybe('LASTID', w.entryId()),
  ],
  (w) => ['XACK', w.key('stream'), w.choice.of(GROUP_NAMES), w.entryId(), w.entryId()],
  (w) => ['XDEL', w.key('stream'), w.entryId(), w.entryId(), w.entryId()],
  (w) => ['XDELEX', w.key('stream'), w.choice.of(['KEEPREF', 'DELREF', 'ACKED']), 'IDS', 2, w.entryId(), w.entryId()],
  (w) => [
    'XACKDEL',
    w.key('stream'),
    w.choice.of(GROUP_NAMES),
    w.choice.of(['KEEPREF', 'DELREF', 'ACKED']),
    'IDS',
    1,
    w.entryId(),
  ],
  (w) => ['PFADD', w.key('hll'), w.choice.below(1000)],
  (w) => ['PFCOUNT', w.key('hll')],
  (w) => ['PFMERGE', w.key('hll'), w.key('hll')],
]

function trim(w: RandomWrites): Words {
  const how = w.choice.of([[], ['='], ['~']])
  const limit = how[0] === '~' && w.choice.oneIn(2) ? ['LIMIT', w.choice.of([0, 4, 1000])] : []
  const references = w.choice.of([[], [], ['KEEPREF'], ['DELREF'], ['ACKED']])
  if (w.choice.oneIn(3)) return references
  const by = w.choice.oneIn(2)
    ? ['MAXLEN', ...how, w.choice.between(0, 30)]
    : ['MINID', ...how, w.nowMs - w.choice.below(300)]
  return [...references, ...by, ...limit]
}
