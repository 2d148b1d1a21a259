/**
 * Rules that hold for every entry of the command table, whatever it does: they are what dispatcher, router and shards take
 * for granted when they look at an entry.
 */
import { describe, expect, it } from 'vitest'
import { ACL_CATEGORIES } from '../src/commands/acl.js'
import type { ArgumentSpec, CommandSpec, KeySpec } from '../src/commands/spec.js'
import {
  arityFits,
  categoriesOf,
  commands,
  containerOf,
  findCommandId,
  findSubcommandId,
  fullNameOf,
  idOf,
  isContainer,
  keyPositions,
  lookup,
  specs,
} from '../src/commands/table.js'
import { sessionCommands } from '../src/net/transaction-commands.js'
import { coordinators } from '../src/router/coordinators.js'

/** Every flag that an entry may have: those of COMMAND INFO, and those that Redis keeps to itself. */
const FLAGS = new Set([
  ...['write', 'readonly', 'denyoom', 'module', 'admin', 'pubsub', 'noscript', 'blocking', 'loading', 'stale'],
  ...['skip_monitor', 'skip_slowlog', 'asking', 'fast', 'no_auth', 'may_replicate', 'sentinel', 'only_sentinel'],
  ...['no_mandatory_keys', 'protected', 'no_async_loading', 'no_multi', 'movablekeys', 'allow_busy'],
])

/** What Redis's response policies (the tips of an entry) say about the way in which the router merges the parts. */
const MERGE_OF_TIP: Readonly<Record<string, string>> = {
  'response_policy:agg_sum': 'sum',
  'response_policy:all_succeeded': 'all_succeeded',
}

const clientSpecs = specs.filter((spec) => spec.internal !== true)
const internalSpecs = specs.filter((spec) => spec.internal === true)

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

function find(name: string): number {
  return findCommandId(bytesOf(name), 0, name.length)
}

function findInside(container: string, name: string): number {
  return findSubcommandId(find(container), bytesOf(name), 0, name.length)
}

/** How the dispatcher runs an entry. */
function waysToRun(spec: CommandSpec): string[] {
  const ways: string[] = []
  if (spec.shard !== undefined) ways.push('shard')
  if (spec.main !== undefined) ways.push('main')
  if (spec.group === 'transactions' && sessionCommands[spec.name] !== undefined) ways.push('session')
  if (spec.subcommands !== undefined && ways.length === 0) ways.push('container')
  if (ways.length === 0 && isCoordinatorsAlone(spec)) ways.push('coordinator')
  return ways
}

/** MIGRATE: no shard can run it as it is, and so its coordinator always does. */
function isCoordinatorsAlone({ route }: CommandSpec): boolean {
  return (
    route?.on === 'hops' && route.reach?.(new Uint8Array(0), new Int32Array(0), new Int32Array(0), 0) === 'elsewhere'
  )
}

interface Word {
  readonly text: string
  readonly isKey: boolean
}

/** A call that fits the entry's arguments: each optional one, or none; what may stand several times stands `times` times. */
function sampleCall(spec: CommandSpec, withOptions: boolean, times: number): Word[] {
  const container = containerOf(spec)
  const words: Word[] = container === undefined ? [] : [{ text: container.name, isKey: false }]
  words.push({ text: spec.name, isKey: false })
  for (const argument of spec.arguments ?? []) appendSample(words, argument, withOptions, times)
  return words
}

function appendSample(words: Word[], argument: ArgumentSpec, withOptions: boolean, times: number): void {
  if (argument.optional === true && !withOptions) return
  const repeated = argument.multiple === true ? times : 1
  for (let i = 0; i < repeated; i++) {
    if (argument.token !== undefined && (i === 0 || argument.multipleToken === true)) {
      words.push({ text: argument.token, isKey: false })
    }
    switch (argument.type) {
      case 'pure-token':
        break
      case 'oneof':
        appendSample(words, argument.arguments?.[0] as ArgumentSpec, withOptions, times)
        break
      case 'block':
        for (const part of argument.arguments ?? []) appendSample(words, part, withOptions, times)
        break
      case 'integer':
        words.push({ text: argument.name === 'numkeys' ? String(times) : '1', isKey: false })
        break
      default:
        words.push({ text: `word:${words.length}`, isKey: argument.type === 'key' })
    }
  }
}

