/**
 * What a script's text shows of the keys that it touches. Main thread, once for each script.
 *
 * The question is whether every key of every command is one of KEYS, so that the script can run beside others on the shard
 * that has those. A wrong "no" costs time, a wrong "yes" makes the script fail; so whatever is not plainly so is a "no":
 *
 * - `redis` stands only in `redis.call(...)` and `redis.pcall(...)` with the command's name as a plain string, or before the
 *   name of a function or constant that runs no command;
 * - a command has its keys at fixed places, and each of them is written as `KEYS[...]`, without brackets inside, or as a
 *   local that has been assigned from it, or as an element of `ipairs(KEYS)`, and that is assigned nowhere else;
 * - `KEYS` stands only in such places, and in `#KEYS`;
 * - nothing is used that could get at a variable by another way than its name.
 */
import type { CommandSpec, KeySpec } from '../commands/spec.js'
import { lookup } from '../commands/table.js'
import { type LuaToken, luaTokens } from '../lua/lua-tokens.js'

/** What `redis` has besides commands. */
const HARMLESS_FIELDS: ReadonlySet<string> = new Set([
  ...[
    'error_reply',
    'status_reply',
    'sha1hex',
    'log',
    'setresp',
    'replicate_commands',
    'set_repl',
    'breakpoint',
    'debug',
  ],
  ...['LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING', 'REPL_NONE', 'REPL_AOF', 'REPL_SLAVE', 'REPL_REPLICA'],
  ...['REPL_ALL', 'REDIS_VERSION', 'REDIS_VERSION_NUM', 'acl_check_cmd'],
])

/** With these a script can reach variables, or text that is run, past what its own text says. */
const DANGEROUS_NAMES: ReadonlySet<string> = new Set([
  ...['_G', 'getfenv', 'setfenv', 'load', 'loadstring', 'loadfile', 'dofile', 'rawget', 'rawset', 'newproxy'],
  ...['getmetatable', 'setmetatable'],
])

/** Commands with the route of a key that the main thread answers too, or that change what keys mean. */
const DANGEROUS_COMMANDS: ReadonlySet<string> = new Set(['select'])

const OPENING: ReadonlySet<string> = new Set(['(', '{', '['])
const CLOSING: ReadonlySet<string> = new Set([')', '}', ']'])
/** Words after which a parenthesized list names variables, or which begin such a list. */
const BLOCK_OPENERS: ReadonlySet<string> = new Set(['function', 'do', 'then', 'repeat'])

/** Whether the text of a script shows that it touches no keys but those in KEYS. */
export function namesItsKeys(body: Uint8Array): boolean {
  const tokens = luaTokens(withoutShebang(Buffer.from(body).toString('latin1')))
  return tokens !== undefined && new Analysis(tokens).namesItsKeys()
}

function withoutShebang(text: string): string {
  return text.startsWith('#!') ? text.slice(text.indexOf('\n')) : text
}

class Analysis {
  readonly #tokens: readonly LuaToken[]
  /** Locals that stand for a key. */
  readonly #keyLocals: ReadonlySet<string>

  constructor(tokens: readonly LuaToken[]) {
    this.#tokens = tokens
    this.#keyLocals = this.#findKeyLocals()
  }

