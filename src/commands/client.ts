/**
 * CLIENT and its subcommands. The handlers of the larger ones stand in files of their own.
 *
 * Runs on the main thread.
 */
import { encodeError, errors, subcommandSyntax } from '../resp/errors.js'
import { CLIENT_NAME_REFUSED, isPlainWord } from './client-attributes.js'
import { killClients } from './client-kill.js'
import { clientInfo, listClients } from './client-list.js'
import { caching, getRedirection, tracking, trackingInfo } from './client-tracking.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { ArgumentSpec, CommandFlag, CommandSpec, MainHandler } from './spec.js'

const PAUSE_MODE_UNKNOWN = encodeError('ERR CLIENT PAUSE mode must be WRITE or ALL')
const TIMEOUT_NOT_AN_INTEGER = encodeError('ERR timeout is not an integer or out of range')
const TIMEOUT_NEGATIVE = encodeError('ERR timeout is negative')
const UNBLOCK_REASON_UNKNOWN = encodeError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')

function id(call: MainCall): void {
  call.reply.integer(call.session.id)
}

function getName(call: MainCall): void {
  if (call.session.name === '') call.reply.nil()
  else call.reply.bulkText(call.session.name)
}

/** CLIENT SETNAME name; an empty name takes the name away. */
function setName(call: MainCall): void {
  const name = call.text(2)
  if (!isPlainWord(name)) {
    call.reply.error(CLIENT_NAME_REFUSED)
    return
  }
  call.session.name = name
  call.reply.ok()
}

/** CLIENT SETINFO LIB-NAME|LIB-VER value */
function setInfo(call: MainCall): void {
  const option = call.word(2)
  if (option !== 'lib-name' && option !== 'lib-ver') {
    call.reply.errorText(`ERR Unrecognized option '${call.text(2)}'`)
    return
  }
  const value = call.text(3)
  if (!isPlainWord(value)) {
    call.reply.errorText(`ERR ${call.text(2)} cannot contain spaces, newlines or special characters.`)
    return
  }
  if (option === 'lib-name') call.session.libraryName = value
  else call.session.libraryVersion = value
  call.reply.ok()
}

/** CLIENT REPLY ON|OFF|SKIP: the one command that may write no reply. */
function replyMode(call: MainCall): void {
  switch (call.word(2)) {
    case 'on':
      call.session.replyMode = 'on'
      call.reply.ok()
      break
    case 'off':
      call.session.replyMode = 'off'
      break
    case 'skip':
      if (call.session.replyMode !== 'off') call.session.replyMode = 'skip-next'
      break
    default:
      call.reply.error(errors.syntax)
  }
}

/** CLIENT PAUSE timeout [WRITE|ALL] */
function pause(call: MainCall): void {
  if (call.argc > 4) {
    call.reply.error(subcommandSyntax('client', call.text(1)))
    return
  }
  const mode = call.argc === 4 ? call.word(3) : 'all'
  if (mode !== 'write' && mode !== 'all') {
    call.reply.error(PAUSE_MODE_UNKNOWN)
    return
  }
  const timeoutMs = call.int64(2)
  if (timeoutMs === undefined) call.reply.error(TIMEOUT_NOT_AN_INTEGER)
  else if (timeoutMs < 0n) call.reply.error(TIMEOUT_NEGATIVE)
  else {
    call.server.pauseClients(timeoutMs === 0n ? 0 : call.nowMs + Number(timeoutMs), mode)
    call.reply.ok()
  }
}

function unpause(call: MainCall): void {
  call.server.unpauseClients()
  call.reply.ok()
}

/** CLIENT UNBLOCK id [TIMEOUT|ERROR] */
function unblock(call: MainCall): void {
  if (call.argc > 4) {
    call.reply.error(subcommandSyntax('client', call.text(1)))
    return
  }
  const reason = call.argc === 4 ? call.word(3) : 'timeout'
  if (reason !== 'timeout' && reason !== 'error') {
    call.reply.error(UNBLOCK_REASON_UNKNOWN)
    return
  }
  const target = call.int64(2)
  if (target === undefined) {
    call.reply.error(errors.notAnInteger)
    return
  }
  const deferred = call.defer()
  call.server.unblock(Number(target), reason === 'error', (isUnblocked) => {
    deferred.reply.integer(isUnblocked ? 1 : 0)
    deferred.send()
  })
}