function keysFoundIn(spec: CommandSpec, words: readonly Word[]): number[] {
  const lengths = Int32Array.from(words, ({ text }) => text.length)
  const offsets = new Int32Array(words.length)
  for (let i = 1; i < words.length; i++) offsets[i] = (offsets[i - 1] as number) + (lengths[i - 1] as number)
  const positions: number[] = []
  keyPositions(spec, bytesOf(words.map(({ text }) => text).join('')), offsets, lengths, words.length, positions)
  return positions
}

/** The highest position that a call with the fewest arguments must have for this specification to find a key. */
function lastPositionNeeded({ begin, find }: KeySpec): number {
  if (begin === 'unknown' || find === 'unknown' || !('index' in begin)) return 0
  if ('keyNumIndex' in find) return begin.index + find.firstKey
  return begin.index + Math.max(0, find.lastKey)
}

describe('every entry', () => {
  it('is there once, under a name of its own in lower case', () => {
    const names = specs.map(fullNameOf)
    expect(new Set(names).size).toBe(names.length)
    for (const spec of clientSpecs) expect(spec.name).toMatch(/^[a-z][a-z0-9]*(?:[-_][a-z]+)*$/)
  })

  it('has an id that fits its 16 bits of a frame, and the signed ones of the lookup', () => {
    for (const spec of specs) {
      expect(specs[idOf(spec)]).toBe(spec)
      expect(idOf(spec)).toBeLessThan(1 << 15)
    }
  })

  it('has one way to run', () => {
    for (const spec of specs) expect(waysToRun(spec), fullNameOf(spec)).toHaveLength(1)
  })

  it('has a route that goes where its handler is', () => {
    for (const spec of specs) {
      const on = spec.route?.on
      const name = fullNameOf(spec)
      if (spec.shard !== undefined) {
        expect(on, `${name} runs on a shard`).toBeDefined()
        expect(on, `${name} runs on a shard`).not.toBe('main')
      } else if (spec.main !== undefined) {
        expect(on, `${name} runs on the main thread`).toBe('main')
      } else if (!isCoordinatorsAlone(spec)) {
        expect(on, `${name} has nothing to route`).toBeUndefined()
      }
    }
  })

  it('has an arity with room for its keys', () => {
    for (const spec of specs) {
      expect(spec.arity).not.toBe(0)
      if (spec.flags.includes('no_mandatory_keys')) continue
      for (const [i, keySpec] of (spec.keySpecs ?? []).entries()) {
        // Its destination may stand alone.
        if (spec.name === 'pfmerge' && i === 1) continue
        // The arguments of these may be none.
        if (keySpec.flags.includes('not_key')) continue
        if (spec.name === 'shard.serve' || spec.name === 'shard.import-many') continue
        expect(lastPositionNeeded(keySpec), fullNameOf(spec)).toBeLessThan(Math.abs(spec.arity))
      }
    }
  })

  it('has flags that exist, each once, and that agree', () => {
    for (const spec of specs) {
      const { flags } = spec
      const name = fullNameOf(spec)
      expect(
        flags.filter((flag) => !FLAGS.has(flag)),
        name,
      ).toEqual([])
      expect(new Set(flags).size, name).toBe(flags.length)
      expect(flags.includes('write') && flags.includes('readonly'), `${name} writes or only reads`).toBe(false)
      if (flags.includes('denyoom'))
        expect(flags, `${name} can only be refused for memory if it writes`).toContain('write')
    }
  })

  it('has categories that exist, and is fast or slow', () => {
    for (const spec of clientSpecs) {
      const own = spec.categories ?? []
      const all = categoriesOf(spec)
      const name = fullNameOf(spec)
      expect(
        own.filter((category) => !ACL_CATEGORIES.includes(category)),
        name,
      ).toEqual([])
      expect(
        own.filter((category) => !all.includes(category)),
        `${name}: categories that get lost`,
      ).toEqual([])
      expect(all.includes('fast') !== all.includes('slow'), name).toBe(true)
    }
  })
})

describe('every command with keys', () => {
  const withKeys = clientSpecs.filter((spec) => (spec.keySpecs ?? []).length > 0)

  it.each([
    [false, 1],
    [false, 3],
    [true, 1],
    [true, 3],
  ])('finds those of a call (options: %s, times: %i)', (withOptions, times) => {
    expect(withKeys.length).toBeGreaterThan(40)
    for (const spec of withKeys) {
      // They take one of two options with keys, and the sample would have both.
      if (['migrate', 'georadius', 'georadiusbymember'].includes(spec.name) && withOptions) continue
      const words = sampleCall(spec, withOptions, times)
      const shown = words.map(({ text }) => text).join(' ')
      expect(arityFits(idOf(spec), words.length), `arity of: ${shown}`).toBe(true)
      expect(keysFoundIn(spec, words), shown).toEqual(words.flatMap(({ isKey }, i) => (isKey ? [i] : [])))
    }
  })

  it('has a shard to go to by them', () => {
    for (const spec of clientSpecs) {
      if (spec.route?.on !== 'key') continue
      expect(
        spec.keySpecs?.length ?? 0,
        `${fullNameOf(spec)} goes to the shard of a key that it does not have`,
      ).toBeGreaterThan(0)
    }
  })
})

