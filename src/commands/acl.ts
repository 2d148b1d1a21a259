/**
 * ACL, as far as there is one user: `default`, who may do everything and whose password is `requirepass`.
 *
 * Runs on the main thread. Invariant: a session whose `authenticated` is set belongs to a user that exists.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { shownPart, subcommandSyntax } from '../resp/errors.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { ServerServices, SessionView } from './server-services.js'
import type { AclCategory, CommandSpec } from './spec.js'

export const DEFAULT_USER = 'default'

/** All categories, in the order in which Redis prints them. */
export const ACL_CATEGORIES: readonly AclCategory[] = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
]

export function userExists(name: string): boolean {
  return name === DEFAULT_USER
}

/** Whether the default user has a password; without one every connection is authenticated from the start. */
export function isPasswordRequired(server: ServerServices): boolean {
  return server.config.text('requirepass') !== ''
}

function passwordDigest(password: Uint8Array): Buffer {
  return createHash('sha256').update(password).digest()
}

/**
 * Makes `session` the user's when the password is right, and returns whether it is. Digests are compared, so that the
 * time taken says nothing about the password, not even its length.
 */
export function authenticate(
  server: ServerServices,
  session: SessionView,
  user: string,
  password: Uint8Array,
): boolean {
  if (!userExists(user)) return false
  const expected = server.config.text('requirepass')
  if (expected !== '') {
    const expectedDigest = passwordDigest(Buffer.from(expected, 'latin1'))
    if (!timingSafeEqual(passwordDigest(password), expectedDigest)) return false
  }
  session.user = user
  session.authenticated = true
  return true
}

/** The default user's password as ACL shows it: a SHA-256 digest in hex, or undefined when there is none. */
function shownPassword(server: ServerServices): string | undefined {
  const password = server.config.text('requirepass')
  return password === '' ? undefined : passwordDigest(Buffer.from(password, 'latin1')).toString('hex')
}

function whoAmI(call: MainCall): void {
  call.reply.bulkText(call.session.user)
}

function cat(call: MainCall): void {
  const { reply, server } = call
  if (call.argc > 3) {
    reply.error(subcommandSyntax('acl', call.text(1)))
    return
  }
  if (call.argc === 2) {
    reply.array(ACL_CATEGORIES.length)
    for (const category of ACL_CATEGORIES) reply.bulkText(category)
    return
  }
  const wanted = call.word(2)
  if (!(ACL_CATEGORIES as readonly string[]).includes(wanted)) {
    reply.errorText(`ERR Unknown category '${shownPart(call.text(2), 128)}'`)
    return
  }
  const table = server.commandTable
  const names = table.commands
    .flatMap((command) => [command, ...(command.subcommands ?? [])])
    .filter((command) => table.categoriesOf(command).includes(wanted))
    .map((command) => table.fullNameOf(command))
  reply.array(names.length)
  for (const name of names) reply.bulkText(name)
}

function list(call: MainCall): void {
  const password = shownPassword(call.server)
  call.reply.array(1)
  call.reply.bulkText(`user ${DEFAULT_USER} on ${password === undefined ? 'nopass' : `#${password}`} ~* &* +@all`)
}

function users(call: MainCall): void {
  call.reply.array(1)
  call.reply.bulkText(DEFAULT_USER)
}

function getUser(call: MainCall): void {
  const { reply } = call
  if (!userExists(call.text(2))) {
    reply.nil()
    return
  }
  const password = shownPassword(call.server)
  reply.map(6)
  reply.bulkText('flags')
  const flags = password === undefined ? ['on', 'nopass'] : ['on']
  reply.set(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('passwords')
  reply.array(password === undefined ? 0 : 1)
  if (password !== undefined) reply.bulkText(password)
  reply.bulkText('commands')
  reply.bulkText('+@all')
  reply.bulkText('keys')
  reply.bulkText('~*')
  reply.bulkText('channels')
  reply.bulkText('&*')
  reply.bulkText('selectors')
  reply.array(0)
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'acl', [
    'CAT [<category>]',
    '    Name the categories, or the commands of one of them.',
    'GETUSER <username>',
    '    Show what a user may do.',
    'LIST',
    '    Show all users as a configuration file would declare them.',
    'USERS',
    '    Name all users.',
    'WHOAMI',
    "    Name this connection's user.",
  ])
}

const ADMIN_FLAGS = ['admin', 'noscript', 'loading', 'stale', 'sentinel'] as const
const PLAIN_FLAGS = ['noscript', 'loading', 'stale', 'sentinel'] as const

export const aclCommands: readonly CommandSpec[] = [
  {
    name: 'acl',
    arity: -2,
    flags: ['sentinel'],
    group: 'server',
    since: '6.0.0',
    summary: 'Holds the commands about users and their permissions.',
    complexity: 'That of the subcommand.',
    subcommands: [
      {
        name: 'cat',
        arity: -2,
        flags: PLAIN_FLAGS,
        group: 'server',
        since: '6.0.0',
        summary: 'Names the categories of commands, or the commands of a category.',
        complexity: 'O(1): categories and commands are fixed.',
        arguments: [{ name: 'categoryname', type: 'string', optional: true }],
        route: { on: 'main' },
        main: cat,
      },
      {
        name: 'getuser',
        arity: 3,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '6.0.0',
        summary: 'Shows the flags, passwords and permissions of a user.',
        complexity: "O(N) where N is the number of the user's passwords and rules.",
        history: [
          ['6.2.0', 'Shows the patterns of Pub/Sub channels.'],
          ['7.0.0', 'Shows selectors, and patterns of keys and channels as rules instead of as a list.'],
        ],
        arguments: [{ name: 'username', type: 'string' }],
        route: { on: 'main' },
        main: getUser,
      },
      {
        name: 'help',
        arity: 2,
        flags: ['loading', 'stale', 'sentinel'],
        group: 'server',
        since: '6.0.0',
        summary: 'Explains the subcommands.',
        complexity: 'O(1)',
        route: { on: 'main' },
        main: help,
      },
      {
        name: 'list',
        arity: 2,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '6.0.0',
        summary: 'Shows all users as a configuration file would declare them.',
        complexity: 'O(N) where N is the number of users.',
        route: { on: 'main' },
        main: list,
      },
      {
        name: 'users',
        arity: 2,
        flags: ADMIN_FLAGS,
        group: 'server',
        since: '6.0.0',
        summary: 'Names all users.',
        complexity: 'O(N) where N is the number of users.',
        route: { on: 'main' },
        main: users,
      },
      {
        name: 'whoami',
        arity: 2,
        flags: PLAIN_FLAGS,
        group: 'server',
        since: '6.0.0',
        summary: "Names the connection's user.",
        complexity: 'O(1)',
        route: { on: 'main' },
        main: whoAmI,
      },
    ],
  },
]
