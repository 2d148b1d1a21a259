/**
 * The words of a workload: keys, values, numbers, times and patterns, with all the edges that commands look at.
 *
 * Only used by tests. Invariant: no word depends on the clock, so that a seed gives the same commands at any time.
 */
import type { CommandGroup } from '../../src/commands/spec.js'
import type { Choice } from './choice.js'
import { BROKEN_INTEGERS, FLOATS, INTEGERS, latin1, wordsOf } from './number-words.js'
import { TypeWords, type TypeWordsOptions } from './type-words.js'

const KEYS = [
  '',
  'a',
  'b',
  'k1',
  'k2',
  'k3',
  '12',
  '-1',
  'hello',
  'hallo',
  'h?llo',
  'h*',
  '[ab]',
  '{t}x',
  '{t}y',
  'x{t}',
  '{}',
  '{',
  'a}b{c}d',
  'key with space',
  'line\r\nbreak',
  'zero\0byte',
  '\xff\xfe\0',
  'é',
  '\\',
  'EX',
  'k'.repeat(100),
  'q'.repeat(300),
].map(latin1)

/** Enough for tables of many buckets, and scans of many steps. */
const MANY_KEYS = Array.from({ length: 200 }, (_, i) => latin1(`key:${i}`))

/** Points in time in seconds that are well in the past or after the year 2100, and those that are no time. */
const UNIX_SECONDS = wordsOf(`
  4102444800 4102444801 4133980799 7258118400 99999999999 9007199254740 9007199254741 9223372036854775
  9223372036854776 9223372036854775807 0 1 1000000000 -1 -9223372036854775 -9223372036854776 -9223372036854775808
`)

const UNIX_MILLISECONDS = wordsOf(`
  4102444800000 4102444800001 4102444800499 4102444800500 4102444800999 7258118400000 99999999999999
  9007199254740991 9223372036854775000 9223372036854775808 0 1 1000000000000 -1 -9223372036854775807
  -9223372036854775808
`)

/** Durations that end at once, or never. Those between are drawn from so many that no two of them are alike. */
const DURATIONS = wordsOf(`
  0 -1 -1000 -2147483649 -9007199254740993 -9223372036854775 -9223372036854776 -9223372036854775808 9223372036854775
  9223372036854776 9223372036854775807 9223372036854775808
`)

const PATTERNS = [
  ...wordsOf(`
  * ? ?? *? ?* ** k* *1 k? h?llo h[ae]llo h[^a]llo h[a-b]llo h[b-a]llo h\\?llo h\\* \\ \\\\ *\\ [ [] [a [^] [a- [a-]
  []a] [\\]] [^a] [a-z]* [A-Z]* *[0-9] [\\a-\\b] {t}* *{t}* [[]* KEY* K? *a*a* ***?***
`),
  '',
  '\xff*',
  '*\0*',
  '[\xe0-\xff]*',
]

/** Where a short string begins, ends, and lies beyond what may be. Nothing that would take hundreds of megabytes. */
const OFFSETS = wordsOf(`
  0 1 2 3 5 43 44 45 100 1000 -1 -2 -3 -5 -45 -100 -1000 1048565 1048575 1048576 536870911 536870912 2147483647
  4294967295 9007199254740993 9223372036854775807 -9223372036854775808 -9223372036854775807 9223372036854775808
`)

/** Numbers of databases: a few are used most of the time, so that clients meet. */
const DATABASES = ['0', '0', '0', '0', '1', '1', '1', '2', '15'] as const
const BROKEN_DATABASES = [
  ...wordsOf(`
  16 -1 2147483647 2147483648 -2147483649 4294967296 9223372036854775808 01 a 1.5
`),
  '',
]

const WORDS = [...wordsOf('foo NXX ASYNC SYNC'), '', '\0', 'N X']

