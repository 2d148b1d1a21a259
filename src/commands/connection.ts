/**
 * Commands about the connection itself: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET.
 *
 * Runs on the main thread.
 */
import { encodeError, errors, shownPart, wrongArity } from '../resp/errors.js'
import { authenticate, isPasswordRequired } from './acl.js'
import { CLIENT_NAME_REFUSED, isPlainWord } from './client-attributes.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const PING_ARITY = wrongArity('ping')
const AUTH_WITHOUT_PASSWORD = encodeError(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
)
const PROTOCOL_NOT_AN_INTEGER = encodeError('ERR Protocol version is not an integer or out of range')
const PROTOCOL_UNSUPPORTED = encodeError('NOPROTO unsupported protocol version')
const HELLO_UNAUTHENTICATED = encodeError(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> ' +
    'option can be used to authenticate the client and select the RESP protocol version at the same time',
)
const INT32_MIN = -2147483648n
const INT32_MAX = 2147483647n

function ping(call: MainCall): void {
  if (call.argc > 2) {
    call.reply.error(PING_ARITY)
  } else if (call.session.isSubscribed && call.session.resp === 2) {
    // A subscriber of RESP2 tells what it gets by the first word.
    call.reply.array(2)
    call.reply.bulkText('pong')
    if (call.argc === 1) call.reply.emptyBulk()
    else call.replyArgument(1)
  } else if (call.argc === 1) {
    call.reply.pong()
  } else {
    call.replyArgument(1)
  }
}

function echo(call: MainCall): void {
  call.replyArgument(1)
}

function auth(call: MainCall): void {
  if (call.argc > 3) {
    call.reply.error(errors.syntax)
    return
  }
  const withUser = call.argc === 3
  if (!withUser && !isPasswordRequired(call.server)) {
    call.reply.error(AUTH_WITHOUT_PASSWORD)
    return
  }
  const user = withUser ? call.text(1) : 'default'
  if (authenticate(call.server, call.session, user, call.copy(withUser ? 2 : 1))) call.reply.ok()
  else call.reply.error(errors.wrongPass)
}

/** HELLO [protover [AUTH user password] [SETNAME name]]: everything is checked before anything is changed. */
function hello(call: MainCall): void {
  const { reply, server, session } = call
  let protocol: 2 | 3 = session.resp
  if (call.argc > 1) {
    const asked = call.int64(1)
    if (asked === undefined) {
      reply.error(PROTOCOL_NOT_AN_INTEGER)
      return
    }
    if (asked !== 2n && asked !== 3n) {
      reply.error(PROTOCOL_UNSUPPORTED)
      return
    }
    protocol = asked === 2n ? 2 : 3
  }

  let credentials: { user: string; password: Uint8Array } | undefined
  let name: string | undefined
  for (let i = 2; i < call.argc; i++) {
    const option = call.word(i)
    const following = call.argc - 1 - i
    if (option === 'auth' && following >= 2) {
      credentials = { user: call.text(i + 1), password: call.copy(i + 2) }
      i += 2
    } else if (option === 'setname' && following >= 1) {
      name = call.text(++i)
      if (!isPlainWord(name)) {
        reply.error(CLIENT_NAME_REFUSED)
        return
      }
    } else {
      reply.errorText(`ERR Syntax error in HELLO option '${shownPart(call.text(i))}'`)
      return
    }
  }

  if (credentials !== undefined && !authenticate(server, session, credentials.user, credentials.password)) {
    reply.error(errors.wrongPass)
    return
  }
  if (!session.authenticated) {
    reply.error(HELLO_UNAUTHENTICATED)
    return
  }
  if (name !== undefined) session.name = name
  session.resp = protocol
  // The reply itself is written in the protocol that was asked for.
  reply.resp3 = protocol === 3

  reply.map(7)
  reply.bulkText('server')
  reply.bulkText('redis')
  reply.bulkText('version')
  reply.bulkText(server.redisVersion)
  reply.bulkText('proto')
  reply.integer(protocol)
  reply.bulkText('id')
  reply.integer(session.id)
  reply.bulkText('mode')
  reply.bulkText('standalone')
  reply.bulkText('role')
  reply.bulkText('master')
  reply.bulkText('modules')
  reply.array(0)
}

