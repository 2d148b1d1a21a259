/**
 * FUNCTION: libraries of functions, that clients load once and call by name.
 *
 * Runs on the main thread, which keeps the libraries and tells every shard of each change.
 */
import { globMatches } from '../../base/glob.js'
import type { ReplyWriter } from '../../resp/reply-writer.js'
import type { MainCall } from '../main-call.js'
import type { CommandSpec } from '../spec.js'
import { functionHelp } from './function-help.js'
import { readFunctionPayload, writeFunctionPayload } from './function-payload.js'
import { BUSY_SCRIPT, killScript } from './script.js'

function load(call: MainCall): void {
  let replaces = false
  for (let i = 2; i < call.argc - 1; i++) {
    if (call.word(i) !== 'replace') {
      call.reply.errorText(`ERR Unknown option given: ${call.text(i)}`)
      return
    }
    replaces = true
  }
  const loaded = call.server.functions.load(call.copy(call.argc - 1), replaces)
  if (typeof loaded === 'string') whenRecorded(call, (reply) => reply.bulkText(loaded))
  else call.reply.error(loaded)
}

/** Answers when the log has what was changed. */
function whenRecorded(call: MainCall, answer: (reply: ReplyWriter) => void): void {
  const { appendLog } = call.server
  if (!appendLog.recordsAreAwaited) {
    answer(call.reply)
    return
  }
  const deferred = call.defer()
  appendLog.whenRecorded(() => {
    answer(deferred.reply)
    deferred.send()
  })
}

function remove(call: MainCall): void {
  if (call.server.functions.delete(call.text(2))) whenRecorded(call, (reply) => reply.ok())
  else call.reply.errorText('ERR Library not found')
}

function flush(call: MainCall): void {
  if (call.argc === 3 && !['sync', 'async'].includes(call.word(2))) {
    call.reply.errorText('ERR FUNCTION FLUSH only supports SYNC|ASYNC option')
    return
  }
  if (call.argc > 3) {
    refuseSyntax(call)
    return
  }
  call.server.functions.flush()
  whenRecorded(call, (reply) => reply.ok())
}

/** The error of subcommands that check their number of arguments themselves. */
function refuseSyntax(call: MainCall): void {
  call.reply.errorText(
    `ERR unknown subcommand or wrong number of arguments for '${call.text(1).slice(0, 128)}'. Try FUNCTION HELP.`,
  )
}

function list(call: MainCall): void {
  let withCode = false
  let patternAt = 0
  for (let i = 2; i < call.argc; i++) {
    const word = call.word(i)
    if (!withCode && word === 'withcode') withCode = true
    else if (patternAt === 0 && word === 'libraryname') {
      if (i === call.argc - 1) {
        call.reply.errorText('ERR library name argument was not given')
        return
      }
      patternAt = ++i
    } else {
      call.reply.errorText(`ERR Unknown argument ${call.text(i)}`)
      return
    }
  }
  const pattern = patternAt === 0 ? undefined : call.copy(patternAt)
  const libraries = call.server.functions.libraries.filter(({ name }) => {
    if (pattern === undefined) return true
    const bytes = Buffer.from(name, 'latin1')
    return globMatches(pattern, 0, pattern.length, bytes, 0, bytes.length, true)
  })
  const { reply } = call
  reply.array(libraries.length)
  for (const { name, functions, code } of libraries) {
    reply.map(withCode ? 4 : 3)
    reply.bulkText('library_name')
    reply.bulkText(name)
    reply.bulkText('engine')
    reply.bulkText('LUA')
    reply.bulkText('functions')
    reply.array(functions.length)
    for (const { name: functionName, description, flags } of functions) {
      reply.map(3)
      reply.bulkText('name')
      reply.bulkText(functionName)
      reply.bulkText('description')
      if (description === undefined) reply.nil()
      else reply.bulkText(description)
      reply.bulkText('flags')
      reply.set(flags.length)
      for (const flag of flags) reply.simple(flag)
    }
    if (!withCode) continue
    reply.bulkText('library_code')
    reply.bulkBytes(code)
  }
}

function dump(call: MainCall): void {
  const codes = call.server.functions.libraries.map(({ code }) => code)
  call.reply.bulkBytes(writeFunctionPayload(codes, call.server.config.flag('rdbcompression')))
}

function restore(call: MainCall): void {
  if (call.argc > 4) {
    refuseSyntax(call)
    return
  }
  const policy = call.argc === 4 ? call.word(3) : 'append'
  if (policy !== 'append' && policy !== 'replace' && policy !== 'flush') {
    call.reply.errorText('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.')
    return
  }
  const codes = readFunctionPayload(call.copy(2))
  if (typeof codes === 'string') {
    call.reply.errorText(codes)
    return
  }
  const error = call.server.functions.restore(codes, policy)
  if (error === undefined) whenRecorded(call, (reply) => reply.ok())
  else call.reply.error(error)
}

