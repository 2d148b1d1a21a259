/**
 * Argument descriptions that the string and generic families share, for COMMAND DOCS.
 *
 * Imported by both threads; constants only.
 */
import type { ArgumentSpec } from './spec.js'

/** The one key of a command whose key is its first argument. */
export const keyArgument: ArgumentSpec = { name: 'key', type: 'key', keySpecIndex: 0 }

/** The keys of a command that takes any number of them. */
export const keysArgument: ArgumentSpec = { name: 'key', type: 'key', keySpecIndex: 0, multiple: true }

export const valueArgument: ArgumentSpec = { name: 'value', type: 'string' }

/** The pairs of MSET, MSETNX and their like. */
export const keyValueArgument: ArgumentSpec = {
  name: 'key_value',
  type: 'block',
  multiple: true,
  arguments: [keyArgument, valueArgument],
}
