/**
 * WAIT: until enough replicas have the writes of this connection.
 *
 * Runs on the main thread. A server without replicas answers 0: at once when nobody has to be waited for, otherwise
 * when the time is over, as Redis does.
 *
 * Behaviour: https://redis.io/docs/latest/commands/wait/
 */
import { encodeError, errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const TIMEOUT_NOT_AN_INTEGER = encodeError('ERR timeout is not an integer or out of range')
const TIMEOUT_NEGATIVE = encodeError('ERR timeout is negative')

/** The longest time that a Node.js timer takes, about 24 days. */
export const TIMER_MS_MAX = 2147483647

function wait(call: MainCall): void {
  const { reply } = call
  const replicas = call.int64(1)
  if (replicas === undefined) {
    reply.error(errors.notAnInteger)
    return
  }
  const timeoutMs = call.int64(2)
  if (timeoutMs === undefined) {
    reply.error(TIMEOUT_NOT_AN_INTEGER)
    return
  }
  if (timeoutMs < 0n) {
    reply.error(TIMEOUT_NEGATIVE)
    return
  }
  const insideTransaction = call.session.queuedCommands >= 0
  if (replicas <= 0n || insideTransaction) {
    reply.integer(0)
    return
  }
  const deferred = call.defer()
  // A timeout of 0 waits for ever: for replicas that this server does not have.
  if (timeoutMs === 0n) return
  setTimeout(
    () => {
      deferred.reply.integer(0)
      deferred.send()
    },
    Math.min(Number(timeoutMs), TIMER_MS_MAX),
  ).unref()
}

export const genericWaitCommands: readonly CommandSpec[] = [
  {
    name: 'wait',
    arity: 3,
    flags: ['noscript'],
    group: 'generic',
    since: '3.0.0',
    summary: 'Waits until replicas have acknowledged all earlier writes of this connection.',
    complexity: 'O(1)',
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    arguments: [
      { name: 'numreplicas', type: 'integer' },
      { name: 'timeout', type: 'integer' },
    ],
    route: { on: 'main' },
    main: wait,
  },
]
