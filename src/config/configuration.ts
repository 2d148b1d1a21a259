/**
 * The configuration in force: values of all settings, CONFIG GET, CONFIG SET and CONFIG REWRITE.
 *
 * Main thread only; shards are told what they need by hooks. Invariants: every value has passed its type's check, and
 * CONFIG SET changes all of its settings or none.
 *
 * Texts (names, values, results) hold one character a byte; see byte-text.ts.
 */

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { InvariantError } from '../base/assert.js'
import { isPattern, pathToText, textMatches, textToPath } from './byte-text.js'
import { type RewriteEntry, replaceFile, rewriteText } from './rewrite.js'
import { Refusal, type RewriteLine, type Setting, type SettingValue, sameValue } from './setting.js'
import { directiveByName } from './settings/directives.js'
import { settingByName, settingNames, settings } from './settings.js'
import { systemErrorText } from './system-error.js'

/** Called after settings changed, with the new values in force. A returned text refuses them, and all are put back. */
export type ChangeHook = () => string | undefined

/** One that takes a while, such as listening on another port. It must not be rejected. */
export type LaterChangeHook = () => Promise<string | undefined>

/** Who sends a CONFIG SET, as far as it matters for what is allowed. */
export interface SetOrigin {
  /** True for a connection over loopback or a Unix socket. */
  readonly isLocal: boolean
  readonly isLoading: boolean
}

const UNPRIVILEGED: SetOrigin = { isLocal: false, isLoading: false }

/** A directive that is kept for the part of the server that obeys it, such as `user`. */
export interface CollectedDirective {
  readonly words: readonly string[]
  /** Makes the start-up error for this line, for faults that only that part of the server can see. */
  readonly fault: (reason: string) => Error
}

export interface SavePoint {
  readonly seconds: number
  readonly changes: number
}

export interface OutputBufferLimit {
  /** 0 for no limit, as for the soft limit. */
  readonly hardBytes: number
  readonly softBytes: number
  readonly softSeconds: number
}

interface Change {
  readonly setting: Setting
  /** The name or alias that the client used, in lower case. */
  readonly name: string
  readonly value: SettingValue
}

export class Configuration {
  /** Absolute path of the configuration file, empty when the server was started without one. */
  readonly configFile: string

  private readonly values = new Map<string, SettingValue>()
  private readonly hooks = new Map<string, ChangeHook[]>()
  private readonly laterHooks = new Map<string, LaterChangeHook>()
  /** While hooks that take a while are under way: ends with them. */
  private changing: Promise<unknown> | null = null
  private readonly configured = new Set<string>()
  private readonly collected = new Map<string, CollectedDirective[]>()
  private readonly lineProviders = new Map<string, () => readonly string[]>()
  private warn: (message: string) => void = (message) => process.stderr.write(`${message}\n`)

  /** All settings at their defaults. */
  constructor(configFile = '') {
    this.configFile = configFile
    for (const setting of settings) this.values.set(setting.name, setting.defaultValue)
    this.values.set('dir', pathToText(process.cwd()))
  }

  // Reading. Each getter looks a name up; whoever needs a value for every command keeps it and follows it with onChange.

  /** A yes/no setting. */
  flag(name: string): boolean {
    const value = this.value(name)
    if (typeof value !== 'boolean') throw wrongType(name)
    return value
  }

  /**
   * An integer, size or octal setting. Sizes are in bytes; a percentage (`maxmemory-clients 10%`) is negative. Above
   * 2^53 the result is rounded, which only an absurd limit can reach.
   */
  number(name: string): number {
    const value = this.value(name)
    if (typeof value !== 'bigint') throw wrongType(name)
    return Number(value)
  }

  /** A text or a word of a list. */
  text(name: string): string {
    const value = this.value(name)
    if (typeof value !== 'string') throw wrongType(name)
    return value
  }

  /** The words of a setting that takes several, such as `bind`. */
  words(name: string): readonly string[] {
    const value = this.value(name)
    if (typeof value !== 'object') throw wrongType(name)
    return value
  }

  /** The absolute path that a text setting names, resolved against `dir`; empty when the setting is empty. */
  path(name: string): string {
    const text = this.text(name)
    return text === '' ? '' : resolve(textToPath(this.text('dir')), textToPath(text))
  }