/** The argument after the subcommand as ON or OFF; undefined, with the error written, when it is neither. */
function readSwitch(call: MainCall): boolean | undefined {
  const word = call.word(2)
  if (word === 'on') return true
  if (word === 'off') return false
  call.reply.error(errors.syntax)
  return undefined
}

function noEvict(call: MainCall): void {
  const enabled = readSwitch(call)
  if (enabled === undefined) return
  call.session.noEvict = enabled
  call.reply.ok()
}

function noTouch(call: MainCall): void {
  const enabled = readSwitch(call)
  if (enabled === undefined) return
  call.session.noTouch = enabled
  call.reply.ok()
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'client', [
    'CACHING (YES|NO)',
    '    Track the keys of the next command in OPTIN mode, or do not in OPTOUT mode.',
    'GETNAME',
    "    Show this connection's name.",
    'GETREDIR',
    '    Show the id of the connection that is told of tracked keys in the place of this one.',
    'ID',
    "    Show this connection's id.",
    'INFO',
    '    Show what is known of this connection.',
    'KILL <ip:port>',
    '    Close the connection that comes from <ip:port>.',
    'KILL <option> <value> [<option> <value> [...]]',
    '    Close the connections that all options name. They are:',
    '    * ADDR (<ip:port>|<unixsocket>:0)',
    '      where the connection comes from',
    '    * LADDR (<ip:port>|<unixsocket>:0)',
    '      the local address that it uses',
    '    * ID <id>',
    '      the id of the connection',
    '    * MAXAGE <seconds>',
    '      connections that are at least this old',
    '    * SKIPME (YES|NO)',
    '      whether to spare this connection (default: yes)',
    '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
    '      what the connection is used for',
    '    * USER <username>',
    '      connections that have authenticated as <username>',
    'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <id> [<id> ...]]',
    '    Show what is known of all connections, or of those.',
    'NO-EVICT (ON|OFF)',
    '    Exempt this connection from eviction, or not.',
    'NO-TOUCH (ON|OFF)',
    "    Let this connection's commands leave the access times of keys alone, or not.",
    'PAUSE <timeout> [WRITE|ALL]',
    '    Hold back all commands, or just writes, for <timeout> milliseconds.',
    'REPLY (ON|OFF|SKIP)',
    '    Say which replies this connection wants.',
    'SETINFO (LIB-NAME|LIB-VER) <value>',
    "    Name this connection's library, or its version.",
    'SETNAME <name>',
    '    Name this connection.',
    'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]',
    '         [OPTIN] [OPTOUT] [NOLOOP]',
    '    Tell this connection of changes of keys that it has cached, or stop that.',
    'TRACKINGINFO',
    '    Show what this connection tracks, and how.',
    'UNBLOCK <clientid> [TIMEOUT|ERROR]',
    '    End the wait of a connection that is blocked.',
    'UNPAUSE',
    '    Let the commands that a pause holds back go on.',
  ])
}

const PLAIN_FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'sentinel']
const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', ...PLAIN_FLAGS]

/** What all subcommands of CLIENT have in common. */
function subcommand(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  since: string,
  summary: string,
  main: MainHandler,
  more: Partial<CommandSpec> = {},
): CommandSpec {
  return {
    name,
    arity,
    flags,
    group: 'connection',
    since,
    summary,
    complexity: 'O(1)',
    categories: ['connection'],
    route: { on: 'main' },
    main,
    ...more,
  }
}

function token(word: string, since?: string): ArgumentSpec {
  return { name: word.toLowerCase(), type: 'pure-token', token: word, ...(since === undefined ? {} : { since }) }
}

const OF_ALL_CONNECTIONS = 'O(N) where N is the number of connections'

