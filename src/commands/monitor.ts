/**
 * MONITOR. Runs on the main thread; what is shown stands in `src/net/monitors.ts`.
 */
import { encodeError } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const NOT_IN_TRANSACTION = encodeError("ERR MONITOR isn't allowed for DENY BLOCKING client")

function monitor(call: MainCall): void {
  if (call.isQueued) {
    call.reply.error(NOT_IN_TRANSACTION)
    return
  }
  // As in Redis, a client that monitors already is not answered.
  if (call.session.isMonitor) return
  call.session.beginMonitoring()
  call.reply.ok()
}

export const monitorCommands: readonly CommandSpec[] = [
  {
    name: 'monitor',
    arity: 1,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    group: 'server',
    since: '1.0.0',
    summary: 'Shows every command that the server is sent, as it is sent.',
    complexity: '',
    route: { on: 'main' },
    main: monitor,
  },
]
