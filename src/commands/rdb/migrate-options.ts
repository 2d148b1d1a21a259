/**
 * The arguments of MIGRATE: host port key|"" db timeout [COPY] [REPLACE] [AUTH password] [AUTH2 user password] [KEYS key...]
 *
 * Used on the main thread.
 */
import { asciiBytes, equalsAsciiIgnoreCase, latin1Of } from '../../base/bytes.js'
import { parseInt64 } from '../../base/integer.js'
import { encodeError, errors } from '../../resp/errors.js'

export interface MigrateOptions {
  readonly host: string
  readonly port: number
  /** The database of the target, as a number in text: whether it is one there is for the target to say. */
  readonly database: string
  readonly timeoutMs: number
  readonly copies: boolean
  readonly replaces: boolean
  readonly username: Uint8Array | undefined
  readonly password: Uint8Array | undefined
  readonly keys: readonly Uint8Array[]
}

const OPTIONS_FROM = 6
const TIMEOUT_MS_DEFAULT = 1000
/** As long as a timer can run. */
const TIMEOUT_MS_MAX = 2147483647

const KEY_AND_KEYS = encodeError('ERR When using MIGRATE KEYS option, the key argument must be set to the empty string')

const COPY = asciiBytes('copy')
const REPLACE = asciiBytes('replace')
const AUTH = asciiBytes('auth')
const AUTH2 = asciiBytes('auth2')
const KEYS = asciiBytes('keys')

function is(argument: Uint8Array, word: Uint8Array): boolean {
  return equalsAsciiIgnoreCase(argument, 0, argument.length, word)
}

/** @returns the options, or the error that the client gets */
export function parseMigrateOptions(argv: readonly Uint8Array[]): MigrateOptions | Uint8Array {
  const [, host, port, key, database, timeout] = argv as readonly [Uint8Array, ...Uint8Array[]]
  let keys: readonly Uint8Array[] = [key as Uint8Array]
  let copies = false
  let replaces = false
  let username: Uint8Array | undefined
  let password: Uint8Array | undefined
  for (let i = OPTIONS_FROM; i < argv.length; i++) {
    const argument = argv[i] as Uint8Array
    const left = argv.length - 1 - i
    if (is(argument, COPY)) {
      copies = true
    } else if (is(argument, REPLACE)) {
      replaces = true
    } else if (is(argument, AUTH) && left >= 1) {
      password = argv[++i]
    } else if (is(argument, AUTH2) && left >= 2) {
      username = argv[++i]
      password = argv[++i]
    } else if (is(argument, KEYS)) {
      if ((key as Uint8Array).length !== 0) return KEY_AND_KEYS
      keys = argv.slice(i + 1)
      break
    } else {
      return errors.syntax
    }
  }
  const timeoutMs = int64Of(timeout as Uint8Array)
  const databaseNumber = int64Of(database as Uint8Array)
  if (timeoutMs === undefined || databaseNumber === undefined) return errors.notAnInteger
  return {
    host: textOf(host as Uint8Array),
    port: Number.parseInt(textOf(port as Uint8Array), 10) || 0,
    database: databaseNumber.toString(),
    timeoutMs: timeoutMs <= 0n ? TIMEOUT_MS_DEFAULT : Math.min(Number(timeoutMs), TIMEOUT_MS_MAX),
    copies,
    replaces,
    username,
    password,
    keys,
  }
}

function int64Of(argument: Uint8Array): bigint | undefined {
  return parseInt64(argument, 0, argument.length)
}

function textOf(argument: Uint8Array): string {
  return latin1Of(argument, 0, argument.length)
}

/**
 * Appends the positions of the keys: those behind KEYS, else the key argument; none where both are given, which is wrong.
 * An option's own arguments are passed over, as one of them may read "keys".
 */
export function findMigrateKeys(
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  const isAt = (i: number, word: Uint8Array): boolean =>
    equalsAsciiIgnoreCase(bytes, offsets[i] as number, lengths[i] as number, word)
  for (let i = OPTIONS_FROM; i < argc; i++) {
    if (isAt(i, AUTH)) i++
    else if (isAt(i, AUTH2)) i += 2
    else if (isAt(i, KEYS)) {
      for (let k = i + 1; k < argc && lengths[3] === 0; k++) into.push(k)
      return
    }
  }
  into.push(3)
}