  savePoints(): SavePoint[] {
    const words = this.words('save')
    const points: SavePoint[] = []
    for (let i = 0; i < words.length; i += 2) {
      points.push({ seconds: Number(words[i]), changes: Number(words[i + 1]) })
    }
    return points
  }

  outputBufferLimits(): Record<'normal' | 'replica' | 'pubsub', OutputBufferLimit> {
    const words = this.words('client-output-buffer-limit')
    const limitAt = (i: number): OutputBufferLimit => ({
      hardBytes: Number(words[i + 1]),
      softBytes: Number(words[i + 2]),
      softSeconds: Number(words[i + 3]),
    })
    return { normal: limitAt(0), replica: limitAt(4), pubsub: limitAt(8) }
  }

  /** The number of shards to start: `shards`, or one fewer than there are CPUs when that is 0. */
  shardCount(): number {
    return this.number('shards') || Math.max(1, availableParallelism() - 1)
  }

  /** True when the value of that setting must not be shown in SLOWLOG, MONITOR or logs. */
  isSensitive(name: string): boolean {
    return settingByName(name)?.sensitive === true
  }

  /** Lines of a collected directive (`user`, `rename-command`, `loadmodule`), in the order of the file. */
  directives(name: string): readonly CollectedDirective[] {
    return this.collected.get(name) ?? []
  }

  /** True when neither a file nor the command line has set anything. */
  isUntouched(): boolean {
    return this.configFile === '' && this.configured.size === 0 && this.collected.size === 0
  }

  /** Names that were set at start to other values than the default, and that nothing obeys so far. */
  settingsWithoutEffect(): string[] {
    const names = settings
      .filter((setting) => setting.effect === 'none-yet' && this.configured.has(setting.name))
      .filter((setting) => !sameValue(this.value(setting.name), setting.defaultValue))
      .map((setting) => setting.name)
    for (const name of this.collected.keys()) {
      if (directiveByName(name)?.effect === 'none-yet') names.push(name)
    }
    return names
  }

  // Writing at start and by the server itself.

  /**
   * Sets a value without hooks and without regard to mutability: for the reader of the configuration file, and for
   * what the server decides itself (REPLICAOF, `maxclients` lowered to the descriptor limit).
   *
   * @param addUp true when the words go to those that are there, for types whose lines add up
   * @returns why the value was not accepted, or undefined
   */
  assign(name: string, words: readonly string[], addUp = false): string | undefined {
    const setting = this.known(name)
    const value = setting.type.parse(words, this.parseBase(setting, addUp))
    if (value instanceof Refusal) return value.reason
    this.values.set(setting.name, value)
    this.configured.add(setting.name)
    return undefined
  }

  /** Keeps a directive for the part of the server that obeys it. */
  collect(name: string, directive: CollectedDirective): void {
    const lines = this.collected.get(name)
    if (lines === undefined) this.collected.set(name, [directive])
    else lines.push(directive)
  }

  // Changing at run time.

  /** Calls the hook whenever CONFIG SET changes one of the settings. It is not called for the values at start. */
  onChange(names: string | readonly string[], hook: ChangeHook): void {
    for (const name of typeof names === 'string' ? [names] : names) {
      const setting = this.known(name)
      const hooks = this.hooks.get(setting.name)
      if (hooks === undefined) this.hooks.set(setting.name, [hook])
      else hooks.push(hook)
    }
  }

  /** As `onChange`, for hooks that take a while: they are called when all others have agreed, one after the other. */
  onChangeLater(name: string, hook: LaterChangeHook): void {
    this.laterHooks.set(this.known(name).name, hook)
  }

  /** Where warnings about changes go once there is a log. */
  reportWarnings(warn: (message: string) => void): void {
    this.warn = warn
  }