const SHORT_TEXTS = [
  ...wordsOf(`
  a hello ohmytext mynewtext foobar 01 +5 -0
`),
  '',
  'hello world',
  '\0',
  '\r\n',
  '\xff\0\xfe',
  'ab\0cd',
  ' 1',
  '1 ',
  '1\0',
]

const RELATIVE_SECONDS_MIN = 1000
const RELATIVE_SECONDS_SPREAD = 300_000_000
const RELATIVE_MS_MIN = 1_000_000
const RELATIVE_MS_SPREAD = 4_000_000_000

/** How many keys of a workload belong to one group of commands. There are fewer streams, as they need groups to be of use. */
const HOME_KEYS_MAX = 3

/** Groups whose commands work on values of the same kind. */
const GROUP_OF_VALUES: Readonly<Partial<Record<CommandGroup, CommandGroup>>> = { bitmap: 'string', geo: 'sorted-set' }

export interface VocabularyOptions extends TypeWordsOptions {
  /** Now and then a value has hundreds of kilobytes. */
  readonly hasBigValues: boolean
  /** The groups of commands that are used, besides those of no type. */
  readonly groups: readonly CommandGroup[]
  /** The words that options begin with. */
  readonly tokens: readonly string[]
}

export class Vocabulary {
  readonly choice: Choice
  /** The keys of this workload; the first ones are used most. */
  readonly keys: readonly Buffer[]
  readonly types: TypeWords

  readonly #options: VocabularyOptions
  /** Where the commands of a group mostly find what they are made for. */
  readonly #homes = new Map<CommandGroup, readonly Buffer[]>()

