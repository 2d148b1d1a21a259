/**
 * The steps of an episode: two clients with few keys, in and out of transactions, mostly with commands as they should be
 * and now and then with damaged ones. Everything follows from the seed.
 *
 * Only used by tests.
 */
import type { CommandGroup, CommandSpec } from '../../src/commands/spec.js'
import { commands, fullNameOf } from '../../src/commands/table.js'
import { Choice } from './choice.js'
import { drawCommand, isKnownToRedis, tokensOf } from './command-arguments.js'
import { BULK_BYTES_MAX, isHazardous, looksBetweenMembers, SMALL_BULK_BYTES_MAX, storesExpired } from './hazards.js'
import { SCRIPT_LIBRARY, wrapped } from './script-wrapping.js'
import type { Argv, ClientIndex, Step } from './step.js'
import { ONLY_SKIPLISTS, type Threshold, thresholds } from './thresholds.js'
import { Vocabulary } from './vocabulary.js'

/** Of the types of values. An episode has commands of some or of all of these. */
const TYPE_GROUPS: readonly CommandGroup[] = [
  'string',
  'list',
  'hash',
  'set',
  'sorted-set',
  'stream',
  'bitmap',
  'hyperloglog',
  'geo',
]
const GROUPS: readonly CommandGroup[] = [...TYPE_GROUPS, 'generic', 'transactions']

/** Commands of other groups. QUIT is not among them: it ends the connection that everything else needs. */
const OTHERS = ['ping', 'echo', 'select', 'hello', 'reset', 'auth', 'dbsize', 'flushdb', 'flushall', 'swapdb', 'time']

/** Explanations are in our own words, MIGRATE needs a third server, and PFSELFTEST takes seconds. */
const OMITTED = ['object|help', 'xgroup|help', 'xinfo|help', 'migrate', 'pfselftest']

/**
 * Everything else has the weight 2. What adds to values comes more often than what takes away, so that there is something
 * to take away.
 */
const WEIGHTS: Readonly<Record<string, number>> = {
  set: 5,
  get: 5,
  mset: 3,
  getex: 2,
  getdel: 0.7,
  lpush: 5,
  rpush: 9,
  linsert: 4,
  hset: 12,
  sadd: 12,
  zadd: 16,
  geoadd: 10,
  xadd: 30,
  'xgroup|create': 8,
  xreadgroup: 14,
  xclaim: 6,
  xautoclaim: 4,
  xpending: 4,
  setbit: 4,
  bitfield: 4,
  pfadd: 5,
  pfmerge: 3,
  copy: 2,
  restore: 2,
  'object|encoding': 6,
  del: 1.5,
  unlink: 0.5,
  expire: 1,
  pexpire: 1,
  expireat: 0.7,
  pexpireat: 0.7,
  rename: 1,
  renamenx: 1,
  move: 0.7,
  lpop: 1,
  rpop: 1,
  lmpop: 1,
  blmpop: 1,
  blpop: 1,
  brpop: 1,
  ltrim: 0.5,
  lrem: 1,
  spop: 0.7,
  sinterstore: 1,
  sdiffstore: 1,
  zpopmin: 1,
  zpopmax: 1,
  bzpopmin: 0.7,
  bzpopmax: 0.7,
  zmpop: 1,
  bzmpop: 1,
  zremrangebyrank: 0.5,
  zremrangebyscore: 0.5,
  zremrangebylex: 0.7,
  zinterstore: 1,
  zdiffstore: 1,
  zrangestore: 1,
  geosearchstore: 1,
  xtrim: 0.7,
  xsetid: 1,
  'xgroup|destroy': 0.4,
  'xgroup|delconsumer': 0.7,
  keys: 0.5,
  pfdebug: 0.5,
  select: 1,
  multi: 2.5,
  exec: 0.2,
  discard: 0.2,
  watch: 2.5,
  unwatch: 0.3,
  hello: 0.3,
  reset: 0.1,
  auth: 0.1,
  ping: 0.3,
  echo: 0.3,
  time: 0.1,
  wait: 0.3,
  flushdb: 0.1,
  flushall: 0.05,
  swapdb: 0.3,
  scan: 0.5,
  'object|freq': 0.5,
  'object|idletime': 0.5,
}

