/**
 * EVAL, EVALSHA and their read-only kin.
 *
 * The main thread knows the scripts; the shard gets them by their digests, which stand in the first argument whatever the
 * command is (see router/scripts.ts). Runs in the shard worker that is the script's home.
 */
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec, CommandSpec, KeyFlag, KeySpec } from '../spec.js'

function evaluate(call: ShardCall): void {
  call.self.scripts.run(call, false)
}

function evaluateReadOnly(call: ShardCall): void {
  call.self.scripts.run(call, true)
}

function keys(flags: readonly KeyFlag[], notes?: string): readonly KeySpec[] {
  const keySpec: KeySpec = { flags, begin: { index: 2 }, find: { keyNumIndex: 0, firstKey: 1, keyStep: 1 } }
  return [notes === undefined ? keySpec : { ...keySpec, notes }]
}

function scriptArguments(name: string): readonly ArgumentSpec[] {
  return [
    { name, type: 'string' },
    { name: 'numkeys', type: 'integer' },
    { name: 'key', type: 'key', keySpecIndex: 0, optional: true, multiple: true },
    { name: 'arg', type: 'string', optional: true, multiple: true },
  ]
}

const shape = {
  arity: -3,
  group: 'scripting',
  complexity: 'Depends on the script that is executed.',
  categories: ['scripting'],
  route: { on: 'router', coordinator: 'script' },
} as const satisfies Partial<CommandSpec>

export const evalCommands: readonly CommandSpec[] = [
  {
    ...shape,
    name: 'eval',
    flags: ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys', 'movablekeys'],
    since: '2.6.0',
    summary: 'Runs a Lua script on the server.',
    keySpecs: keys(
      ['RW', 'access', 'update'],
      'We cannot tell how the keys will be used so we assume the worst, RW and UPDATE',
    ),
    arguments: scriptArguments('script'),
    shard: evaluate,
  },
  {
    ...shape,
    name: 'evalsha',
    flags: ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys', 'movablekeys'],
    since: '2.6.0',
    summary: 'Runs a Lua script that the server knows, by its SHA1 digest.',
    keySpecs: keys(['RW', 'access', 'update']),
    arguments: scriptArguments('sha1'),
    shard: evaluate,
  },
  {
    ...shape,
    name: 'eval_ro',
    flags: ['readonly', 'noscript', 'stale', 'skip_monitor', 'no_mandatory_keys', 'movablekeys'],
    since: '7.0.0',
    summary: 'Runs a Lua script that writes nothing.',
    keySpecs: keys(['RO', 'access'], 'We cannot tell how the keys will be used so we assume the worst, RO and ACCESS'),
    arguments: scriptArguments('script'),
    shard: evaluateReadOnly,
  },
  {
    ...shape,
    name: 'evalsha_ro',
    flags: ['readonly', 'noscript', 'stale', 'skip_monitor', 'no_mandatory_keys', 'movablekeys'],
    since: '7.0.0',
    summary: 'Runs a Lua script that the server knows and that writes nothing, by its SHA1 digest.',
    keySpecs: keys(['RO', 'access']),
    arguments: scriptArguments('sha1'),
    shard: evaluateReadOnly,
  },
]
