/**
 * Key specifications and argument descriptions that the sorted set commands share.
 *
 * Imported by both threads; constants and what makes them.
 */
import type { ArgumentSpec, KeyFlag, KeySpec } from '../spec.js'

/** The one key at a position. */
export function keyAt(index: number, ...flags: KeyFlag[]): KeySpec {
  return { flags, begin: { index }, find: { lastKey: 0, keyStep: 1, limit: 0 } }
}

/** The keys behind their number, which stands at a position. */
export function countedKeysAt(index: number, ...flags: KeyFlag[]): KeySpec {
  return { flags, begin: { index }, find: { keyNumIndex: 0, firstKey: 1, keyStep: 1 } }
}

export const memberArgument: ArgumentSpec = { name: 'member', type: 'string' }
export const memberArguments: ArgumentSpec = { name: 'member', type: 'string', multiple: true }

export const withScoresArgument: ArgumentSpec = {
  name: 'withscores',
  type: 'pure-token',
  token: 'WITHSCORES',
  optional: true,
}

/** `LIMIT offset count`; the newer of the commands that take it say since when. */
export function limitArgument(since?: string): ArgumentSpec {
  return {
    name: 'offset_count',
    type: 'block',
    token: 'LIMIT',
    ...(since === undefined ? {} : { since }),
    optional: true,
    arguments: [
      { name: 'offset', type: 'integer' },
      { name: 'count', type: 'integer' },
    ],
  }
}

export const numberOfKeysArgument: ArgumentSpec = { name: 'numkeys', type: 'integer' }

/** The keys behind their number. */
export function countedKeysArgument(keySpecIndex: number): ArgumentSpec {
  return { name: 'key', type: 'key', keySpecIndex, multiple: true }
}

/** `MIN|MAX` of ZMPOP and BZMPOP. */
export const whereArgument: ArgumentSpec = {
  name: 'where',
  type: 'oneof',
  arguments: [
    { name: 'min', type: 'pure-token', token: 'MIN' },
    { name: 'max', type: 'pure-token', token: 'MAX' },
  ],
}

/** `WITHSCORE` of ZRANK and ZREVRANK. */
export const withScoreArgument: ArgumentSpec = {
  name: 'withscore',
  type: 'pure-token',
  token: 'WITHSCORE',
  since: '7.2.0',
  optional: true,
}