/** Every entry that commands are drawn from, by the names of `fullNameOf`. */
export const drawnSpecs: readonly CommandSpec[] = commands
  .flatMap((command) => command.subcommands ?? [command])
  .filter(({ since }) => isKnownToRedis(since))
  .filter((spec) => GROUPS.includes(spec.group) || OTHERS.includes(fullNameOf(spec)))
  .filter((spec) => !OMITTED.includes(fullNameOf(spec)))

/** The commands that choose members by chance. */
const CHOOSING = ['spop', 'srandmember', 'hrandfield', 'zrandmember']

/** Payloads hold several scores. */
const GIVING_OTHER_SCORES = ['restore']

/** Where a number at the wrong place is a score. */
const GIVING_SCORES = ['zadd', 'zincrby']

/** The commands that scan a value. */
const SCANNING = ['sscan', 'hscan', 'zscan']

const changingThresholds = thresholds.filter(({ isFixed }) => isFixed !== true)

const tokens = tokensOf(drawnSpecs)

/** What neither server knows. Some look like what they know. */
const UNKNOWN = [
  ['FOO'],
  ['gett', 'a'],
  ['get ', 'a'],
  ['', 'a'],
  ['GOT\0', 'a'],
  ['a\r\nb', 'c\r\nd'],
  ["it's", "'quoted'"],
  ['é', '\xff\0x'],
  ['x'.repeat(200), 'y'.repeat(200)],
  ['NOPE', 'a'.repeat(60), 'b'.repeat(60), 'c'.repeat(60)],
  ['OBJECT'],
  ['OBJECT', 'NOPE'],
  ['object', 'nope\r\n', 'a'],
  ['OBJECT', 'encodin', 'a'],
  ['CONFIG'],
  ['CONFIG', 'NOPE'],
  ['client', 'NOPE', 'a'],
  ['COMMAND', 'x'.repeat(200)],
  ['SLOWLOG', '\0'],
  ['OBJECT', '', 'a'],
].map((words) => words.map((word) => Buffer.from(word, 'latin1')))

/** What the episodes of one seed are like. */
interface Profile {
  /** Keys end while clients look on. Commands to which such keys make a difference by chance are left out then. */
  readonly letsExpire: boolean
  /** Some values are so long that neither requests nor replies fit where short ones go. */
  readonly hasBigValues: boolean
  /** Strings soon get as long as they may be. */
  readonly hasSmallLimit: boolean
  /** Keys have access frequencies in the place of idle times. */
  readonly usesLfu: boolean
  /** Collections grow beyond the usual thresholds. */
  readonly hasLargeCollections: boolean
  /** All members of sorted sets have one score, so that there may be ranges between members. */
  readonly hasOneScore: boolean
  /** The thresholds are small, and change. */
  readonly hasSmallThresholds: boolean
  /** There is SORT, and no sorted set is small enough for a listpack. */
  readonly sorts: boolean
  /** How many of a hundred commands travel together with the one before. */
  readonly joinedPercent: number
  readonly damagesOnceIn: number
}

function mayBeWrapped({ name, group }: CommandSpec): boolean {
  return group !== 'transactions' && !NEVER_WRAPPED.includes(name)
}

function settingCommand(name: string, value: string): Argv {
  return ['CONFIG', 'SET', name, value].map((word) => Buffer.from(word))
}

export function stepsOf(seed: number, count: number): Step[] {
  return new Workload(seed).steps(count)
}

/** In so many episodes one listens to keyspace events. */
const LISTENS_ONCE_IN = 4

/** In so many episodes some commands are called by scripts; and then so many of them. */
const SCRIPTS_ONCE_IN = 3
const WRAPPED_ONCE_IN = 3

/** Commands that make the client another one, or begin or end something for it, are sent by the client itself. */
const NEVER_WRAPPED = ['hello', 'reset', 'auth']

/** In half of the episodes a few commands come so often that they meet each other's results (swarm testing). */
const FAVOURITES_ONCE_IN = 7
const FAVOURITE_FACTOR = 8

/** Steps between two comparisons of the data sets. */
const DIGEST_EVERY = 250