  /** CONFIG GET: the settings that match a name or pattern, each under the name that matched. */
  get(patterns: readonly string[]): Map<string, string> {
    const found = new Map<string, Setting>()
    const seen = new Set<string>()
    const add = (name: string, setting: Setting) => {
      const key = name.toLowerCase()
      if (seen.has(key)) return
      seen.add(key)
      found.set(name, setting)
    }
    for (const pattern of patterns) {
      if (!isPattern(pattern)) {
        const setting = settingByName(pattern)
        if (setting !== undefined) add(pattern, setting)
        continue
      }
      for (const [name, setting] of settingNames()) {
        if (!setting.hidden && textMatches(pattern, name, true)) add(name, setting)
      }
    }
    return new Map([...found].map(([name, setting]) => [name, setting.type.print(this.value(setting.name))]))
  }

  /**
   * CONFIG SET: applies all pairs, or none. Whoever comes while another one's hooks are under way waits for these.
   * @returns the text of Redis's error reply, with its code and without the leading `-`, or undefined; where hooks take a
   *   while, the promise of that
   */
  set(
    pairs: readonly (readonly [name: string, value: string])[],
    origin: SetOrigin = UNPRIVILEGED,
  ): string | undefined | Promise<string | undefined> {
    if (this.changing !== null) return this.changing.then(() => this.set(pairs, origin))
    const changes: Change[] = []
    for (const [name] of pairs) {
      const fault = this.checkMayChange(name, origin, changes)
      if (fault !== undefined) return fault
      changes.push({ setting: this.known(name), name: name.toLowerCase(), value: false })
    }
    for (let i = 0; i < changes.length; i++) {
      const { setting, name } = changes[i]!
      const value = setting.type.parse(wordsOf(setting, pairs[i]![1]), this.parseBase(setting, false))
      if (value instanceof Refusal) return setFailed(name, value.reason)
      changes[i] = { setting, name, value }
    }
    return this.apply(changes)
  }

  /**
   * CONFIG REWRITE: brings the configuration file up to date. Waits as `set` does.
   * @param everySetting writes also defaults that the file does not name, for DEBUG CONFIG-REWRITE-FORCE-ALL
   * @returns the text of Redis's error reply, with its code and without the leading `-`, or undefined; or the promise of that
   */
  rewrite(everySetting = false): string | undefined | Promise<string | undefined> {
    if (this.changing !== null) return this.changing.then(() => this.rewrite(everySetting))
    if (this.configFile === '') return 'ERR The server is running without a config file'
    try {
      const text = rewriteText(this.oldFileText(), this.rewriteEntries(everySetting), canonicalName)
      replaceFile(this.configFile, Buffer.from(text, 'latin1'))
    } catch (error) {
      this.warn(`CONFIG REWRITE failed: ${systemErrorText(error)}`)
      return `ERR Rewriting config file: ${systemErrorText(error)}`
    }
    return undefined
  }

  /**
   * Names the lines that CONFIG REWRITE writes for a directive that is not a setting, such as `user`. Without a
   * provider its lines in the file stay as they are.
   */
  provideLines(directive: string, provider: () => readonly string[]): void {
    this.lineProviders.set(directive, provider)
  }

  private value(name: string): SettingValue {
    const value = this.values.get(name) ?? this.values.get(this.known(name).name)
    if (value === undefined) throw new InvariantError(`the setting ${name} has no value`)
    return value
  }

  private known(name: string): Setting {
    const setting = settingByName(name)
    if (setting === undefined) throw new InvariantError(`no setting is named ${name}`)
    return setting
  }

  /** What new words are joined with: nothing, when they replace lines that would add up in a file. */
  private parseBase(setting: Setting, addUp: boolean): SettingValue {
    return setting.type.addsUp && !addUp ? [] : this.value(setting.name)
  }

