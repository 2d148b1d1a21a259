/**
 * The first line of a library, `#!lua name=mylib`: in which language it is written and what it is called.
 *
 * Runs on the main thread, when a library comes in. (The line that a script of EVAL may have is
 * commands/scripting/script-flags.ts.) Errors are Redis's, without their code.
 */
import { latin1Of } from '../base/bytes.js'
import { splitInline } from '../resp/inline.js'

const NUMBER_SIGN = 35
const EXCLAMATION_MARK = 33
const LINE_FEED = 10

/** The only language there is. Redis calls it this way in replies. */
export const ENGINE_NAME = 'LUA'

export interface LibraryHeader {
  readonly name: string
  /** Bytes before the line's end, which belongs to the code, so that line numbers are the client's. */
  readonly length: number
}

/** Reads the first line of a library; returns the text of an error when it does not say what it must. */
export function parseLibraryHeader(body: Uint8Array): LibraryHeader | string {
  if (body[0] !== NUMBER_SIGN || body[1] !== EXCLAMATION_MARK) return 'Missing library metadata'
  const length = body.indexOf(LINE_FEED)
  if (length < 0) return 'Invalid library metadata'
  const words = splitInline(body, 0, length) ?? []
  const [first, ...options] = words.map((word) => latin1Of(word, 0, word.length))
  if (first === undefined) return 'Invalid library metadata'
  let name: string | undefined
  for (const option of options) {
    if (!/^name=/i.test(option)) return `Invalid metadata value given: ${option}`
    if (name !== undefined) return 'Invalid metadata value, name argument was given multiple times'
    name = option.slice('name='.length)
  }
  if (name === undefined) return 'Library name was not given'
  if (!isValidName(name)) return INVALID_NAME
  const engine = first.slice('#!'.length)
  if (engine.toUpperCase() !== ENGINE_NAME) return `Engine '${engine}' not found`
  return { name, length }
}

/** What Redis says of a name of a library and of a function. */
export const INVALID_NAME =
  'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long'

/** Whether a library or a function may be called so. */
export function isValidName(name: string): boolean {
  return /^[A-Za-z0-9_]+$/.test(name)
}
