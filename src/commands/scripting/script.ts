/**
 * SCRIPT: the scripts that the server knows, and the end of one that runs for too long.
 *
 * Runs on the main thread, which keeps the scripts; shards get them when they first need them.
 */
import { encodeError } from '../../resp/errors.js'
import { writeHelp } from '../help-reply.js'
import type { MainCall } from '../main-call.js'
import type { CommandSpec } from '../spec.js'

const NOT_BUSY = encodeError('NOTBUSY No scripts in execution right now.')
const HAS_WRITTEN = encodeError(
  'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script ' +
    'termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.',
)
/** Whoever is busy says which command ends it. */
export const BUSY_SCRIPT = encodeError(
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
)
export const BUSY_FUNCTION = encodeError(
  'BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.',
)

function load(call: MainCall): void {
  const loaded = call.server.scripts.load(call.copy(2))
  if (typeof loaded === 'string') call.reply.errorText(loaded)
  else call.reply.bulkBytes(loaded)
}

function exists(call: MainCall): void {
  const { bytes, offsets, lengths, argc, reply } = call
  reply.array(argc - 2)
  for (let i = 2; i < argc; i++) {
    reply.integer(call.server.scripts.has(bytes, offsets[i] as number, lengths[i] as number) ? 1 : 0)
  }
}

function flush(call: MainCall): void {
  const mode = call.argc === 3 ? call.word(2) : ''
  if (call.argc > 3 || !['', 'sync', 'async'].includes(mode)) {
    call.reply.errorText('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
    return
  }
  call.server.scripts.flush()
  call.reply.ok()
}

function kill(call: MainCall): void {
  killScript(call, false)
}

/** SCRIPT KILL, and FUNCTION KILL. */
export function killScript(call: MainCall, isFunction: boolean): void {
  switch (call.server.scripts.kill(isFunction)) {
    case 'killed':
      call.reply.ok()
      return
    case 'not-busy':
      call.reply.error(NOT_BUSY)
      return
    case 'written':
      call.reply.error(HAS_WRITTEN)
      return
    case 'other-kind':
      call.reply.error(isFunction ? BUSY_SCRIPT : BUSY_FUNCTION)
  }
}

function debug(call: MainCall): void {
  const mode = call.word(2)
  if (mode === 'no') call.reply.ok()
  else if (mode === 'yes' || mode === 'sync') call.reply.errorText('ERR The debugger of scripts is not supported')
  else call.reply.errorText('ERR Use SCRIPT DEBUG YES/SYNC/NO')
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'script', [
    'DEBUG (YES|SYNC|NO)',
    '    Only NO is possible: there is no debugger.',
    'EXISTS <sha1> [<sha1> ...]',
    '    Tell of each digest whether the server knows its script.',
    'FLUSH [ASYNC|SYNC]',
    '    Forget all scripts. Both modes do the same.',
    'KILL',
    '    End the script that is running, if it has not written yet.',
    'LOAD <script>',
    '    Have the server know a script, and return its digest.',
  ])
}

const shape = {
  group: 'scripting',
  categories: ['scripting'],
  route: { on: 'main' },
} as const satisfies Partial<CommandSpec>

export const scriptCommands: readonly CommandSpec[] = [
  {
    name: 'script',
    group: 'scripting',
    arity: -2,
    flags: [],
    since: '2.6.0',
    summary: 'Commands that manage scripts.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      {
        ...shape,
        name: 'debug',
        arity: 3,
        flags: ['noscript'],
        since: '3.2.0',
        summary: 'Sets the debug mode of scripts.',
        complexity: 'O(1)',
        arguments: [
          {
            name: 'mode',
            type: 'oneof',
            arguments: [
              { name: 'yes', type: 'pure-token', token: 'YES' },
              { name: 'sync', type: 'pure-token', token: 'SYNC' },
              { name: 'no', type: 'pure-token', token: 'NO' },
            ],
          },
        ],
        main: debug,
      },
      {
        ...shape,
        name: 'exists',
        arity: -3,
        flags: ['noscript'],
        since: '2.6.0',
        summary: 'Tells which scripts the server knows.',
        complexity:
          'O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).',
        tips: ['request_policy:all_shards', 'response_policy:agg_logical_and'],
        arguments: [{ name: 'sha1', type: 'string', multiple: true }],
        main: exists,
      },
      {
        ...shape,
        name: 'flush',
        arity: -2,
        flags: ['noscript'],
        since: '2.6.0',
        summary: 'Forgets all scripts.',
        complexity: 'O(N) with N being the number of scripts in cache',
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        history: [['6.2.0', 'Added the `ASYNC` and `SYNC` flushing mode modifiers.']],
        arguments: [
          {
            name: 'async',
            type: 'oneof',
            optional: true,
            since: '6.2.0',
            arguments: [
              { name: 'async', type: 'pure-token', token: 'ASYNC' },
              { name: 'sync', type: 'pure-token', token: 'SYNC' },
            ],
          },
        ],
        main: flush,
      },
      {
        ...shape,
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        since: '5.0.0',
        summary: 'Shows a text about the subcommands.',
        complexity: 'O(1)',
        main: help,
      },
      {
        ...shape,
        name: 'kill',
        arity: 2,
        flags: ['noscript', 'allow_busy'],
        since: '2.6.0',
        summary: 'Ends the script that is running.',
        complexity: 'O(1)',
        tips: ['request_policy:all_shards', 'response_policy:one_succeeded'],
        main: kill,
      },
      {
        ...shape,
        name: 'load',
        arity: 3,
        flags: ['noscript', 'stale'],
        since: '2.6.0',
        summary: 'Has the server know a script.',
        complexity: 'O(N) with N being the length in bytes of the script body.',
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        arguments: [{ name: 'script', type: 'string' }],
        main: load,
      },
    ],
  },
]
