/**
 * SAVE, BGSAVE and LASTSAVE. Run on the main thread.
 */
import { encodeError, errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const IN_PROGRESS = encodeError('ERR Background save already in progress')
/** Redis gives no reason either: it is in the log. */
const FAILED = encodeError('ERR')

function save(call: MainCall): void {
  const { persistence } = call.server
  if (persistence.state.isSavingInBackground) {
    call.reply.error(IN_PROGRESS)
    return
  }
  const deferred = call.defer()
  persistence.save((isSaved) => {
    if (isSaved) deferred.reply.ok()
    else deferred.reply.error(FAILED)
    deferred.send()
  })
}

/** `BGSAVE [SCHEDULE]`. In a transaction the save comes when it is over, as in Redis. */
function bgsave(call: MainCall): void {
  const { persistence } = call.server
  if (call.argc > 1 && (call.argc > 2 || call.word(1) !== 'schedule')) {
    call.reply.error(errors.syntax)
  } else if (persistence.state.isSavingInBackground) {
    call.reply.error(IN_PROGRESS)
  } else if (call.isQueued) {
    persistence.scheduleSave()
    call.reply.simple('Background saving scheduled')
  } else {
    persistence.saveInBackground()
    call.reply.simple('Background saving started')
  }
}

function lastsave(call: MainCall): void {
  call.reply.integer(Math.floor(call.server.persistence.state.lastSaveAtMs / 1000))
}

export const persistenceCommands: readonly CommandSpec[] = [
  {
    name: 'save',
    arity: 1,
    flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
    group: 'server',
    since: '1.0.0',
    summary: 'Saves the data set to disk, and answers when that is done.',
    complexity: 'O(N) where N is the number of keys in all databases',
    looksAtKeyspace: true,
    route: { on: 'main' },
    main: save,
  },
  {
    name: 'bgsave',
    arity: -1,
    flags: ['admin', 'noscript', 'no_async_loading'],
    group: 'server',
    since: '1.0.0',
    summary: 'Begins to save the data set to disk, and answers at once.',
    complexity: 'O(1)',
    history: [['3.2.2', 'The `SCHEDULE` option.']],
    arguments: [{ name: 'schedule', type: 'pure-token', token: 'SCHEDULE', optional: true, since: '3.2.2' }],
    route: { on: 'main' },
    main: bgsave,
  },
  {
    name: 'lastsave',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    group: 'server',
    since: '1.0.0',
    summary: 'Returns the Unix time of the last successful save to disk.',
    complexity: 'O(1)',
    categories: ['admin', 'dangerous'],
    tips: ['nondeterministic_output'],
    route: { on: 'main' },
    main: lastsave,
  },
]
