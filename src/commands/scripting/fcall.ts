/**
 * FCALL and FCALL_RO: functions of the libraries that FUNCTION LOAD has brought.
 *
 * Every shard knows all libraries. Runs in the shard worker that is the call's home, as EVAL does.
 */
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec, KeyFlag, KeySpec } from '../spec.js'

function call(shardCall: ShardCall): void {
  shardCall.self.scripts.callFunction(shardCall, false)
}

function callReadOnly(shardCall: ShardCall): void {
  shardCall.self.scripts.callFunction(shardCall, true)
}

function keys(flags: readonly KeyFlag[], notes: string): readonly KeySpec[] {
  return [{ flags, begin: { index: 2 }, find: { keyNumIndex: 0, firstKey: 1, keyStep: 1 }, notes }]
}

const shape = {
  arity: -3,
  group: 'scripting',
  since: '7.0.0',
  complexity: 'Depends on the function that is executed.',
  categories: ['scripting'],
  route: { on: 'router', coordinator: 'script' },
  arguments: [
    { name: 'function', type: 'string' },
    { name: 'numkeys', type: 'integer' },
    { name: 'key', type: 'key', keySpecIndex: 0, optional: true, multiple: true },
    { name: 'arg', type: 'string', optional: true, multiple: true },
  ],
} as const satisfies Partial<CommandSpec>

export const fcallCommands: readonly CommandSpec[] = [
  {
    ...shape,
    name: 'fcall',
    flags: ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys', 'movablekeys'],
    summary: 'Calls a function.',
    keySpecs: keys(
      ['RW', 'access', 'update'],
      'We cannot tell how the keys will be used so we assume the worst, RW and UPDATE',
    ),
    shard: call,
  },
  {
    ...shape,
    name: 'fcall_ro',
    flags: ['readonly', 'noscript', 'stale', 'skip_monitor', 'no_mandatory_keys', 'movablekeys'],
    summary: 'Calls a function that writes nothing.',
    keySpecs: keys(['RO', 'access'], 'We cannot tell how the keys will be used so we assume the worst, RO and ACCESS'),
    shard: callReadOnly,
  },
]
