/** Options that choose keys, for exports and imports. */
import { type Command, InvalidArgumentError } from 'commander'
import type { KeyFilter } from '../transfer/key-source.js'
import type { TypeName } from '../transfer/typed-value.js'

const TYPE_NAMES: readonly string[] = ['string', 'list', 'set', 'zset', 'hash', 'stream']

export interface FilterOptions {
  readonly match?: readonly string[]
  readonly type?: readonly TypeName[]
  readonly db?: readonly number[]
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('-m, --match <pattern...>', 'only keys that match one of these glob patterns')
    .option('--type <type...>', `only keys of these types: ${TYPE_NAMES.join(', ')}`, collectType)
    .option('--db <number...>', 'only keys of these databases', collectDatabase)
}

function collectType(type: string, before: readonly string[] = []): readonly string[] {
  if (!TYPE_NAMES.includes(type)) throw new InvalidArgumentError(`There is no type ${type}.`)
  return [...before, type]
}

function collectDatabase(number: string, before: readonly number[] = []): readonly number[] {
  if (!/^\d{1,9}$/.test(number)) throw new InvalidArgumentError(`${number} is no number of a database.`)
  return [...before, Number(number)]
}

export function filterOf({ match = [], type = [], db = [] }: FilterOptions): KeyFilter {
  return { patterns: match.map((pattern) => Buffer.from(pattern)), types: type, databases: db }
}

/** Whether nothing is left out; libraries of functions then belong to it. */
export function holdsForAll({ patterns, types, databases }: KeyFilter): boolean {
  return patterns.length === 0 && types.length === 0 && databases.length === 0
}
