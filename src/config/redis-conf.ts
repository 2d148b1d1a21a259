/**
 * Reading configuration files: the syntax of redis.conf, `include`, and errors with the place where they are.
 *
 * Main thread, at start. Invariant: a file either is read to its end, or the server does not start.
 *
 * Sources are read in this order, and the last one that sets something wins: the file, standard input, the options of
 * the command line.
 */

import { closeSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { splitArguments } from './arguments.js'
import { isPattern, pathToText, textToPath } from './byte-text.js'
import { Configuration } from './configuration.js'
import { expandPathPattern } from './path-pattern.js'
import { directiveByName } from './settings/directives.js'
import { settingByName } from './settings.js'
import { systemErrorText } from './system-error.js'
import { REDIS_VERSION } from './version.js'

/** An include deeper than this is taken for one that includes itself. */
const INCLUDE_DEPTH_MAX = 32

/** Where a line stands. */
interface Place {
  /** The file, or words for what is not a file. */
  readonly source: string
  readonly lineNumber: number
  readonly line: string
}

/** A configuration that the server cannot start with. The message is complete, in the form of Redis. */
export class ConfigurationError extends Error {
  readonly code = 'CONFIGURATION'

  constructor(
    readonly reason: string,
    readonly place?: Place,
  ) {
    const lines = ['', `*** FATAL CONFIG FILE ERROR (Redis ${REDIS_VERSION}) ***`]
    if (place !== undefined) {
      lines.push(`Reading the configuration file, at line ${place.lineNumber}`, `>>> '${place.line}'`)
    }
    lines.push(reason)
    if (place !== undefined) lines.push(`(in ${place.source})`)
    super(textToPath(lines.join('\n')))
    this.name = 'ConfigurationError'
  }
}

/** A configuration file that cannot be read at all. */
export class ConfigurationFileError extends Error {
  readonly code = 'CONFIGURATION_FILE'

  constructor(path: string, cause: unknown) {
    super(`Fatal error, can't open config file '${path}': ${systemErrorText(cause)}`, { cause })
    this.name = 'ConfigurationFileError'
  }
}

export interface ConfigurationSources {
  /** Absolute path, empty for none. */
  readonly file: string
  /** Text from standard input, empty for none. */
  readonly standardInput: string
  /** Lines made from the command line. */
  readonly options: string
}

/**
 * Reads all sources into a new configuration.
 * Throws ConfigurationError or ConfigurationFileError.
 */
export function loadConfiguration(sources: ConfigurationSources): Configuration {
  const configuration = new Configuration(sources.file)
  const reader = new Reader(configuration)
  let linesBefore = 0
  if (sources.file !== '') linesBefore += reader.readFile(sources.file, 0)
  if (sources.standardInput !== '') {
    linesBefore += reader.readText(sources.standardInput, 'standard input', linesBefore, 0)
  }
  // Redis joins all sources into one text, with a line break before the options, and counts on; so do the line
  // numbers here, because tools compare them.
  reader.readText(sources.options, 'the options of the command line', linesBefore + 1, 0)
  checkWhole(configuration)
  return configuration
}

/** What only the whole configuration shows. */
function checkWhole(configuration: Configuration): void {
  const logFile = configuration.path('logfile')
  if (logFile !== '') {
    try {
      closeSync(openSync(logFile, 'a'))
    } catch (error) {
      throw new ConfigurationError(`Can't open the log file: ${systemErrorText(error)}`)
    }
  }
  if (configuration.flag('cluster-enabled') && configuration.words('replicaof').length > 0) {
    throw new ConfigurationError('replicaof directive not allowed in cluster mode')
  }
}

class Reader {
  /** Settings whose lines add up and that have had their first line. */
  private readonly begun = new Set<string>()

  constructor(private readonly configuration: Configuration) {}

  /** Reads a file and returns the number of its line breaks. */
  readFile(path: string, depth: number): number {
    let text: string
    try {
      text = readFileSync(path, 'latin1')
    } catch (error) {
      throw new ConfigurationFileError(path, error)
    }
    return this.readText(text, pathToText(path), 0, depth)
  }

  /** Reads lines and returns the number of line breaks. */
  readText(text: string, source: string, linesBefore: number, depth: number): number {
    const lines = text.split('\n')
    for (const [i, rawLine] of lines.entries()) {
      const line = rawLine.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
      if (line === '' || line.startsWith('#')) continue
      this.readLine({ source, lineNumber: linesBefore + i + 1, line }, depth)
    }
    return lines.length - 1
  }

  private readLine(place: Place, depth: number): void {
    const parts = splitArguments(place.line)
    if (parts === undefined) throw new ConfigurationError('Unbalanced quotes in configuration line', place)
    if (parts.length === 0) return
    const name = parts[0]!.toLowerCase()
    const words = parts.slice(1)
    const setting = settingByName(name)
    const reason = setting === undefined ? this.readDirective(name, words, place, depth) : this.readSetting(name, words)
    if (reason !== undefined) throw new ConfigurationError(reason, place)
  }

  /** Sets a setting; returns why it could not. */
  private readSetting(name: string, words: readonly string[]): string | undefined {
    const setting = settingByName(name)!
    if (!setting.type.takesSeveralWords) {
      return words.length === 1 ? this.configuration.assign(name, words) : 'wrong number of arguments'
    }
    const addUp = this.begun.has(setting.name)
    this.begun.add(setting.name)
    // One word may hold all of them: `--save "60 100"`. An empty one is kept, because it means "none".
    const split = words.length === 1 && words[0] !== '' ? splitArguments(words[0]!) : words
    if (split === undefined) return 'Unbalanced quotes in configuration line'
    return this.configuration.assign(name, split, addUp)
  }

  /** Obeys or keeps a directive that is not a setting; returns why it could not. */
  private readDirective(name: string, words: readonly string[], place: Place, depth: number): string | undefined {
    const kind = directiveByName(name)
    if (kind === undefined && name.includes('.')) {
      return words.length === 0
        ? 'Module config specified without value'
        : 'Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting'
    }
    if (kind === undefined || words.length < kind.wordsMin || words.length > kind.wordsMax) {
      return 'Bad directive or wrong number of arguments'
    }
    if (kind.treatment === 'refused') return 'sentinel directive while not in sentinel mode'
    if (kind.treatment === 'read') return this.include(words[0]!, depth + 1)
    if (kind.treatment === 'collected') {
      this.configuration.collect(name, { words, fault: (reason) => new ConfigurationError(reason, place) })
    }
    return undefined
  }

  private include(text: string, depth: number): string | undefined {
    if (depth > INCLUDE_DEPTH_MAX) return `Includes are nested deeper than ${INCLUDE_DEPTH_MAX} files`
    const path = resolve(textToPath(this.configuration.text('dir')), textToPath(text))
    // A pattern may match nothing, so that an empty conf.d folder can be included; a plain path must exist.
    const paths = isPattern(text) ? expandPathPattern(pathToText(path)).map(textToPath) : [path]
    for (const included of paths) this.readFile(included, depth)
    return undefined
  }
}
