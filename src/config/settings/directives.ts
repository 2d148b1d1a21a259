/**
 * Directives of a configuration file that are not settings: CONFIG GET and CONFIG SET do not know them.
 * Main thread; constants. `redis-conf.ts` obeys or collects them.
 */

import type { SettingEffect } from '../setting.js'

export interface DirectiveKind {
  readonly name: string
  /** Words after the name. */
  readonly wordsMin: number
  readonly wordsMax: number
  /** How the words read, for the documentation. */
  readonly form: string
  readonly effect: SettingEffect
  readonly about: string
  /**
   * `read` directives are obeyed while the file is read; `collected` ones are kept for the part of the server that
   * obeys them; `ignored` ones were settings of old versions.
   */
  readonly treatment: 'read' | 'collected' | 'ignored' | 'refused'
}

const MANY = Number.MAX_SAFE_INTEGER

export const directiveKinds: readonly DirectiveKind[] = [
  {
    name: 'include',
    wordsMin: 1,
    wordsMax: 1,
    form: 'path, also with wildcards',
    effect: 'active',
    about: 'Read another file in this place. Without wildcards a missing file is an error.',
    treatment: 'read',
  },
  {
    name: 'user',
    wordsMin: 1,
    wordsMax: MANY,
    form: 'name and ACL rules',
    effect: 'none-yet',
    about: 'Declare a user.',
    treatment: 'collected',
  },
  {
    name: 'rename-command',
    wordsMin: 2,
    wordsMax: 2,
    form: 'name and new name',
    effect: 'active',
    about: 'Give a command another name for clients and scripts, or with an empty one take it away.',
    treatment: 'collected',
  },
  {
    name: 'loadmodule',
    wordsMin: 1,
    wordsMax: MANY,
    form: 'path and arguments',
    effect: 'not-applicable',
    about: 'Load a module. Modules are machine code for Redis and cannot be loaded here.',
    treatment: 'collected',
  },
  {
    name: 'sentinel',
    wordsMin: 0,
    wordsMax: MANY,
    form: 'words',
    effect: 'not-applicable',
    about: 'Configure Sentinel. There is no Sentinel mode; a file with this directive is refused.',
    treatment: 'refused',
  },
  ...['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands'].map((name) => ({
    name,
    wordsMin: 1,
    wordsMax: 1,
    form: 'value',
    effect: 'not-applicable' as const,
    about: 'A setting of old Redis versions; ignored, as Redis 7 does.',
    treatment: 'ignored' as const,
  })),
]

const byName = new Map(directiveKinds.map((kind) => [kind.name, kind]))

/** The directive of that name, in lower case, or undefined. */
export function directiveByName(name: string): DirectiveKind | undefined {
  return byName.get(name)
}