describe('every command over several shards', () => {
  it('names a coordinator that exists, and none is there for nothing', () => {
    const named = new Set(
      specs.flatMap(({ route }) => (route !== undefined && 'coordinator' in route ? [route.coordinator] : [])),
    )
    expect([...named].sort()).toEqual(Object.keys(coordinators).sort())
  })

  it('is merged as its tips say', () => {
    for (const spec of clientSpecs) {
      const { route } = spec
      if (route?.on !== 'split' && route?.on !== 'shards') continue
      const tip = spec.tips?.find((one) => one.startsWith('response_policy:'))
      // Without a tip, Redis's default: replies go back to their keys' places, or without keys in any order.
      const byDefault = route.on === 'split' ? 'array_by_key' : 'concat'
      const expected = tip === undefined ? byDefault : MERGE_OF_TIP[tip]
      if (spec.name === 'swapdb') {
        // One shard is one server to Redis, so that it has no policy for exchanging databases on several.
        expect(tip).toBeUndefined()
        expect(route.merge).toBe('all_succeeded')
      } else {
        expect(route.merge, fullNameOf(spec)).toBe(expected)
      }
    }
  })

  it('that is split has nothing but its keys and what belongs to each', () => {
    for (const spec of clientSpecs) {
      if (spec.route?.on !== 'split') continue
      // The router gives each shard its keys with their values: an argument that stands once would get lost.
      expect(spec.keySpecs, fullNameOf(spec)).toHaveLength(1)
      expect(spec.keySpecs?.[0], fullNameOf(spec)).toMatchObject({
        begin: { index: 1 },
        find: { lastKey: -1, limit: 0 },
      })
      expect(spec.arguments, fullNameOf(spec)).toHaveLength(1)
      expect(spec.arguments?.[0]?.multiple, fullNameOf(spec)).toBe(true)
    }
  })

  it('with dependent parts has keys to lock', () => {
    for (const spec of clientSpecs) {
      if (spec.route?.on === 'hops') expect(spec.keySpecs?.length ?? 0, fullNameOf(spec)).toBeGreaterThan(0)
    }
  })
})

describe('lookup', () => {
  it('finds every command of clients by its name in any case', () => {
    for (const spec of clientSpecs) {
      const container = containerOf(spec)
      for (const name of [spec.name, spec.name.toUpperCase()]) {
        const id = container === undefined ? find(name) : findInside(container.name, name)
        expect(id, fullNameOf(spec)).toBe(idOf(spec))
      }
      expect(container === undefined ? lookup(spec.name) : lookup(container.name, spec.name)).toBe(spec)
    }
  })

  it('lets no client at internal commands', () => {
    expect(internalSpecs.length).toBeGreaterThan(10)
    const containers = commands.filter((command) => isContainer(idOf(command)))
    for (const spec of internalSpecs) {
      expect(find(spec.name), spec.name).toBe(-1)
      for (const container of containers) expect(findInside(container.name, spec.name), spec.name).toBe(-1)
      // A name that no command of Redis can have, so that an entry that gets into the wrong array is seen here.
      expect(spec.name).toMatch(/^shard\.[a-z-]+$/)
    }
    for (const spec of clientSpecs) expect(spec.name).not.toContain('shard.')
  })

  it('goes one level deep', () => {
    for (const command of commands) {
      for (const subcommand of command.subcommands ?? []) {
        expect(subcommand.subcommands, fullNameOf(subcommand)).toBeUndefined()
        expect(containerOf(subcommand)).toBe(command)
      }
    }
  })
})

describe('documentation', () => {
  it('has words for every command', () => {
    for (const spec of clientSpecs) {
      const name = fullNameOf(spec)
      expect(spec.summary, name).toMatch(/^[A-Z].*[.?]$/)
      expect(spec.since, name).toMatch(/^\d+\.\d+\.\d+$/)
    }
  })
})