function stats(call: MainCall): void {
  const { functions } = call.server
  const running = functions.running()
  if (running === 'script') {
    call.reply.error(BUSY_SCRIPT)
    return
  }
  const { reply } = call
  reply.map(2)
  reply.bulkText('running_script')
  if (running === null) reply.nil()
  else {
    reply.map(3)
    reply.bulkText('name')
    reply.bulkText(running.name)
    reply.bulkText('command')
    reply.array(running.command.length)
    for (const argument of running.command) reply.bulkBytes(argument)
    reply.bulkText('duration_ms')
    reply.integer(running.durationMs)
  }
  reply.bulkText('engines')
  reply.map(1)
  reply.bulkText('LUA')
  reply.map(2)
  reply.bulkText('libraries_count')
  reply.integer(functions.libraries.length)
  reply.bulkText('functions_count')
  reply.integer(functions.libraries.reduce((count, library) => count + library.functions.length, 0))
}

function kill(call: MainCall): void {
  killScript(call, true)
}

const shape = {
  group: 'scripting',
  since: '7.0.0',
  categories: ['scripting'],
  route: { on: 'main' },
} as const satisfies Partial<CommandSpec>

export const functionCommands: readonly CommandSpec[] = [
  {
    name: 'function',
    arity: -2,
    flags: [],
    group: 'scripting',
    since: '7.0.0',
    summary: 'Commands that manage libraries of functions.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      {
        ...shape,
        name: 'delete',
        arity: 3,
        flags: ['write', 'noscript'],
        summary: 'Deletes a library with its functions.',
        complexity: 'O(1)',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        arguments: [{ name: 'library-name', type: 'string' }],
        main: remove,
      },
      {
        ...shape,
        name: 'dump',
        arity: 2,
        flags: ['noscript'],
        summary: 'Answers all libraries as one string, for FUNCTION RESTORE.',
        complexity: 'O(N) where N is the number of functions',
        main: dump,
      },
      {
        ...shape,
        name: 'flush',
        arity: -2,
        flags: ['write', 'noscript'],
        summary: 'Deletes all libraries.',
        complexity: 'O(N) where N is the number of functions deleted',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        arguments: [
          {
            name: 'async',
            type: 'oneof',
            optional: true,
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
        summary: 'Shows a text about the subcommands.',
        complexity: 'O(1)',
        main: functionHelp,
      },
      {
        ...shape,
        name: 'kill',
        arity: 2,
        flags: ['noscript', 'allow_busy'],
        summary: 'Ends the function that is running.',
        complexity: 'O(1)',
        tips: ['request_policy:all_shards', 'response_policy:one_succeeded'],
        main: kill,
      },
      {
        ...shape,
        name: 'list',
        arity: -2,
        flags: ['noscript'],
        summary: 'Describes the libraries.',
        complexity: 'O(N) where N is the number of functions',
        tips: ['nondeterministic_output_order'],
        arguments: [
          { name: 'library-name-pattern', type: 'string', token: 'LIBRARYNAME', optional: true },
          { name: 'withcode', type: 'pure-token', token: 'WITHCODE', optional: true },
        ],
        main: list,
      },
      {
        ...shape,
        name: 'load',
        arity: -3,
        flags: ['write', 'denyoom', 'noscript'],
        summary: 'Makes a library of the given code.',
        complexity: 'O(1) (considering compilation time is redundant)',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        arguments: [
          { name: 'replace', type: 'pure-token', token: 'REPLACE', optional: true },
          { name: 'function-code', type: 'string' },
        ],
        main: load,
      },
      {
        ...shape,
        name: 'restore',
        arity: -3,
        flags: ['write', 'denyoom', 'noscript'],
        summary: 'Makes the libraries that FUNCTION DUMP has answered.',
        complexity: 'O(N) where N is the number of functions on the payload',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        arguments: [
          { name: 'serialized-value', type: 'string' },
          {
            name: 'policy',
            type: 'oneof',
            optional: true,
            arguments: [
              { name: 'flush', type: 'pure-token', token: 'FLUSH' },
              { name: 'append', type: 'pure-token', token: 'APPEND' },
              { name: 'replace', type: 'pure-token', token: 'REPLACE' },
            ],
          },
        ],
        main: restore,
      },
      {
        ...shape,
        name: 'stats',
        arity: 2,
        flags: ['noscript', 'allow_busy'],
        summary: 'Tells which function is running, and how many there are.',
        complexity: 'O(1)',
        tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
        main: stats,
      },
    ],
  },
]