  private checkMayChange(name: string, origin: SetOrigin, earlier: readonly Change[]): string | undefined {
    const setting = settingByName(name)
    if (setting === undefined) return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`
    if (!setting.mutable) return setFailed(name, "can't set immutable config")
    if (setting.guarded && !this.permits('enable-protected-configs', origin)) {
      return setFailed(name, "can't set protected config")
    }
    if (setting.deniedWhileLoading && origin.isLoading) return 'LOADING Redis is loading the dataset in memory'
    if (earlier.some((change) => change.setting === setting)) return setFailed(name, 'duplicate parameter')
    return undefined
  }

  private permits(permission: string, origin: SetOrigin): boolean {
    const granted = this.text(permission)
    return granted === 'yes' || (granted === 'local' && origin.isLocal)
  }

  private apply(changes: readonly Change[]): string | undefined | Promise<string | undefined> {
    const before = changes.map(({ setting }) => this.value(setting.name))
    const restore = (): void => {
      for (const [i, { setting }] of changes.entries()) this.values.set(setting.name, before[i]!)
    }
    /** Each hook once, with the first setting that calls for it. */
    const calls = new Map<ChangeHook, string>()
    const laterCalls: (readonly [LaterChangeHook, string])[] = []
    for (const [i, { setting, name, value }] of changes.entries()) {
      this.values.set(setting.name, value)
      if (sameValue(value, before[i]!) && !setting.appliesUnchanged) continue
      for (const hook of this.hooks.get(setting.name) ?? []) {
        if (!calls.has(hook)) calls.set(hook, name)
      }
      const laterHook = this.laterHooks.get(setting.name)
      if (laterHook !== undefined) laterCalls.push([laterHook, name])
    }
    const called: ChangeHook[] = []
    // The hook that refused may have done a part of its work, so that it is called again as well.
    const undo = (): void => {
      for (const undone of called) this.warnOfUndone(undone())
    }
    for (const [hook, name] of calls) {
      called.push(hook)
      const reason = hook()
      if (reason === undefined) continue
      this.warnOfRefusal(name)
      restore()
      undo()
      return setFailed(name, reason)
    }
    if (laterCalls.length === 0) return undefined
    const result = this.applyLater(laterCalls, () => {
      restore()
      undo()
    })
    this.changing = result
    return result
  }

  private async applyLater(
    calls: readonly (readonly [LaterChangeHook, string])[],
    restore: () => void,
  ): Promise<string | undefined> {
    let fault: string | undefined
    const called: LaterChangeHook[] = []
    for (const [hook, name] of calls) {
      called.push(hook)
      const reason = await hook()
      if (reason === undefined) continue
      fault = setFailed(name, reason)
      this.warnOfRefusal(name)
      restore()
      for (const undone of called) this.warnOfUndone(await undone())
      break
    }
    this.changing = null
    return fault
  }

  private warnOfRefusal(name: string): void {
    this.warn(
      `Failed applying new configuration. Possibly related to new ${name} setting. Restoring previous settings.`,
    )
  }

  private warnOfUndone(reason: string | undefined): void {
    if (reason !== undefined) this.warn(`Failed applying restored failed CONFIG SET command: ${reason}`)
  }

  private oldFileText(): string {
    try {
      return readFileSync(this.configFile, 'latin1')
    } catch (error) {
      // The file may have been removed since the start; then it is written anew, as Redis does.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  private rewriteEntries(everySetting: boolean): RewriteEntry[] {
    const entries: RewriteEntry[] = settings.map((setting) => {
      // A node of a cluster keeps whom it follows in the cluster's own file.
      const omitted = setting.name === 'replicaof' && this.flag('cluster-enabled')
      const lines: readonly RewriteLine[] = setting.type.rewriteLines(this.value(setting.name), setting.defaultValue)
      if (omitted) return { name: setting.name, lines: [] }
      return { name: setting.name, lines: everySetting ? lines.map(({ text }) => ({ text, force: true })) : lines }
    })
    for (const [name, provider] of this.lineProviders) {
      // With a file of their own, users have no lines here.
      const inOtherFile = name === 'user' && this.text('aclfile') !== ''
      const lines = inOtherFile ? [] : provider().map((text) => ({ text, force: true }))
      entries.push({ name, lines })
    }
    return entries
  }
}

function wrongType(name: string): InvariantError {
  return new InvariantError(`the setting ${name} was read as another type`)
}

function setFailed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`
}

/** CONFIG SET gives one text where a line of a file gives words; Redis splits it at single spaces, without quotes. */
function wordsOf(setting: Setting, value: string): readonly string[] {
  if (!setting.type.takesSeveralWords) return [value]
  return value === '' ? [] : value.split(' ')
}

/** The name under which CONFIG REWRITE writes a directive, or undefined when there is no such directive. */
function canonicalName(name: string): string | undefined {
  return settingByName(name)?.name ?? directiveByName(name)?.name
}