class Workload {
  readonly #choice: Choice
  readonly #words: Vocabulary
  readonly #profile: Profile
  readonly #specs: readonly { readonly spec: CommandSpec; readonly weight: number }[]
  /** Whether each client is inside a transaction, as far as can be known without looking at replies. */
  readonly #isQueueing = [false, false]
  /** Chooses which commands come from scripts, in episodes where some do: apart, so that the others stay as they are. */
  readonly #scripting: Choice | null

  /** Keyspace events are compared too. */
  readonly #listens: boolean

  constructor(seed: number) {
    this.#choice = new Choice(seed)
    this.#scripting = seed % SCRIPTS_ONCE_IN === 0 ? new Choice(seed + 1) : null
    const hasBigValues = this.#choice.oneIn(10)
    const hasOneScore = this.#choice.oneIn(6)
    const groups = this.#groups(hasOneScore)
    const hasLargeCollections = !hasBigValues && this.#choice.oneIn(8)
    this.#words = new Vocabulary(this.#choice, {
      groups,
      hasBigValues,
      hasLargeCollections,
      hasOneScore,
      tokens,
    })
    this.#profile = {
      hasBigValues,
      hasLargeCollections,
      hasOneScore,
      hasSmallThresholds: this.#choice.oneIn(3),
      sorts: this.#choice.oneIn(2),
      // A request with a longer value would be the connection's last.
      hasSmallLimit: !hasBigValues && this.#choice.oneIn(8),
      usesLfu: this.#choice.oneIn(10),
      letsExpire: this.#choice.oneIn(3),
      joinedPercent: this.#choice.of([0, 20, 50, 90, 99]),
      damagesOnceIn: this.#choice.of([8, 20, 100]),
    }
    // Which command takes a key away whose time is over differs in places, see docs/differences.md.
    this.#listens = seed % LISTENS_ONCE_IN === 0 && !this.#profile.letsExpire
    // DBSIZE counts keys whose time is over; which of them are gone depends on what each server has looked at.
    const omitted = this.#profile.letsExpire ? ['scan', 'randomkey', 'dbsize'] : []
    // LCS of two long strings takes minutes.
    if (hasBigValues) omitted.push('lcs')
    if (!this.#profile.sorts) omitted.push('sort', 'sort_ro')
    if (hasOneScore) omitted.push(...GIVING_OTHER_SCORES)
    const isSwarm = this.#choice.oneIn(2)
    this.#specs = drawnSpecs
      .filter((spec) => !omitted.includes(spec.name))
      .filter((spec) => groups.includes(spec.group) || !TYPE_GROUPS.includes(spec.group))
      .map((spec) => {
        const isFavourite = isSwarm && this.#choice.oneIn(FAVOURITES_ONCE_IN)
        return { spec, weight: (WEIGHTS[fullNameOf(spec)] ?? 2) * (isFavourite ? FAVOURITE_FACTOR : 1) }
      })
  }

  /** The types of values that the episode has: all or some. */
  #groups(hasOneScore: boolean): readonly CommandGroup[] {
    const choice = this.#choice
    // Places and sets bring other scores.
    const others = ['string', 'list', 'hash'] as const
    if (hasOneScore) return ['sorted-set', ...choice.shuffled(others).slice(0, choice.below(3))]
    return choice.oneIn(2) ? TYPE_GROUPS : choice.shuffled(TYPE_GROUPS).slice(0, choice.between(1, 3))
  }

  steps(count: number): Step[] {
    const steps: Step[] = []
    for (const client of [0, 1] as const) {
      const argv = ['HELLO', this.#choice.of(['2', '3'])].map((word) => Buffer.from(word))
      steps.push({ do: 'send', client, argv, joined: false })
    }
    // Which keys SORT looks up depends on the order of what it has in no order.
    if (this.#listens) steps.push({ do: 'listen', classes: this.#profile.sorts ? 'KEAn' : 'KEAmn' })
    const settings: [name: string, value: string][] = []
    if (this.#profile.hasSmallLimit) settings.push(['proto-max-bulk-len', String(SMALL_BULK_BYTES_MAX)])
    if (this.#profile.usesLfu) settings.push(['maxmemory-policy', 'allkeys-lfu'])
    if (this.#profile.hasSmallThresholds) {
      for (let i = 0; i < thresholds.length; i++) settings.push(this.#smallThreshold(thresholds))
    }
    if (this.#profile.sorts) settings.push([...ONLY_SKIPLISTS])
    if (this.#scripting !== null) {
      const argv = ['FUNCTION', 'LOAD', SCRIPT_LIBRARY].map((word) => Buffer.from(word))
      steps.push({ do: 'send', client: 0, argv, joined: false })
    }
    for (const [name, value] of settings) {
      steps.push({ do: 'send', client: 0, argv: settingCommand(name, value), joined: false })
    }
    while (steps.length < count) {
      if (steps.length % DIGEST_EVERY === 0) steps.push({ do: 'digest' })
      else steps.push(this.#step(steps[steps.length - 1] as Step))
    }
    return steps
  }

  #step(before: Step): Step {
    const choice = this.#choice
    const joined = before.do === 'send' && choice.below(100) < this.#profile.joinedPercent
    const client = joined ? before.client : (choice.below(2) as ClientIndex)
    const stepAlone = joined ? undefined : this.#stepAlone(client)
    if (stepAlone !== undefined) return stepAlone
    return { do: 'send', client, argv: this.#command(client), joined }
  }

  /** Now and then something that is more than one command. */
  #stepAlone(client: ClientIndex): Step | undefined {
    const choice = this.#choice
    const { letsExpire, hasSmallThresholds } = this.#profile
    const database = choice.of([0, 0, 0, 1, 1, 2])
    if (choice.oneIn(60)) return { do: 'scan', client, command: this.#scanCommand(), options: this.#scanOptions() }
    if (choice.oneIn(50)) {
      const argv = this.#choosingCommand()
      if (argv !== undefined) return { do: 'random-members', database, protocol: choice.of([2, 3]), argv }
    }
    if (choice.oneIn(80)) return { do: 'cross-dumps', database, key: this.#words.key() }
    if (choice.oneIn(400)) return { do: 'add-by-clock', database, key: this.#words.key('stream') }
    if (hasSmallThresholds && !this.#isQueueing[client] && choice.oneIn(100)) {
      return { do: 'send', client, argv: settingCommand(...this.#smallThreshold(changingThresholds)), joined: false }
    }
    if (letsExpire && choice.oneIn(20)) return { do: 'let-expire', database, argv: this.#shortLife() }
    if (!letsExpire && choice.oneIn(80)) return { do: 'random-key', client }
    return undefined
  }

  #smallThreshold(among: readonly Threshold[]): [name: string, value: string] {
    const possible = among.filter(({ setting }) => !this.#profile.sorts || setting !== ONLY_SKIPLISTS[0])
    const { setting, small } = this.#choice.of(possible)
    return [setting, this.#choice.of(small)]
  }

  /** SPOP or its kin, as it should be; undefined when the episode has none, or the draw would be endless. */
  #choosingCommand(): Argv | undefined {
    const specs = this.#specs.filter(({ spec }) => CHOOSING.includes(spec.name))
    if (specs.length === 0) return undefined
    const argv = drawCommand(this.#words, this.#choice.of(specs).spec)
    const isSpop = argv[0]?.toString('latin1').toLowerCase() === 'spop'
    return argv.length < 2 || (!isSpop && isHazardous(argv, BULK_BYTES_MAX)) ? undefined : argv
  }

  #scanCommand(): Argv {
    const specs = this.#specs.filter(({ spec }) => SCANNING.includes(spec.name))
    if (specs.length === 0 || this.#choice.oneIn(3)) return [this.#words.inAnyCase('scan')]
    const { name, group } = this.#choice.of(specs).spec
    return [this.#words.inAnyCase(name), this.#words.key(group)]
  }

  #command(client: ClientIndex): Argv {
    const choice = this.#choice
    if (this.#isQueueing[client]) {
      if (choice.oneIn(8)) {
        this.#isQueueing[client] = false
        return [this.#words.inAnyCase(choice.oneIn(10) ? 'discard' : 'exec')]
      }
    } else if (choice.oneIn(150)) {
      return choice.oneIn(2) ? choice.of(UNKNOWN) : this.#unknownCommand()
    }
    const drawn = this.#drawnCommand(client)
    const scripting = this.#scripting
    if (scripting === null || !mayBeWrapped(drawn.spec) || !scripting.oneIn(WRAPPED_ONCE_IN)) return drawn.argv
    if (!scripting.oneIn(3)) return wrapped(scripting, [drawn.argv])
    const second = this.#drawnCommand(client, mayBeWrapped)
    return wrapped(scripting, [drawn.argv, second.argv])
  }

  #drawnCommand(
    client: ClientIndex,
    isWanted = (_spec: CommandSpec): boolean => true,
  ): { spec: CommandSpec; argv: Argv } {
    const choice = this.#choice
    for (;;) {
      const { spec } = choice.weighted(this.#specs)
      if (!isWanted(spec)) continue
      let argv = drawCommand(this.#words, spec)
      const mayDamage = !this.#profile.hasOneScore || !GIVING_SCORES.includes(spec.name)
      if (mayDamage && choice.oneIn(this.#profile.damagesOnceIn)) argv = this.#damaged(argv)
      if (isHazardous(argv, this.#profile.hasSmallLimit ? SMALL_BULK_BYTES_MAX : BULK_BYTES_MAX)) continue
      if (!this.#profile.hasOneScore && looksBetweenMembers(argv)) continue
      if (!this.#profile.letsExpire && storesExpired(argv)) continue
      if (spec.name === 'multi') this.#isQueueing[client] = true
      if (spec.name === 'exec' || spec.name === 'discard' || spec.name === 'reset') this.#isQueueing[client] = false
      return { spec, argv }
    }
  }

  /** No command and no subcommand begins with these letters. */
  #unknownCommand(): Argv {
    const choice = this.#choice
    const name = Buffer.concat([Buffer.from('zz'), choice.bytes(choice.below(choice.oneIn(4) ? 200 : 10))])
    const rest = Array.from({ length: choice.below(8) }, () => this.#words.word())
    return choice.oneIn(3) ? [Buffer.from(choice.of(['OBJECT', 'config', 'CLIENT'])), name, ...rest] : [name, ...rest]
  }

  /** The command with something missing, too much, or in the wrong place. Its name stays, so that it is always a known one. */
  #damaged(argv: Argv): Argv {
    const choice = this.#choice
    const rest = [...argv]
    const name = rest.shift() as Buffer
    for (let times = choice.oneIn(3) ? 2 : 1; times > 0; times--) {
      const at = choice.below(rest.length + 1)
      switch (choice.below(7)) {
        case 0:
          rest.splice(at, 1)
          break
        case 1:
          rest.splice(at, 0, this.#words.word())
          break
        case 2:
          if (at < rest.length) rest.splice(at, 0, rest[at] as Buffer)
          break
        case 3:
          if (at < rest.length) rest[at] = this.#words.word()
          break
        case 4: {
          const moved = rest.splice(at, 1)
          rest.splice(choice.below(rest.length + 1), 0, ...moved)
          break
        }
        case 5:
          rest.length = at
          break
        default:
          rest.push(...Array.from({ length: choice.between(1, 3) }, () => this.#words.word()))
      }
    }
    return [name, ...rest]
  }

  #scanOptions(): Argv {
    const choice = this.#choice
    const options: Buffer[][] = []
    if (choice.oneIn(2)) options.push([this.#words.inAnyCase('count'), Buffer.from(choice.of(['1', '2', '5', '1000']))])
    if (choice.oneIn(2)) options.push([this.#words.inAnyCase('match'), this.#words.pattern()])
    if (choice.oneIn(4))
      options.push([this.#words.inAnyCase('type'), this.#words.oneOf('string', 'STRING', 'list', 'zset')])
    return choice.shuffled(options).flat()
  }

  /** A command that gives a key a millisecond or two to live. */
  #shortLife(): Argv {
    const words = this.#words
    const key = words.key()
    const word = (text: string): Buffer => Buffer.from(text)
    switch (this.#choice.below(6)) {
      case 0:
        return [word('PSETEX'), key, word('1'), words.value()]
      case 1:
        return [word('GETEX'), key, word('PX'), word('1')]
      case 2:
        return [word('SET'), key, words.value(), word('PX'), word('2')]
      default:
        return [word('PEXPIRE'), key, word('1')]
    }
  }
}
