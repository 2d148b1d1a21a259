/**
 * Makes commands from what their table entries say of their arguments: any command with an argument tree can be drawn,
 * and a new one is without a line being added here.
 *
 * Only used by tests.
 */
import type { ArgumentSpec, CommandSpec } from '../../src/commands/spec.js'
import { fullNameOf } from '../../src/commands/table.js'
import { drawLeaf, type Leaning } from './argument-words.js'
import type { Argv } from './step.js'
import { RANGE_KINDS } from './type-words.js'
import type { Vocabulary } from './vocabulary.js'

/** The newest version that the commands and their options may come from: that of the server compared with. */
const VERSION_MAX = [7, 0, 15] as const

export function isKnownToRedis(since: string | undefined): boolean {
  if (since === undefined) return true
  const version = since.split('.').map(Number)
  for (let i = 0; i < VERSION_MAX.length; i++) {
    const difference = (version[i] ?? 0) - (VERSION_MAX[i] as number)
    if (difference !== 0) return difference < 0
  }
  return true
}

/** The words that options begin with, of these commands and their arguments. */
export function tokensOf(specs: readonly CommandSpec[]): readonly string[] {
  const tokens = new Set<string>()
  const collect = (list: readonly ArgumentSpec[]): void => {
    for (const { since, token, arguments: inner } of list) {
      if (!isKnownToRedis(since)) continue
      if (token !== undefined) tokens.add(token)
      collect(inner ?? [])
    }
  }
  for (const spec of specs) collect(spec.arguments ?? [])
  return [...tokens]
}

/** How often an argument that may be left out is there: more of them are more often refused together. */
const PRESENT_ONCE_IN = [2, 2, 4, 12]

/** The same of what would leave little to do: groups without entries, entries that are trimmed at once, calls that are refused. */
const PRESENT_ONCE_IN_OF: Readonly<Record<string, number>> = { MKSTREAM: 1, NOACK: 8, trim: 6, INCR: 5 }

/** How often there are not as many keys as the command says, or not as many weights as keys. */
const MISCOUNTED_ONCE_IN = 20

/** BYSCORE or BYLEX. */
const SORT_BY = 'sortby'

/** A block of as many identifiers as keys. */
const STREAMS = 'streams'

/** Draws the arguments of one command. */
class ArgumentDraw {
  readonly #words: Vocabulary
  readonly #spec: CommandSpec
  readonly #optionOnceIn: number
  readonly #leaning: Leaning
  /** How many there must be of what comes as often as the command has keys. */
  #keys: number | undefined

  constructor(words: Vocabulary, spec: CommandSpec) {
    this.#words = words
    this.#spec = spec
    this.#optionOnceIn = words.choice.of(PRESENT_ONCE_IN)
    this.#leaning = { range: words.choice.of(RANGE_KINDS), group: words.groupOfKeys(spec.group) }
  }

  /** Neighbours that may be left out come in any order. */
  list(list: readonly ArgumentSpec[]): Buffer[] {
    const { choice } = this.#words
    const drawn: Buffer[] = []
    let options: Buffer[][] = []
    const flush = (): void => {
      for (const option of choice.shuffled(options)) drawn.push(...option)
      options = []
    }
    for (const argument of list) {
      if (!isKnownToRedis(argument.since)) continue
      if (argument.optional !== true) {
        flush()
        drawn.push(...this.#one(argument))
        continue
      }
      if (this.#isPresent(argument)) options.push(this.#one(argument))
      if (choice.oneIn(40)) options.push(this.#one(argument))
    }
    flush()
    return drawn
  }

  /** One argument of the tree, with its token, as often as it may stand there. */
  #one(argument: ArgumentSpec): Buffer[] {
    const words = this.#words
    const { choice } = words
    const drawn: Buffer[] = []
    if (argument.name === STREAMS) this.#keys = choice.oneIn(4) ? choice.between(2, 3) : 1
    const times = this.#times(argument)
    for (let i = 0; i < times; i++) {
      if (argument.token !== undefined && (i === 0 || argument.multipleToken === true)) {
        drawn.push(words.inAnyCase(argument.token))
      }
      switch (argument.type) {
        case 'pure-token':
          break
        case 'block':
          drawn.push(...this.list(argument.arguments ?? []))
          break
        case 'oneof': {
          const known = this.#alternatives(argument)
          drawn.push(...this.#one(choice.of(known)))
          // Two of what excludes each other.
          if (choice.oneIn(8)) drawn.push(...this.#one(choice.of(known)))
          break
        }
        default:
          drawn.push(
            argument.name === 'numkeys' ? this.#keyCount() : drawLeaf(words, this.#spec, argument, this.#leaning),
          )
      }
    }
    return drawn
  }

  #isPresent(argument: ArgumentSpec): boolean {
    const { choice } = this.#words
    const onceIn = PRESENT_ONCE_IN_OF[argument.token ?? argument.name]
    if (onceIn !== undefined) return choice.oneIn(onceIn)
    if (argument.name === SORT_BY && !choice.oneIn(15)) return this.#leaning.range !== 'index'
    return choice.oneIn(this.#optionOnceIn)
  }

  /** What an argument of which there is one of several can be. */
  #alternatives(argument: ArgumentSpec): readonly ArgumentSpec[] {
    const known = (argument.arguments ?? []).filter(({ since }) => isKnownToRedis(since))
    if (argument.name !== SORT_BY || this.#words.choice.oneIn(15)) return known
    const fitting = known.filter(({ name }) => name === `by${this.#leaning.range}`)
    return fitting.length > 0 ? fitting : known
  }

  #times(argument: ArgumentSpec): number {
    const { choice, growsCollections } = this.#words
    if (argument.multiple !== true) return 1
    if (this.#keys !== undefined && !choice.oneIn(MISCOUNTED_ONCE_IN)) return this.#keys
    const isLong = choice.oneIn(growsCollections ? 10 : 300)
    const isKey = argument.type === 'key'
    return choice.between(1, isLong ? 300 : choice.oneIn(isKey ? 6 : 3) ? 8 : 3)
  }

  #keyCount(): Buffer {
    const { choice } = this.#words
    this.#keys = choice.between(1, 3)
    return choice.oneIn(MISCOUNTED_ONCE_IN) ? this.#words.types.count() : Buffer.from(String(this.#keys))
  }
}

/** A command of the entry, its words in any case and mostly as they should be. */
export function drawCommand(words: Vocabulary, spec: CommandSpec): Argv {
  const name = fullNameOf(spec)
  const drawn = new ArgumentDraw(words, spec).list(spec.arguments ?? [])
  return [...name.split('|').map((word) => words.inAnyCase(word)), ...drawn]
}