  namesItsKeys(): boolean {
    const tokens = this.#tokens
    for (let i = 0; i < tokens.length; i++) {
      const { kind, text } = tokens[i] as LuaToken
      if (kind !== 'name') continue
      // A field of that name is no variable.
      if (this.#isSymbol(i - 1, '.') || this.#isSymbol(i - 1, ':')) continue
      if (DANGEROUS_NAMES.has(text)) return false
      if (text === 'redis' && !this.#isHarmlessUse(i)) return false
      if (text === 'KEYS' && !this.#isReadOfKeys(i)) return false
    }
    return true
  }

  /** Whether `redis` at token `i` stands where it may. */
  #isHarmlessUse(i: number): boolean {
    const field = this.#tokens[i + 2]
    if (!this.#isSymbol(i + 1, '.') || field?.kind !== 'name') return false
    if (HARMLESS_FIELDS.has(field.text)) return !this.#isSymbol(i + 3, '=')
    if (field.text !== 'call' && field.text !== 'pcall') return false
    if (!this.#isSymbol(i + 3, '(')) return false
    return this.#isCallWithItsKeys(i + 4)
  }

  /** Whether the arguments of `redis.call` from token `from` on name a command and its keys. */
  #isCallWithItsKeys(from: number): boolean {
    const all = this.#argumentsFrom(from)
    const name = all?.[0]
    if (all === undefined || name === undefined) return false
    const [start, end] = name
    const word = this.#tokens[start]
    if (end !== start + 1 || word?.kind !== 'string' || !word.isPlain) return false
    const spec = lookup(word.text)
    if (spec === undefined) return true
    if (DANGEROUS_COMMANDS.has(spec.name)) return false
    if (spec.route?.on === 'main') return true
    return this.#hasItsKeys(spec, all)
  }

  #hasItsKeys(spec: CommandSpec, all: readonly (readonly [number, number])[]): boolean {
    const { route, keySpecs = [], findKeys } = spec
    if (route === undefined || findKeys !== undefined || keySpecs.length === 0) return false
    if (route.on === 'shards' || route.on === 'router' || (route.on === 'hops' && route.reach !== undefined))
      return false
    return keySpecs.every((keySpec) => this.#areKeys(keySpec, all))
  }

  #areKeys({ begin, find, flags }: KeySpec, all: readonly (readonly [number, number])[]): boolean {
    if (flags.includes('not_key')) return true
    if (begin === 'unknown' || find === 'unknown' || !('index' in begin) || !('lastKey' in find)) return false
    let last = begin.index + find.lastKey
    if (find.lastKey < 0) {
      if (find.limit > 1) return false
      // The last argument may stand for several, or for none.
      if (!this.#isOne(all[all.length - 1] as readonly [number, number])) return false
      last = all.length + find.lastKey
    }
    for (let i = begin.index; i <= last; i += find.keyStep) {
      const argument = all[i]
      // A call that returns several values in an earlier place stands for one, but behind the last one anything may come.
      if (argument === undefined) return all.length > 0 && this.#isOne(all[all.length - 1] as readonly [number, number])
      if (!this.#isKey(argument)) return false
    }
    return true
  }

  /** Whether an argument is one value, whatever it is: neither a call nor `...` at its end. */
  #isOne([start, end]: readonly [number, number]): boolean {
    const last = this.#tokens[end - 1]
    if (last === undefined || end <= start) return false
    if (last.kind === 'symbol') return last.text === ']' || last.text === '}'
    if (last.kind !== 'string') return true
    // `f"text"` is a call.
    return end - start === 1 || this.#isSymbol(end - 2, '..')
  }

  /** Whether the tokens are a key: `KEYS[...]`, or a local that stands for one. */
  #isKey([start, end]: readonly [number, number]): boolean {
    const first = this.#tokens[start]
    if (first?.kind !== 'name') return false
    if (end === start + 1) return this.#keyLocals.has(first.text)
    return first.text === 'KEYS' && this.#keyEnd(start) === end
  }

  /** The token behind `KEYS[...]` at token `i`, whose index has no brackets in it; -1 where it is something else. */
  #keyEnd(i: number): number {
    if (!this.#isSymbol(i + 1, '[')) return -1
    for (let at = i + 2; at < this.#tokens.length; at++) {
      if (this.#isSymbol(at, ']')) return at + 1
      if (this.#isSymbol(at, '[') || this.#isSymbol(at, '{')) return -1
    }
    return -1
  }

  /** Whether `KEYS` at token `i` is only read. */
  #isReadOfKeys(i: number): boolean {
    if (this.#isSymbol(i - 1, '#')) return !this.#isSymbol(i + 1, '[')
    if (this.#isInIpairs(i)) return true
    const end = this.#keyEnd(i)
    return end > 0 && !this.#isAssigned(end)
  }

  #isInIpairs(i: number): boolean {
    return this.#isSymbol(i - 1, '(') && this.#tokens[i - 2]?.text === 'ipairs' && this.#isSymbol(i + 1, ')')
  }

  /** Whether what ends before token `at` is assigned to, alone or among others. */
  #isAssigned(at: number): boolean {
    for (let i = at; i < this.#tokens.length; i++) {
      const { kind, text } = this.#tokens[i] as LuaToken
      if (kind === 'symbol' && text === '=') return true
      if (kind === 'symbol' && ![',', '.', '[', ']'].includes(text)) return false
      if (kind === 'name' && BLOCK_OPENERS.has(text)) return false
      // Two words in a row: a new statement.
      if (i > at && kind !== 'symbol' && (this.#tokens[i - 1] as LuaToken).kind !== 'symbol') return false
      if (i === at && kind !== 'symbol') return false
      if (kind === 'name' && this.#isSymbol(i - 1, ']')) return false
    }
    return false
  }

  /** `local a, b = KEYS[1], KEYS[2]` and `for i, key in ipairs(KEYS) do`. */
  #findKeyLocals(): ReadonlySet<string> {
    const tokens = this.#tokens
    const found = new Map<string, number>()
    const note = (name: string): void => {
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    for (let i = 0; i < tokens.length; i++) {
      const { kind, text } = tokens[i] as LuaToken
      if (kind !== 'name') continue
      if (text === 'local') for (const name of this.#localsOfKeys(i)) note(name)
      if (text === 'for') for (const name of this.#elementOfKeys(i)) note(name)
    }
    for (const [name, count] of found) {
      if (count > 1 || this.#bindings(name) !== 1) found.delete(name)
    }
    return new Set(found.keys())
  }

  #localsOfKeys(at: number): readonly string[] {
    const names: string[] = []
    let i = at + 1
    for (; this.#tokens[i]?.kind === 'name'; i += 2) {
      names.push((this.#tokens[i] as LuaToken).text)
      if (!this.#isSymbol(i + 1, ',')) break
    }
    if (names.length === 0 || !this.#isSymbol(i + 1, '=')) return []
    i += 2
    const locals: string[] = []
    for (const name of names) {
      const end = this.#tokens[i]?.text === 'KEYS' ? this.#keyEnd(i) : -1
      if (end < 0 || !this.#endsExpression(end)) return locals
      locals.push(name)
      if (!this.#isSymbol(end, ',')) return locals
      i = end + 1
    }
    return locals
  }

  /** Whether no operator follows at token `i`: `KEYS[1] .. 'x'` is not a key. */
  #endsExpression(i: number): boolean {
    const next = this.#tokens[i]
    if (next === undefined || next.text === ',' || next.text === ';') return true
    return next.kind === 'name' && next.text !== 'and' && next.text !== 'or'
  }

  #elementOfKeys(at: number): readonly string[] {
    const names = [at + 1, at + 3].map((i) => this.#tokens[i])
    if (names.some((name) => name?.kind !== 'name') || !this.#isSymbol(at + 2, ',')) return []
    const isOverKeys = ['in', 'ipairs', '(', 'KEYS', ')', 'do'].every(
      (text, k) => this.#tokens[at + 4 + k]?.text === text,
    )
    return isOverKeys ? [(names[1] as LuaToken).text] : []
  }

  /** How often a name is declared or assigned to. */
  #bindings(name: string): number {
    const tokens = this.#tokens
    let count = 0
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i] as LuaToken
      if (token.kind !== 'name') continue
      if (token.text === 'for') count += this.#namesUntil(i + 1, name, ['=', 'in'])
      else if (token.text === 'function') count += this.#namesUntil(i + 1, name, [')'])
      else if (token.text === 'local') count += this.#namesUntil(i + 1, name, ['='])
      else if (token.text === name && !this.#isSymbol(i - 1, '.') && this.#isAssigned(i + 1)) {
        if (!this.#isInDeclaration(i)) count++
      }
    }
    return count
  }

  /** How often a name stands in a list that begins at token `at`: names, commas, dots and an opening parenthesis. */
  #namesUntil(at: number, name: string, ends: readonly string[]): number {
    let count = 0
    for (let i = at; i < this.#tokens.length; i++) {
      const { kind, text } = this.#tokens[i] as LuaToken
      if (ends.includes(text)) return count
      if (kind === 'symbol' && ![',', '(', '.', ':', '...'].includes(text)) return count
      if (kind !== 'symbol' && kind !== 'name') return count
      // `local x` without a value is followed by the next statement.
      if (i > at && kind === 'name' && (this.#tokens[i - 1] as LuaToken).kind === 'name') return count
      if (text === name) count++
    }
    return count
  }

  /** Whether the name at token `i` stands in the list of a `local` or a `for`, which `#namesUntil` counts. */
  #isInDeclaration(i: number): boolean {
    let at = i - 1
    while (this.#isSymbol(at, ',') && this.#tokens[at - 1]?.kind === 'name') at -= 2
    const before = this.#tokens[at]
    return before?.kind === 'name' && (before.text === 'local' || before.text === 'for')
  }

  /** The arguments that begin at token `from`, each from its first token to behind its last; undefined without an end. */
  #argumentsFrom(from: number): readonly (readonly [number, number])[] | undefined {
    const all: [number, number][] = []
    let depth = 0
    let start = from
    for (let i = from; i < this.#tokens.length; i++) {
      const { kind, text } = this.#tokens[i] as LuaToken
      if (kind !== 'symbol') continue
      if (OPENING.has(text)) depth++
      else if (CLOSING.has(text)) {
        if (depth-- === 0) {
          if (i > start) all.push([start, i])
          return all
        }
      } else if (text === ',' && depth === 0) {
        all.push([start, i])
        start = i + 1
      }
    }
    return undefined
  }

  #isSymbol(i: number, text: string): boolean {
    const token = this.#tokens[i]
    return token?.kind === 'symbol' && token.text === text
  }
}
