/**
 * BACKUP: makes, lists, proves and removes backups of the data set. Redis has no such command.
 *
 * Runs on the main thread; what takes time is deferred.
 */
import { shownPart } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import type { BackupListing, BackupOutcome, BackupRefusal } from './backup-services.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

type Fields = readonly (readonly [name: string, value: string | number])[]

function writeFields(reply: ReplyWriter, fields: Fields): void {
  reply.map(fields.length)
  for (const [name, value] of fields) {
    reply.bulkText(name)
    if (typeof value === 'number') reply.integer(value)
    else reply.bulkText(value)
  }
}

/** Reasons come from the system and from servers: a line break in one must not end the reply. */
function writeRefusal(reply: ReplyWriter, { reason }: BackupRefusal): void {
  reply.errorText(`ERR ${reason.replace(/[\r\n]+/g, ' ')}`)
}

function isRefusal<T>(result: T | BackupRefusal): result is BackupRefusal {
  return typeof result === 'object' && result !== null && 'reason' in result
}

function now(call: MainCall): void {
  const begun = call.server.backups.begin()
  if (isRefusal(begun)) writeRefusal(call.reply, begun)
  else call.reply.bulkText(begun)
}

function list(call: MainCall): void {
  const deferred = call.defer()
  const { reply } = deferred
  call.server.backups.list((result) => {
    if (isRefusal(result)) {
      writeRefusal(reply, result)
    } else {
      reply.array(result.length)
      for (const backup of result) writeFields(reply, fieldsOf(backup))
    }
    deferred.send()
  })
}

function fieldsOf(backup: BackupListing): Fields {
  return [
    ['id', backup.id],
    ['state', backup.state],
    ['time', backup.cutAtMs],
    ['keys', backup.keys],
    ['bytes', backup.bytes],
    ['gsn', backup.gsn],
    ['digest', backup.digest],
    ['encrypted', backup.isEncrypted ? 'yes' : 'no'],
    ['verified', backup.verifiedAtMs],
    ['failure', backup.failure],
  ]
}

function status(call: MainCall): void {
  const { figures } = call.server.backups
  writeFields(call.reply, [
    ['phase', figures.phase],
    ['id', figures.currentId],
    ['started', figures.startedAtMs],
    ['done-bytes', figures.doneBytes],
    ['total-bytes', figures.totalBytes],
    ['succeeded', figures.succeeded],
    ['failed', figures.failed],
    ['next', figures.nextAtMs],
    ...outcomeFields('last', figures.last),
    ['last-success-id', figures.lastSuccess?.id ?? ''],
    ['last-success-time', figures.lastSuccess?.endedAtMs ?? 0],
    ['next-export', figures.nextExportAtMs],
    ...outcomeFields('last-export', figures.lastExport),
  ])
}

function outcomeFields(prefix: string, outcome: BackupOutcome | null): Fields {
  if (outcome === null) return [[`${prefix}-status`, 'none']]
  return [
    [`${prefix}-status`, outcome.isOk ? 'ok' : 'err'],
    [`${prefix}-id`, outcome.id],
    [`${prefix}-time`, outcome.endedAtMs],
    [`${prefix}-duration-ms`, outcome.durationMs],
    [`${prefix}-bytes`, outcome.bytes],
    [`${prefix}-keys`, outcome.keys],
    [`${prefix}-error`, outcome.fault],
  ]
}

function verify(call: MainCall): void {
  const deferred = call.defer()
  call.server.backups.verify(call.text(2), (fault) => {
    if (fault === undefined) deferred.reply.ok()
    else writeRefusal(deferred.reply, fault)
    deferred.send()
  })
}

function remove(call: MainCall): void {
  const id = call.text(2)
  const deferred = call.defer()
  call.server.backups.remove(id, (result) => {
    if (isRefusal(result)) writeRefusal(deferred.reply, result)
    else if (result) deferred.reply.ok()
    else deferred.reply.errorText(`ERR No such backup: '${shownPart(id)}'`)
    deferred.send()
  })
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'backup', [
    'DELETE <id>',
    '    Remove a backup, in whatever state it is.',
    'LIST',
    '    Return the backups of the target, oldest first.',
    'NOW',
    '    Begin a backup and return its id.',
    'STATUS',
    '    Return how far the backup in hand has come, and how the last one ended.',
    'VERIFY <id>',
    '    Read a backup back, load it, and compare its digest with that of its moment.',
  ])
}

const id = [{ name: 'id', type: 'string' }] as const

function subcommand(
  name: string,
  arity: number,
  main: (call: MainCall) => void,
  rest: Partial<CommandSpec>,
): CommandSpec {
  return {
    name,
    arity,
    flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
    group: 'server',
    since: '0.1.0',
    summary: '',
    complexity: 'O(1)',
    route: { on: 'main' },
    main,
    ...rest,
  }
}

const OF_ALL_KEYS = 'O(N) where N is the number of keys in the backup.'

export const backupCommands: readonly CommandSpec[] = [
  {
    name: 'backup',
    arity: -2,
    flags: [],
    group: 'server',
    since: '0.1.0',
    summary: 'Container of the commands for backups.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      subcommand('delete', 3, remove, { summary: 'Removes a backup.', arguments: id }),
      subcommand('help', 2, help, { summary: 'Returns what the subcommands are for.', flags: ['loading', 'stale'] }),
      subcommand('list', 2, list, {
        summary: 'Returns the backups of the target.',
        complexity: 'O(N) where N is the number of backups.',
        tips: ['nondeterministic_output'],
      }),
      subcommand('now', 2, now, {
        summary: 'Begins a backup, and answers at once.',
        tips: ['nondeterministic_output'],
      }),
      subcommand('status', 2, status, {
        summary: 'Returns how far the backup in hand has come, and how the last one ended.',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        tips: ['nondeterministic_output'],
      }),
      subcommand('verify', 3, verify, {
        summary: 'Proves that a backup is whole, and answers when that is done.',
        complexity: OF_ALL_KEYS,
        arguments: id,
      }),
    ],
  },
]