  constructor(choice: Choice, options: VocabularyOptions) {
    this.choice = choice
    this.#options = options
    const few = choice.shuffled(KEYS).slice(0, choice.between(6, 20))
    this.keys = choice.oneIn(6) ? [...few, ...MANY_KEYS] : few
    this.types = new TypeWords(choice, options, () => this.value())
    let at = 0
    for (const group of choice.shuffled(options.groups)) {
      const values = GROUP_OF_VALUES[group] ?? group
      if (this.#homes.has(values)) continue
      const count = values === 'stream' ? choice.between(1, 2) : choice.between(2, HOME_KEYS_MAX)
      const home = Array.from({ length: count }, () => few[at++ % few.length] as Buffer)
      this.#homes.set(values, home)
    }
  }

  /** Whether commands that add elements now and then add hundreds. */
  get growsCollections(): boolean {
    return this.#options.hasLargeCollections
  }

  /** Whose keys a command of the group works on. Commands of no type mostly stay among the keys of one, when they have several. */
  groupOfKeys(group: CommandGroup): CommandGroup | undefined {
    const values = GROUP_OF_VALUES[group] ?? group
    if (this.#homes.has(values)) return values
    return this.choice.oneIn(4) ? undefined : this.choice.of([...this.#homes.keys(), undefined])
  }

  /** Mostly one of those that commands of the group are used with. */
  key(group?: CommandGroup): Buffer {
    const { choice, keys } = this
    if (choice.oneIn(200)) return choice.of(KEYS)
    const home = group === undefined ? undefined : this.#homes.get(GROUP_OF_VALUES[group] ?? group)
    if (home !== undefined && !choice.oneIn(12)) return choice.of(home)
    return choice.of(choice.oneIn(2) ? keys.slice(0, 6) : keys)
  }

  value(): Buffer {
    const { choice } = this
    if (this.#options.hasBigValues && choice.oneIn(30)) {
      return Buffer.alloc(choice.between(10_000, choice.oneIn(10) ? 4_000_000 : 400_000), choice.bytes(7))
    }
    switch (choice.below(12)) {
      case 0:
      case 1:
      case 2:
        return latin1(choice.of(INTEGERS))
      case 3:
        return latin1(String(choice.between(-20, 20_000)))
      case 4:
        return latin1(choice.of(FLOATS))
      case 5:
        // The lengths at which a value's encoding changes.
        return latin1('v'.repeat(choice.between(43, 46)))
      case 6:
        return choice.bytes(choice.below(40))
      case 7:
        return choice.oneIn(8)
          ? choice.bytes(choice.below(3000))
          : latin1(choice.of(['a', 'b', 'ab', 'aab', 'abcbdab', 'bdcaba']))
      default:
        return latin1(choice.of(SHORT_TEXTS))
    }
  }

  integer(): Buffer {
    return latin1(this.choice.of(this.choice.oneIn(6) ? BROKEN_INTEGERS : INTEGERS))
  }

  /** What a client may want to add to a number: mostly little. */
  increment(): Buffer {
    return this.choice.oneIn(2) ? latin1(String(this.choice.between(-300, 300))) : this.integer()
  }

  float(): Buffer {
    const { choice } = this
    if (!choice.oneIn(3)) return latin1(choice.of(FLOATS))
    const digits = String(choice.below(1_000_000))
    const sign = choice.oneIn(2) ? '-' : ''
    return latin1(
      `${sign}${digits}.${choice.below(1_000_000_000)}${choice.oneIn(4) ? `e${choice.between(-25, 25)}` : ''}`,
    )
  }

  /** Often one of two times, so that GT and LT compare a time with itself. */
  unixSeconds(): Buffer {
    return this.#timeOr(this.choice.oneIn(2) ? UNIX_SECONDS.slice(0, 2) : UNIX_SECONDS)
  }

  unixMilliseconds(): Buffer {
    return this.#timeOr(this.choice.oneIn(2) ? UNIX_MILLISECONDS.slice(0, 2) : UNIX_MILLISECONDS)
  }

  /** Two draws from so many are never so close that the clock decides which of them is later. */
  seconds(): Buffer {
    const { choice } = this
    return choice.oneIn(2)
      ? latin1(String(RELATIVE_SECONDS_MIN + choice.below(RELATIVE_SECONDS_SPREAD)))
      : this.#timeOr(DURATIONS)
  }

  milliseconds(): Buffer {
    const { choice } = this
    return choice.oneIn(2)
      ? latin1(String(RELATIVE_MS_MIN + choice.below(RELATIVE_MS_SPREAD)))
      : this.#timeOr(DURATIONS)
  }

  #timeOr(times: readonly string[]): Buffer {
    return latin1(this.choice.of(this.choice.oneIn(12) ? BROKEN_INTEGERS : times))
  }

  pattern(): Buffer {
    if (this.choice.oneIn(4)) return this.key()
    return latin1(this.choice.of(PATTERNS))
  }

  offset(): Buffer {
    return latin1(this.choice.of(this.choice.oneIn(12) ? BROKEN_INTEGERS : OFFSETS))
  }

  database(): Buffer {
    return latin1(this.choice.of(this.choice.oneIn(10) ? BROKEN_DATABASES : DATABASES))
  }

  /** Anything: what stands where it does not belong. */
  word(): Buffer {
    const { choice } = this
    switch (choice.below(8)) {
      case 0:
        return this.key()
      case 1:
        return this.integer()
      case 2:
        return this.value()
      case 3:
        return this.types.element()
      default:
        return latin1(choice.of(choice.oneIn(4) ? WORDS : this.#options.tokens))
    }
  }

  /** The word in lower, upper or mixed case. */
  inAnyCase(word: string): Buffer {
    const { choice } = this
    switch (choice.below(4)) {
      case 0:
        return latin1(word.toLowerCase())
      case 1:
        return latin1(
          [...word].map((letter) => (choice.oneIn(2) ? letter.toLowerCase() : letter.toUpperCase())).join(''),
        )
      default:
        return latin1(word.toUpperCase())
    }
  }

  /** One of the given words, or now and then something else. */
  oneOf(...words: readonly string[]): Buffer {
    return this.choice.oneIn(12) ? this.word() : latin1(this.choice.of(words))
  }
}
