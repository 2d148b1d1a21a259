/**
 * Texts of the configuration: one character a byte, and the ways into and out of that form.
 *
 * Main thread. Passwords, paths and names in a configuration need not be UTF-8, so that no text here is ever decoded
 * until it meets Node.js's file functions or a terminal.
 */

import { asciiBytes } from '../base/bytes.js'
import { globMatches } from '../base/glob.js'

/** The text as a path for Node.js, or as words for a person. */
export function textToPath(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

/** A path or an argument of the command line, as Node.js gives it, as a text. */
export function pathToText(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1')
}

/** True when the text matches the glob pattern. */
export function textMatches(pattern: string, text: string, ignoreCase: boolean): boolean {
  const patternBytes = asciiBytes(pattern)
  const textBytes = asciiBytes(text)
  return globMatches(patternBytes, 0, patternBytes.length, textBytes, 0, textBytes.length, ignoreCase)
}

/** True when the text has characters that make it a glob pattern. */
export function isPattern(text: string): boolean {
  return /[[*?]/.test(text)
}
