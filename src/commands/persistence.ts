/**
 * LASTSAVE. Runs on the main thread.
 */
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

function lastsave(call: MainCall): void {
  call.reply.integer(Math.floor(call.server.lastSaveAtMs / 1000))
}

export const persistenceCommands: readonly CommandSpec[] = [
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
