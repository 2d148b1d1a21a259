/** What scripts need to know of each command, by its id. Shard worker. */
import type { CommandFlag, CommandSpec } from '../commands/spec.js'
import { specs } from '../commands/table.js'
import { scriptCommands } from './script-commands.js'

/** Who answers a command of a script. */
export const Answerer = { nobody: 0, shard: 1, script: 2, mainThread: 3 } as const

export const Trait = { noscript: 1, write: 2, replicates: 4, denyOom: 8, read: 16 } as const

const TRAITS: readonly (readonly [CommandFlag, number])[] = [
  ['noscript', Trait.noscript],
  ['write', Trait.write | Trait.replicates],
  ['may_replicate', Trait.replicates],
  ['denyoom', Trait.denyOom],
  ['readonly', Trait.read],
]

export const traits = Uint8Array.from(specs, ({ flags }) => {
  let bits = 0
  for (const [flag, bit] of TRAITS) if (flags.includes(flag)) bits |= bit
  return bits
})

export const answerers = Uint8Array.from(specs, (spec, id) => {
  if (scriptCommands[id] !== null) return Answerer.script
  // A script runs no script, whatever the server allows.
  if (spec.route?.on === 'router' && spec.route.coordinator === 'script') return Answerer.nobody
  if (spec.shard !== undefined) return Answerer.shard
  return spec.main === undefined ? Answerer.nobody : Answerer.mainThread
})

/** The position of the one key where it is the same in every call, else 0. */
export const onlyKey = Uint8Array.from(specs, (spec: CommandSpec) => {
  if (spec.route?.on !== 'key' || spec.findKeys !== undefined || spec.keySpecs?.length !== 1) return 0
  const begin = spec.keySpecs[0]?.begin
  return typeof begin === 'object' && 'index' in begin ? begin.index : 0
})
