/**
 * SLOWLOG: reading and clearing the log of slow commands.
 *
 * Runs on the main thread, which keeps the log (base/slowlog.ts); nothing here writes to it but RESET.
 */
import { asciiBytes } from '../base/bytes.js'
import { subcommandSyntax } from '../resp/errors.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const ENTRIES_SHOWN_DEFAULT = 10

function get(call: MainCall): void {
  const { reply, server } = call
  let count = ENTRIES_SHOWN_DEFAULT
  if (call.argc > 3) {
    reply.error(subcommandSyntax('slowlog', call.text(1)))
    return
  }
  if (call.argc === 3) {
    const asked = call.int64(2)
    if (asked === undefined || asked < -1n) {
      reply.errorText('ERR count should be greater than or equal to -1')
      return
    }
    count = asked === -1n ? server.slowlog.length : Number(asked)
  }
  const entries = server.slowlog.entries(count)
  reply.array(entries.length)
  for (const entry of entries) {
    reply.array(6)
    reply.integer(entry.id)
    reply.integer(entry.timestampS)
    reply.integer(entry.durationUs)
    reply.array(entry.argv.length)
    for (const argument of entry.argv) reply.bulkBytes(asciiBytes(argument))
    reply.bulkBytes(asciiBytes(entry.clientAddress))
    reply.bulkBytes(asciiBytes(entry.clientName))
  }
}

function length(call: MainCall): void {
  call.reply.integer(call.server.slowlog.length)
}

function reset(call: MainCall): void {
  call.server.slowlog.reset()
  call.reply.ok()
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'slowlog', [
    'GET [<count>]',
    '    Return the newest <count> entries of the slow log (default: 10, -1 means all).',
    '    An entry is made of:',
    '    id, timestamp, time in microseconds, array of arguments, client IP and port,',
    '    client name',
    'LEN',
    '    Return the number of entries in the slow log.',
    'RESET',
    '    Empty the slow log.',
  ])
}

export const slowlogCommands: readonly CommandSpec[] = [
  {
    name: 'slowlog',
    arity: -2,
    flags: [],
    group: 'server',
    since: '2.2.12',
    summary: 'Container of the commands for the log of slow commands.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      {
        name: 'get',
        arity: -2,
        flags: ['admin', 'loading', 'stale'],
        group: 'server',
        since: '2.2.12',
        summary: 'Returns the newest entries of the slow log.',
        complexity: 'O(N) where N is the number of entries returned',
        history: [['4.0.0', "The client's address, port and name stand in the reply."]],
        tips: ['request_policy:all_nodes', 'nondeterministic_output'],
        arguments: [{ name: 'count', type: 'integer', optional: true }],
        route: { on: 'main' },
        main: get,
      },
      {
        name: 'len',
        arity: 2,
        flags: ['admin', 'loading', 'stale'],
        group: 'server',
        since: '2.2.12',
        summary: 'Returns the number of entries in the slow log.',
        complexity: 'O(1)',
        tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
        route: { on: 'main' },
        main: length,
      },
      {
        name: 'reset',
        arity: 2,
        flags: ['admin', 'loading', 'stale'],
        group: 'server',
        since: '2.2.12',
        summary: 'Empties the slow log.',
        complexity: 'O(N) where N is the number of entries in the slow log',
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        route: { on: 'main' },
        main: reset,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale'],
        group: 'server',
        since: '6.2.0',
        summary: 'Returns what the subcommands are for.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: help,
      },
    ],
  },
]
