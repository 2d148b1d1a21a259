/**
 * CONFIG: the settings at run time. What they are and how they are checked stands in `src/config/`.
 *
 * Runs on the main thread. Names and values are bytes (passwords need not be UTF-8): texts have one character a byte.
 */
import { errors } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { SessionView } from './server-services.js'
import type { CommandFlag, CommandSpec } from './spec.js'

/** CONFIG GET pattern [pattern ...] */
function get(call: MainCall): void {
  const settings = call.server.config.get(call.texts(2))
  call.reply.map(settings.size)
  for (const [name, value] of settings) {
    call.reply.bulkBytes(Buffer.from(name, 'latin1'))
    call.reply.bulkBytes(Buffer.from(value, 'latin1'))
  }
}

/** CONFIG SET name value [name value ...]: all of them, or none. */
function set(call: MainCall): void {
  if (call.argc % 2 !== 0) {
    call.reply.error(errors.syntax)
    return
  }
  const pairs: [string, string][] = []
  for (let i = 2; i < call.argc; i += 2) pairs.push([call.text(i), call.text(i + 1)])
  const { config, shardSettings, persistence } = call.server
  const result = config.set(pairs, { isLocal: isLocal(call.session), isLoading: persistence.state.loading !== null })
  if (typeof result === 'string') {
    call.reply.errorText(result)
  } else if (result === undefined && shardSettings.areApplied) {
    call.reply.ok()
  } else {
    const deferred = call.defer()
    const end = (fault: string | undefined): void => {
      shardSettings.whenApplied(() => {
        if (fault === undefined) deferred.reply.ok()
        else deferred.reply.errorText(fault)
        deferred.send()
      })
    }
    if (result === undefined) end(undefined)
    else void result.then(end)
  }
}

/** Whether the connection cannot come from another machine, for settings that may be `local`. */
export function isLocal(session: SessionView): boolean {
  return session.isUnixSocket || session.address.startsWith('127.') || session.address.startsWith('[::1]:')
}

/** @param everySetting also defaults that the file does not name */
export function rewriteConfiguration(call: MainCall, everySetting: boolean): void {
  const { server } = call
  const answer = (reply: ReplyWriter, fault: string | undefined): void => {
    if (fault === undefined) {
      server.log('warning', 'CONFIG REWRITE executed with success.')
      reply.ok()
    } else {
      reply.errorText(fault)
    }
  }
  const result = server.config.rewrite(everySetting)
  if (typeof result !== 'object') {
    answer(call.reply, result)
    return
  }
  const deferred = call.defer()
  void result.then((fault) => {
    answer(deferred.reply, fault)
    deferred.send()
  })
}

function resetStatistics(call: MainCall): void {
  call.server.resetStatistics()
  call.reply.ok()
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'config', [
    'GET <pattern> [<pattern> ...]',
    '    Show the settings whose names match.',
    'RESETSTAT',
    '    Set the counters that INFO shows back to zero.',
    'REWRITE',
    '    Bring the configuration file up to date.',
    'SET <directive> <value> [<directive> <value> ...]',
    '    Change settings: all of these, or none.',
  ])
}

const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale']
const OF_SETTINGS = 'O(N) where N is the number of settings that are named'

export const configCommands: readonly CommandSpec[] = [
  {
    name: 'config',
    arity: -2,
    flags: [],
    group: 'server',
    since: '2.0.0',
    summary: 'Holds the commands about the configuration.',
    complexity: 'That of the subcommand.',
    subcommands: [
      {
        name: 'get',
        arity: -3,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '2.0.0',
        summary: 'Shows settings.',
        complexity: OF_SETTINGS,
        history: [['7.0.0', 'Takes several patterns.']],
        arguments: [
          {
            name: 'parameter',
            type: 'block',
            multiple: true,
            arguments: [{ name: 'parameter', type: 'string' }],
          },
        ],
        route: { on: 'main' },
        main: get,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'server',
        since: '5.0.0',
        summary: 'Explains the subcommands.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: help,
      },
      {
        name: 'resetstat',
        arity: 2,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '2.0.0',
        summary: 'Sets the counters that INFO shows back to zero.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: resetStatistics,
      },
      {
        name: 'rewrite',
        arity: 2,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '2.8.0',
        summary: 'Brings the configuration file up to date with the settings in force.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: (call) => rewriteConfiguration(call, false),
      },
      {
        name: 'set',
        arity: -4,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '2.0.0',
        summary: 'Changes settings.',
        complexity: OF_SETTINGS,
        history: [['7.0.0', 'Takes several settings, and changes all of them or none.']],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        arguments: [
          {
            name: 'parameter_value',
            type: 'block',
            multiple: true,
            arguments: [
              { name: 'parameter', type: 'string' },
              { name: 'value', type: 'string' },
            ],
          },
        ],
        route: { on: 'main' },
        main: set,
      },
    ],
  },
]
