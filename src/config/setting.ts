/**
 * What a setting is: its entry in the table, and what every value type can do.
 *
 * Main thread. Invariant: a value that `parse` returned is printed by `print` as Redis's CONFIG GET prints it, and
 * what `print` gives, parsed again, gives an equal value.
 */

/**
 * Values as they are held. Integers are bigint, because Redis's bounds reach to 2^64 - 1 and its error texts name
 * them. Strings hold one character a byte, because passwords and paths need not be UTF-8.
 */
export type SettingValue = boolean | bigint | string | readonly string[]

/** Why a value was not accepted, in Redis's words. */
export class Refusal {
  constructor(readonly reason: string) {}
}

/** One line that CONFIG REWRITE may write for a setting, without the setting's name. */
export interface RewriteLine {
  readonly text: string
  /** False for a default value: it replaces a line that is there, but is not added. */
  readonly force: boolean
}

/** Method syntax on purpose: it lets a type of bigint values stand in a table of all types. */
export interface ValueType<V extends SettingValue = SettingValue> {
  /** For the documentation, e.g. "integer from 0 to 65535". */
  readonly description: string
  /** True when a directive takes several words; CONFIG SET then splits its one argument at spaces. */
  readonly takesSeveralWords: boolean
  /** True when the lines of a file add up (`save`); the first line of a load still replaces the default. */
  readonly addsUp: boolean
  /**
   * Reads the words after the setting's name.
   * @param current the value so far, for types that change only a part of it or resolve against it
   */
  parse(words: readonly string[], current: V): V | Refusal
  /** The value as CONFIG GET gives it. */
  print(value: V): string
  /** The lines of CONFIG REWRITE. None means that a line which is there must go. */
  rewriteLines(value: V, defaultValue: V): readonly RewriteLine[]
}

/**
 * Whether the server obeys a setting. `none-yet`: accepted, checked and reported, but nothing reads it so far.
 * `not-applicable`: there is nothing here that it could govern, and there will not be.
 */
export type SettingEffect = 'active' | 'none-yet' | 'not-applicable'

export interface Setting {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: ValueType
  readonly defaultValue: SettingValue
  /** One sentence for the documentation. */
  readonly about: string
  readonly effect: SettingEffect
  /** False: only the configuration file and the command line can set it. */
  readonly mutable: boolean
  /** CONFIG GET shows it only under its exact name. */
  readonly hidden: boolean
  /** The value is kept out of SLOWLOG, MONITOR and logs. */
  readonly sensitive: boolean
  /** CONFIG SET needs the permission of `enable-protected-configs`. */
  readonly guarded: boolean
  readonly deniedWhileLoading: boolean
  /** CONFIG SET calls the hooks also when the value stays, because what a path names may have changed. */
  readonly appliesUnchanged: boolean
}

export type SettingOptions = Partial<Omit<Setting, 'name' | 'type' | 'defaultValue' | 'about'>>

/** An entry of the table. Without options: mutable, visible, and without effect so far. */
export function setting<V extends SettingValue>(
  name: string,
  type: ValueType<V>,
  defaultValue: V,
  about: string,
  options: SettingOptions = {},
): Setting {
  return {
    name,
    aliases: [],
    type: type as ValueType,
    defaultValue,
    about,
    effect: 'none-yet',
    mutable: true,
    hidden: false,
    sensitive: false,
    guarded: false,
    deniedWhileLoading: false,
    appliesUnchanged: false,
    ...options,
  }
}

/** A part of the table, under one heading of the documentation. */
export interface SettingArea {
  readonly title: string
  readonly settings: readonly Setting[]
}

/** True when two values of the same setting are equal. */
export function sameValue(left: SettingValue, right: SettingValue): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right
  return left.length === right.length && left.every((word, i) => word === right[i])
}
