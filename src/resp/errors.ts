/**
 * Every error reply that more than one place sends, encoded once.
 *
 * Runs on both threads. Clients match on these texts, so each is Redis's to the letter; a text that names
 * the client's own words (an unknown command, a wrong arity) is made by a function here.
 */

/** Encodes `text` as a RESP simple error. Line breaks would end the reply early, so they become spaces. */
export function encodeError(text: string): Uint8Array {
  return Buffer.from(`-${text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1')
}

export const errors = {
  syntax: encodeError('ERR syntax error'),
  wrongType: encodeError('WRONGTYPE Operation against a key holding the wrong kind of value'),
  notAnInteger: encodeError('ERR value is not an integer or out of range'),
  notAnInt32: encodeError('ERR value is out of range, value must between -2147483648 and 2147483647'),
  notAFloat: encodeError('ERR value is not a valid float'),
  outOfRange: encodeError('ERR index out of range'),
  noSuchKey: encodeError('ERR no such key'),
  sameObject: encodeError('ERR source and destination objects are the same'),
  overflow: encodeError('ERR increment or decrement would overflow'),
  nanOrInfinity: encodeError('ERR increment would produce NaN or Infinity'),
  stringTooLong: encodeError('ERR string exceeds maximum allowed size (proto-max-bulk-len)'),
  offsetOutOfRange: encodeError('ERR offset is out of range'),
  bitOffset: encodeError('ERR bit offset is not an integer or out of range'),
  invalidDbIndex: encodeError('ERR invalid DB index'),
  dbIndexOutOfRange: encodeError('ERR DB index is out of range'),
  invalidCursor: encodeError('ERR invalid cursor'),
  noAuth: encodeError('NOAUTH Authentication required.'),
  wrongPass: encodeError('WRONGPASS invalid username-password pair or user is disabled.'),
  nestedMulti: encodeError('ERR MULTI calls can not be nested'),
  execWithoutMulti: encodeError('ERR EXEC without MULTI'),
  discardWithoutMulti: encodeError('ERR DISCARD without MULTI'),
  watchInsideMulti: encodeError('ERR WATCH inside MULTI is not allowed'),
  execAbort: encodeError('EXECABORT Transaction discarded because of previous errors.'),
  outOfMemory: encodeError("OOM command not allowed when used memory > 'maxmemory'."),
  loading: encodeError('LOADING Redis is loading the dataset in memory'),
  cannotSave: encodeError(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may " +
      'modify the data set are disabled, because this instance is configured to report errors during writes if RDB ' +
      'snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB ' +
      'error.',
  ),
  notAllowedInTransaction: encodeError('ERR Command not allowed inside a transaction'),
} as const

const NAME_BYTES_SHOWN_MAX = 128

/** A client's word as Redis shows it in errors, where it is a C string: up to a zero byte, and no more than `lengthMax`. */
export function shownPart(word: string, lengthMax = Number.POSITIVE_INFINITY): string {
  const zero = word.indexOf('\0')
  return word.slice(0, zero < 0 ? lengthMax : Math.min(zero, lengthMax))
}

/** What Redis answers to a command it does not know: the name, and of the first arguments some 128 bytes together. */
export function unknownCommand(name: string, commandArguments: readonly string[]): Uint8Array {
  let shown = ''
  for (const argument of commandArguments) {
    if (shown.length >= NAME_BYTES_SHOWN_MAX) break
    shown += `'${shownPart(argument, NAME_BYTES_SHOWN_MAX - shown.length)}' `
  }
  return encodeError(
    `ERR unknown command '${shownPart(name, NAME_BYTES_SHOWN_MAX)}', with args beginning with: ${shown}`,
  )
}

/** What Redis answers to a subcommand it does not know. `container` is the command's name as in the table. */
export function unknownSubcommand(container: string, subcommand: string): Uint8Array {
  const shown = shownPart(subcommand, NAME_BYTES_SHOWN_MAX)
  return encodeError(`ERR unknown subcommand '${shown}'. Try ${container.toUpperCase()} HELP.`)
}

/** What a command answers that tells its subcommands apart by itself, to one that it cannot place or whose arguments do not fit. */
export function subcommandSyntax(container: string, subcommand: string): Uint8Array {
  const shown = shownPart(subcommand, NAME_BYTES_SHOWN_MAX)
  return encodeError(
    `ERR unknown subcommand or wrong number of arguments for '${shown}'. Try ${container.toUpperCase()} HELP.`,
  )
}

/** `fullName` is the table's name, with a bar before a subcommand: `config|get`. */
export function wrongArity(fullName: string): Uint8Array {
  return encodeError(`ERR wrong number of arguments for '${fullName}' command`)
}

/** What EXEC answers when it is refused for `reason`, an encoded error: the transaction is gone with it. */
export function execDiscarded(reason: Uint8Array): Uint8Array {
  const text = Buffer.from(reason)
    .toString('latin1')
    .replace(/^-(ERR )?/, '')
    .trimEnd()
  return encodeError(`EXECABORT Transaction discarded because of: ${text}`)
}

/** `ERR invalid expire time in 'set' command` and its like. */
export function invalidExpire(fullName: string): Uint8Array {
  return encodeError(`ERR invalid expire time in '${fullName}' command`)
}
