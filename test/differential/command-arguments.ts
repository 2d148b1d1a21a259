/**
 * Makes commands from what their table entries say of their arguments: any command with an argument tree can be drawn,
 * and a new one is without a line being added here.
 *
 * Only used by tests.
 */
import type { ArgumentSpec, CommandSpec } from '../../src/commands/spec.js'
import { fullNameOf } from '../../src/commands/table.js'
import type { Argv } from './step.js'
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

/** How often an argument that may be left out is there. */
const PRESENT_ONCE_IN = 2

type Draw = (words: Vocabulary) => Buffer

/** Arguments whose name says more than their type, by their name or with the command's full name before it. */
const drawByName: Readonly<Record<string, Draw>> = {
  seconds: (words) => words.seconds(),
  milliseconds: (words) => words.milliseconds(),
  'unix-time-seconds': (words) => words.unixSeconds(),
  'unix-time-milliseconds': (words) => words.unixMilliseconds(),
  increment: (words) => words.increment(),
  decrement: (words) => words.increment(),
  'incrbyfloat increment': (words) => words.float(),
  offset: (words) => words.offset(),
  start: (words) => words.offset(),
  end: (words) => words.offset(),
  index: (words) => words.database(),
  index1: (words) => words.database(),
  index2: (words) => words.database(),
  db: (words) => words.database(),
  'destination-db': (words) => words.database(),
  'lcs len': (words) => words.oneOf('0', '1', '2', '3', '-1', '100', '9223372036854775807', '9223372036854775808'),
  cursor: (words) =>
    words.oneOf('0', '0', '00', '1', '-0', '', ' 0', '18446744073709551615', '18446744073709551616', 'abc', '1.5'),
  count: (words) => words.oneOf('1', '2', '10', '1000', '0', '-1', '9223372036854775807', '9223372036854775808', 'x'),
  'scan type': (words) => words.oneOf('string', 'STRING', 'list', 'hash', 'nothing', ''),
  numreplicas: (words) => words.oneOf('0', '-1', '-9223372036854775808', '9223372036854775808', 'x'),
  timeout: (words) => words.oneOf('0', '1', '-1', '9223372036854775807', '9223372036854775808', 'x'),
  protover: (words) => words.oneOf('2', '3', '2', '3', '1', '4', '0', '-1', '03', '9223372036854775808', 'x'),
  username: (words) => words.oneOf('default', 'Default', 'nobody', ''),
}

function drawLeaf(words: Vocabulary, command: string, argument: ArgumentSpec): Buffer {
  const draw = drawByName[`${command} ${argument.name}`] ?? drawByName[argument.name]
  if (draw !== undefined) return draw(words)
  switch (argument.type) {
    case 'key':
      return words.key()
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

/** One argument of the tree, with its token, as often as it may stand there. */
function drawArgument(words: Vocabulary, command: string, argument: ArgumentSpec): Buffer[] {
  const { choice } = words
  const timesMax = choice.oneIn(300) ? 300 : choice.oneIn(6) ? 8 : 3
  const times = argument.multiple === true ? choice.between(1, timesMax) : 1
  const drawn: Buffer[] = []
  for (let i = 0; i < times; i++) {
    if (argument.token !== undefined && (i === 0 || argument.multipleToken === true)) {
      drawn.push(words.inAnyCase(argument.token))
    }
    switch (argument.type) {
      case 'pure-token':
        break
      case 'block':
        drawn.push(...drawArguments(words, command, argument.arguments ?? []))
        break
      case 'oneof': {
        const known = (argument.arguments ?? []).filter(({ since }) => isKnownToRedis(since))
        drawn.push(...drawArgument(words, command, choice.of(known)))
        // Two of what excludes each other.
        if (choice.oneIn(8)) drawn.push(...drawArgument(words, command, choice.of(known)))
        break
      }
      default:
        drawn.push(drawLeaf(words, command, argument))
    }
  }
  return drawn
}

/** Neighbours that may be left out come in any order. */
function drawArguments(words: Vocabulary, command: string, list: readonly ArgumentSpec[]): Buffer[] {
  const { choice } = words
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
      drawn.push(...drawArgument(words, command, argument))
      continue
    }
    if (choice.oneIn(PRESENT_ONCE_IN)) options.push(drawArgument(words, command, argument))
    if (choice.oneIn(40)) options.push(drawArgument(words, command, argument))
  }
  flush()
  return drawn
}

/** A command of the entry, its words in any case and mostly as they should be. */
export function drawCommand(words: Vocabulary, spec: CommandSpec): Argv {
  const name = fullNameOf(spec)
  return [...name.split('|').map((word) => words.inAnyCase(word)), ...drawArguments(words, name, spec.arguments ?? [])]
}
