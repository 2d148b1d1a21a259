/**
 * Files that a path with wildcards names, for `include`.
 *
 * Main thread, at start. The rules are those of glob(3): a wildcard never matches a slash, nor a leading dot.
 */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { isPattern, pathToText, textMatches, textToPath } from './byte-text.js'

/**
 * The existing paths that the pattern matches, sorted by their bytes; none when a folder cannot be read.
 * @param pattern an absolute path, one character a byte
 */
export function expandPathPattern(pattern: string): string[] {
  let found = ['']
  for (const part of pattern.split('/').filter((name) => name !== '')) {
    found = found.flatMap((folder) => {
      if (!isPattern(part)) return [`${folder}/${part}`]
      return namesIn(folder)
        .filter((name) => (part.startsWith('.') || !name.startsWith('.')) && matchesPart(part, name))
        .map((name) => `${folder}/${name}`)
    })
  }
  return found.filter((path) => existsSync(textToPath(path))).sort()
}

/** In paths a list is negated with `!`; elsewhere in Redis with `^`. */
function matchesPart(part: string, name: string): boolean {
  return textMatches(part.replaceAll('[!', '[^'), name, false)
}

function namesIn(folder: string): string[] {
  const path = textToPath(folder === '' ? '/' : folder)
  const isFolder = existsSync(path) && statSync(path).isDirectory()
  return isFolder ? readdirSync(path).map(pathToText) : []
}