export const clientCommands: readonly CommandSpec[] = [
  {
    name: 'client',
    arity: -2,
    flags: ['sentinel'],
    group: 'connection',
    since: '2.4.0',
    summary: 'Holds the commands about connections.',
    complexity: 'That of the subcommand.',
    subcommands: [
      subcommand(
        'caching',
        3,
        PLAIN_FLAGS,
        '6.0.0',
        'Says whether the keys of the next command are tracked.',
        caching,
        {
          arguments: [{ name: 'mode', type: 'oneof', arguments: [token('YES'), token('NO')] }],
        },
      ),
      subcommand('getname', 2, PLAIN_FLAGS, '2.6.9', "Answers the connection's name.", getName),
      subcommand(
        'getredir',
        2,
        PLAIN_FLAGS,
        '6.0.0',
        'Answers the id of the connection that is told of tracked keys in the place of this one.',
        getRedirection,
      ),
      subcommand('help', 2, ['loading', 'stale', 'sentinel'], '5.0.0', 'Explains the subcommands.', help),
      subcommand('id', 2, PLAIN_FLAGS, '5.0.0', "Answers the connection's id.", id),
      subcommand('info', 2, PLAIN_FLAGS, '6.2.0', 'Shows what is known of the connection.', clientInfo, {
        tips: ['nondeterministic_output'],
      }),
      subcommand('kill', -3, ADMIN_FLAGS, '2.4.0', 'Closes connections.', killClients, {
        complexity: OF_ALL_CONNECTIONS,
        history: [
          ['2.8.12', 'Filters besides the address of a single connection.'],
          ['2.8.12', 'The filter `ID`.'],
          ['3.2.0', '`TYPE` knows `master`.'],
          ['5.0.0', '`TYPE` knows `replica`, and `slave` as its former name.'],
          ['6.2.0', 'The filter `LADDR`.'],
          ['7.4.0', 'The filter `MAXAGE`.'],
        ],
        arguments: [
          {
            name: 'filter',
            type: 'oneof',
            arguments: [
              { name: 'ip:port', type: 'string', deprecatedSince: '2.8.12' },
              {
                name: 'new-format',
                type: 'oneof',
                multiple: true,
                arguments: [
                  { name: 'client-id', type: 'integer', token: 'ID', since: '2.8.12', optional: true },
                  {
                    name: 'normal_master_slave_pubsub',
                    type: 'oneof',
                    token: 'TYPE',
                    since: '2.8.12',
                    optional: true,
                    arguments: [
                      token('NORMAL'),
                      token('MASTER', '3.2.0'),
                      token('SLAVE'),
                      token('REPLICA', '5.0.0'),
                      token('PUBSUB'),
                    ],
                  },
                  { name: 'username', type: 'string', token: 'USER', optional: true },
                  { name: 'ip:port', type: 'string', token: 'ADDR', optional: true },
                  { name: 'ip:port', type: 'string', token: 'LADDR', since: '6.2.0', optional: true },
                  { name: 'yes/no', type: 'string', token: 'SKIPME', optional: true },
                  { name: 'maxage', type: 'integer', token: 'MAXAGE', since: '7.4.0', optional: true },
                ],
              },
            ],
          },
        ],
      }),
      subcommand('list', -2, ADMIN_FLAGS, '2.4.0', 'Shows what is known of all connections.', listClients, {
        complexity: OF_ALL_CONNECTIONS,
        tips: ['nondeterministic_output'],
        history: [
          ['2.8.12', 'The field `id`.'],
          ['5.0.0', 'The filter `TYPE`.'],
          ['6.0.0', 'The field `user`.'],
          ['6.2.0', 'The fields `argv-mem`, `tot-mem`, `laddr` and `redir`, and the filter `ID`.'],
          ['7.0.0', 'The fields `resp`, `multi-mem`, `rbs` and `rbp`.'],
          ['7.0.3', 'The field `ssub`.'],
          ['7.2.0', 'The fields `lib-name` and `lib-ver`.'],
          ['7.4.0', 'The field `watch`.'],
        ],
        arguments: [
          {
            name: 'normal_master_replica_pubsub',
            type: 'oneof',
            token: 'TYPE',
            since: '5.0.0',
            optional: true,
            arguments: [token('NORMAL'), token('MASTER'), token('REPLICA'), token('PUBSUB')],
          },
          {
            name: 'id',
            type: 'block',
            token: 'ID',
            since: '6.2.0',
            optional: true,
            arguments: [{ name: 'client-id', type: 'integer', multiple: true }],
          },
        ],
      }),
      subcommand('no-evict', 3, ADMIN_FLAGS, '7.0.0', 'Exempts the connection from eviction, or not.', noEvict, {
        arguments: [{ name: 'enabled', type: 'oneof', arguments: [token('ON'), token('OFF')] }],
      }),
      subcommand(
        'no-touch',
        3,
        PLAIN_FLAGS,
        '7.2.0',
        "Lets the connection's commands leave the access times of keys alone, or not.",
        noTouch,
        { arguments: [{ name: 'enabled', type: 'oneof', arguments: [token('ON'), token('OFF')] }] },
      ),
      subcommand('pause', -3, ADMIN_FLAGS, '2.9.50', 'Holds back commands for some time.', pause, {
        history: [['6.2.0', '`WRITE` holds back writes only; the option for it.']],
        arguments: [
          { name: 'timeout', type: 'integer' },
          {
            name: 'mode',
            type: 'oneof',
            since: '6.2.0',
            optional: true,
            arguments: [token('WRITE'), token('ALL')],
          },
        ],
      }),
      subcommand('reply', 3, PLAIN_FLAGS, '3.2.0', 'Says which replies the connection wants.', replyMode, {
        arguments: [{ name: 'on_off_skip', type: 'oneof', arguments: [token('ON'), token('OFF'), token('SKIP')] }],
      }),
      subcommand('setinfo', 4, PLAIN_FLAGS, '7.2.0', "Names the connection's library, or its version.", setInfo, {
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        arguments: [
          {
            name: 'attr',
            type: 'oneof',
            arguments: [
              { name: 'libname', type: 'string', token: 'LIB-NAME' },
              { name: 'libver', type: 'string', token: 'LIB-VER' },
            ],
          },
        ],
      }),
      subcommand('setname', 3, PLAIN_FLAGS, '2.6.9', 'Names the connection.', setName, {
        arguments: [{ name: 'connection-name', type: 'string' }],
      }),
      subcommand(
        'tracking',
        -3,
        PLAIN_FLAGS,
        '6.0.0',
        'Tells the connection of changes of keys that it has cached.',
        tracking,
        {
          complexity: 'O(1), and more with some options.',
          arguments: [
            { name: 'status', type: 'oneof', arguments: [token('ON'), token('OFF')] },
            { name: 'client-id', type: 'integer', token: 'REDIRECT', optional: true },
            { name: 'prefix', type: 'string', token: 'PREFIX', optional: true, multiple: true, multipleToken: true },
            ...['BCAST', 'OPTIN', 'OPTOUT', 'NOLOOP'].map((word) => ({ ...token(word), optional: true })),
          ],
        },
      ),
      subcommand('trackinginfo', 2, PLAIN_FLAGS, '6.2.0', 'Shows what the connection tracks, and how.', trackingInfo),
      subcommand('unblock', -3, ADMIN_FLAGS, '5.0.0', 'Ends the wait of a connection that is blocked.', unblock, {
        complexity: 'O(log N) where N is the number of connections',
        arguments: [
          { name: 'client-id', type: 'integer' },
          {
            name: 'timeout_error',
            type: 'oneof',
            optional: true,
            arguments: [token('TIMEOUT'), token('ERROR')],
          },
        ],
      }),
      subcommand('unpause', 2, ADMIN_FLAGS, '6.2.0', 'Lets commands go on that a pause holds back.', unpause, {
        complexity: 'O(N) where N is the number of connections that were held back',
      }),
    ],
  },
]
