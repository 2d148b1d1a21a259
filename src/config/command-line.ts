/**
 * The server's command line: `[file] [-] [--name value ...]` as Redis reads it.
 *
 * Main thread, at start. Options become lines of a configuration file, so that both have one reader and one set of
 * rules.
 */

import { resolve } from 'node:path'
import { quoteArgument, splitArguments } from './arguments.js'
import { pathToText } from './byte-text.js'

export interface CommandLine {
  /** Absolute path of the configuration file, empty for none. */
  readonly file: string
  /** True when the configuration is also read from standard input. */
  readonly readsStandardInput: boolean
  /** Lines of a configuration file, one character a byte. */
  readonly options: string
}

/**
 * Reads the arguments behind the program's name.
 *
 * An argument that begins with `--` names an option unless the option before still waits for its first value; so a
 * value may begin with `--` as well. `--name value` may also be one argument. `--save` without a value means none.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  let file = ''
  let readsStandardInput = false
  let options = ''
  let awaitsValue = false
  for (const [i, argument] of argv.entries()) {
    const isLast = i === argv.length - 1
    if (i === 0 && !argument.startsWith('-')) {
      file = resolve(argument)
    } else if (argument === '-' && (i === 0 || isLast)) {
      readsStandardInput = true
    } else if (argument.startsWith('--') && !awaitsValue) {
      const text = pathToText(argument)
      options += `${options === '' ? '' : '\n'}${text.slice(2)} `
      awaitsValue = splitArguments(text)?.length === 1
      if (awaitsValue && argument.toLowerCase() === '--save' && (isLast || argv[i + 1]!.startsWith('--'))) {
        // Programs that make a command line from a list write nothing for an empty list.
        options += '""'
        awaitsValue = false
      }
    } else {
      options += `${quoteArgument(pathToText(argument))} `
      awaitsValue = false
    }
  }
  return { file, readsStandardInput, options }
}
