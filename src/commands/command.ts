/**
 * COMMAND and its subcommands: what the command table says of itself.
 *
 * Runs on the main thread. The table imports the families, so that this one reaches it through
 * `server.commandTable` instead of importing it.
 */
import { globMatches } from '../base/glob.js'
import { errors } from '../resp/errors.js'
import { shownSubcommands, writeCommandDocs, writeCommandInfo } from './command-description.js'
import { getKeys, getKeysAndFlags } from './command-keys.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { CommandTableView } from './server-services.js'
import type { CommandFlag, CommandSpec, MainHandler } from './spec.js'

function shownCommands(table: CommandTableView): readonly CommandSpec[] {
  return table.callableCommands().filter((command) => command.internal !== true)
}

/** The entry of `get` or `config|get`. A bar means a subcommand, so that more than one bar names nothing. */
function lookUp(table: CommandTableView, fullName: string): CommandSpec | undefined {
  const [name, subcommand, ...more] = fullName.split('|')
  if (name === undefined || more.length > 0) return undefined
  return table.lookup(name, subcommand)
}

/** COMMAND, and COMMAND INFO without a name. */
function writeAllInfo(call: MainCall): void {
  const table = call.server.commandTable
  const shown = shownCommands(table)
  call.reply.array(shown.length)
  for (const spec of shown) writeCommandInfo(call.reply, table, spec)
}

function count(call: MainCall): void {
  call.reply.integer(shownCommands(call.server.commandTable).length)
}

/** COMMAND INFO [name ...] */
function info(call: MainCall): void {
  if (call.argc === 2) {
    writeAllInfo(call)
    return
  }
  const table = call.server.commandTable
  call.reply.array(call.argc - 2)
  for (const name of call.texts(2)) {
    const command = lookUp(table, name)
    if (command === undefined) call.reply.nil()
    else writeCommandInfo(call.reply, table, command)
  }
}

/** COMMAND DOCS [name ...]: names that nothing bears are left out. */
function docs(call: MainCall): void {
  const table = call.server.commandTable
  const described =
    call.argc === 2
      ? shownCommands(table)
      : call
          .texts(2)
          .map((name) => lookUp(table, name))
          .filter((command) => command !== undefined)
  call.reply.map(described.length)
  for (const command of described) {
    call.reply.bulkText(table.fullNameOf(command))
    writeCommandDocs(call.reply, table, command)
  }
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob] */
function list(call: MainCall): void {
  const table = call.server.commandTable
  let isListed: ((command: CommandSpec) => boolean) | undefined = () => true
  if (call.argc > 2) {
    isListed = call.argc === 5 && call.word(2) === 'filterby' ? listFilter(call, table) : undefined
  }
  if (isListed === undefined) {
    call.reply.error(errors.syntax)
    return
  }
  const names = shownCommands(table)
    .flatMap((command) => [command, ...shownSubcommands(command)])
    .filter(isListed)
    .map((command) => table.fullNameOf(command))
  call.reply.array(names.length)
  for (const name of names) call.reply.bulkText(name)
}

function listFilter(call: MainCall, table: CommandTableView): ((command: CommandSpec) => boolean) | undefined {
  switch (call.word(3)) {
    case 'module':
      // There are no modules, so that none has commands.
      return () => false
    case 'aclcat': {
      const category = call.word(4)
      return (command) => table.categoriesOf(command).includes(category)
    }
    case 'pattern': {
      const pattern = call.copy(4)
      return (command) => {
        const name = Buffer.from(table.fullNameOf(command), 'latin1')
        return globMatches(pattern, 0, pattern.length, name, 0, name.length, true)
      }
    }
    default:
      return undefined
  }
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'command', [
    '(no subcommand)',
    '    Describe all commands.',
    'COUNT',
    '    Say how many commands there are.',
    'DOCS [<command-name> ...]',
    '    Explain these commands, or all of them.',
    'GETKEYS <full-command>',
    '    Name the keys of a command that is given with its arguments.',
    'GETKEYSANDFLAGS <full-command>',
    '    Name its keys, and say how it uses each.',
    'INFO [<command-name> ...]',
    '    Describe these commands, or all of them.',
    'LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]',
    '    Name the commands, or some of them.',
  ])
}

/** What all subcommands of COMMAND have in common. */
function subcommand(
  name: string,
  arity: number,
  since: string,
  summary: string,
  complexity: string,
  main: MainHandler,
  more: Partial<CommandSpec> = {},
): CommandSpec {
  return {
    name,
    arity,
    flags: SHARED_FLAGS,
    group: 'server',
    since,
    summary,
    complexity,
    categories: ['connection'],
    route: { on: 'main' },
    main,
    ...more,
  }
}

const SHARED_FLAGS: readonly CommandFlag[] = ['loading', 'stale', 'sentinel']
const ANY_ORDER = ['nondeterministic_output_order']
const OF_LOOKUPS = 'O(N) where N is the number of commands that are looked up'
const OF_ARGUMENTS = 'O(N) where N is the number of arguments of the command'
const NAMES = [{ name: 'command-name', type: 'string', optional: true, multiple: true }] as const

export const commandCommands: readonly CommandSpec[] = [
  {
    name: 'command',
    arity: -1,
    flags: SHARED_FLAGS,
    group: 'server',
    since: '2.8.13',
    summary: 'Describes all commands.',
    complexity: 'O(N) where N is the number of commands',
    categories: ['connection'],
    tips: ANY_ORDER,
    route: { on: 'main' },
    main: writeAllInfo,
    subcommands: [
      subcommand('count', 2, '2.8.13', 'Says how many commands there are.', 'O(1)', count),
      subcommand('docs', -2, '7.0.0', 'Explains commands.', OF_LOOKUPS, docs, { tips: ANY_ORDER, arguments: NAMES }),
      subcommand('getkeys', -4, '2.8.13', 'Names the keys of a given command.', OF_ARGUMENTS, getKeys),
      subcommand(
        'getkeysandflags',
        -4,
        '7.0.0',
        'Names the keys of a given command, and says how it uses each.',
        OF_ARGUMENTS,
        getKeysAndFlags,
      ),
      subcommand('help', 2, '5.0.0', 'Explains the subcommands.', 'O(1)', help),
      subcommand('info', -2, '2.8.13', 'Describes commands.', OF_LOOKUPS, info, {
        tips: ANY_ORDER,
        history: [['7.0.0', 'Without names it describes all commands.']],
        arguments: NAMES,
      }),
      subcommand('list', -2, '7.0.0', 'Names the commands.', 'O(N) where N is the number of commands', list, {
        tips: ANY_ORDER,
        arguments: [
          {
            name: 'filterby',
            type: 'oneof',
            token: 'FILTERBY',
            optional: true,
            arguments: [
              { name: 'module-name', type: 'string', token: 'MODULE' },
              { name: 'category', type: 'string', token: 'ACLCAT' },
              { name: 'pattern', type: 'pattern', token: 'PATTERN' },
            ],
          },
        ],
      }),
    ],
  },
]