function select(call: MainCall): void {
  const index = call.int64(1)
  if (index === undefined) call.reply.error(errors.notAnInteger)
  else if (index < INT32_MIN || index > INT32_MAX) call.reply.error(errors.notAnInt32)
  else if (index < 0n || index >= call.server.config.number('databases')) call.reply.error(errors.dbIndexOutOfRange)
  else {
    call.session.database = Number(index)
    call.reply.ok()
  }
}

function quit(call: MainCall): void {
  call.reply.ok()
  call.session.closeAfterReply()
}

function reset(call: MainCall): void {
  call.session.reset()
  call.reply.resp3 = false
  call.reply.simple('RESET')
}

export const connectionCommands: readonly CommandSpec[] = [
  {
    name: 'ping',
    arity: -1,
    flags: ['fast', 'sentinel'],
    group: 'connection',
    since: '1.0.0',
    summary: 'Answers PONG, or the given message: shows that the connection is alive.',
    complexity: 'O(1)',
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    arguments: [{ name: 'message', type: 'string', optional: true }],
    route: { on: 'main' },
    main: ping,
  },
  {
    name: 'echo',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    group: 'connection',
    since: '1.0.0',
    summary: 'Answers the given message.',
    complexity: 'O(1)',
    categories: ['connection'],
    arguments: [{ name: 'message', type: 'string' }],
    route: { on: 'main' },
    main: echo,
  },
  {
    name: 'hello',
    arity: -1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'sentinel', 'allow_busy'],
    group: 'connection',
    since: '6.0.0',
    summary: 'Opens the conversation: protocol version, credentials and connection name in one step.',
    complexity: 'O(1)',
    categories: ['connection'],
    history: [['6.2.0', '`protover` may be left out; the command then only reports the state of the connection.']],
    arguments: [
      {
        name: 'arguments',
        type: 'block',
        optional: true,
        arguments: [
          { name: 'protover', type: 'integer' },
          {
            name: 'username_password',
            type: 'block',
            token: 'AUTH',
            optional: true,
            arguments: [
              { name: 'username', type: 'string' },
              { name: 'password', type: 'string' },
            ],
          },
          { name: 'clientname', type: 'string', token: 'SETNAME', optional: true },
        ],
      },
    ],
    route: { on: 'main' },
    main: hello,
  },
  {
    name: 'auth',
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'sentinel', 'allow_busy'],
    group: 'connection',
    since: '1.0.0',
    summary: 'Authenticates the connection.',
    complexity: 'O(N) where N is the number of passwords of the user',
    categories: ['connection'],
    history: [['6.0.0', 'Accepts a username before the password.']],
    arguments: [
      { name: 'username', type: 'string', since: '6.0.0', optional: true },
      { name: 'password', type: 'string' },
    ],
    route: { on: 'main' },
    main: auth,
  },
  {
    name: 'select',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    group: 'connection',
    since: '1.0.0',
    summary: 'Chooses the database that the connection works on.',
    complexity: 'O(1)',
    categories: ['connection'],
    arguments: [{ name: 'index', type: 'integer' }],
    route: { on: 'main' },
    main: select,
  },
  {
    name: 'quit',
    arity: -1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '1.0.0',
    summary: 'Closes the connection once all pending replies have been sent.',
    complexity: 'O(1)',
    categories: ['connection'],
    route: { on: 'main' },
    main: quit,
  },
  {
    name: 'reset',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '6.2.0',
    summary: 'Puts the connection back into the state of a new one.',
    complexity: 'O(1)',
    categories: ['connection'],
    route: { on: 'main' },
    main: reset,
  },
]
