/**
 * BGREWRITEAOF and WAITAOF. Run on the main thread.
 *
 * Behaviour: https://redis.io/docs/latest/commands/bgrewriteaof/, https://redis.io/docs/latest/commands/waitaof/
 */
import { encodeError } from '../resp/errors.js'
import { TIMER_MS_MAX } from './generic-wait.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const IN_PROGRESS = encodeError('ERR Background append only file rewriting already in progress')
const OUT_OF_RANGE = encodeError('ERR value is out of range, must be between 0 and 1')
const OUT_OF_RANGE_POSITIVE = encodeError('ERR value is out of range, must be positive')
const TIMEOUT_NOT_AN_INTEGER = encodeError('ERR timeout is not an integer or out of range')
const TIMEOUT_NEGATIVE = encodeError('ERR timeout is negative')
const IS_OFF = encodeError('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.')

/** In a transaction the rewrite comes when it is over, as in Redis, and when a save is over. */
function bgrewriteaof(call: MainCall): void {
  const { appendLog, persistence } = call.server
  if (appendLog.state.isRewriting) {
    call.reply.error(IN_PROGRESS)
  } else if (persistence.state.isSavingInBackground || call.isQueued) {
    appendLog.scheduleRewrite()
    call.reply.simple('Background append only file rewriting scheduled')
  } else {
    appendLog.rewrite()
    call.reply.simple('Background append only file rewriting started')
  }
}

/** `WAITAOF numlocal numreplicas timeout`: there are no replicas, so the number of those that have it is always 0. */
function waitaof(call: MainCall): void {
  const { reply } = call
  const local = call.int64(1)
  const replicas = call.int64(2)
  const timeoutMs = call.int64(3)
  if (local === undefined || local < 0n || local > 1n) {
    reply.error(OUT_OF_RANGE)
    return
  }
  if (replicas === undefined || replicas < 0n) {
    reply.error(OUT_OF_RANGE_POSITIVE)
    return
  }
  if (timeoutMs === undefined) {
    reply.error(TIMEOUT_NOT_AN_INTEGER)
    return
  }
  if (timeoutMs < 0n) {
    reply.error(TIMEOUT_NEGATIVE)
    return
  }
  const { appendLog } = call.server
  const { isOn } = appendLog.state
  if (local > 0n && !isOn) {
    reply.error(IS_OFF)
    return
  }
  if (call.isQueued || (local === 0n && replicas === 0n)) {
    reply.array(2)
    reply.integer(0)
    reply.integer(0)
    return
  }
  const deferred = call.defer()
  let isAnswered = false
  let isSynced = false
  const answer = (): void => {
    if (isAnswered) return
    isAnswered = true
    if (timer !== null) clearTimeout(timer)
    deferred.reply.array(2)
    deferred.reply.integer(isSynced ? 1 : 0)
    deferred.reply.integer(0)
    deferred.send()
  }
  const timer = timeoutMs === 0n ? null : setTimeout(answer, Math.min(Number(timeoutMs), TIMER_MS_MAX)).unref()
  if (!isOn) return
  appendLog.whenSynced(() => {
    isSynced = true
    if (replicas === 0n) answer()
  })
}

export const appendLogCommands: readonly CommandSpec[] = [
  {
    name: 'bgrewriteaof',
    arity: 1,
    flags: ['admin', 'noscript', 'no_async_loading'],
    group: 'server',
    since: '1.0.0',
    summary: 'Begins to compact the append-only log, and answers at once.',
    complexity: 'O(1)',
    route: { on: 'main' },
    main: bgrewriteaof,
  },
  {
    name: 'waitaof',
    arity: 4,
    flags: ['noscript'],
    group: 'generic',
    since: '7.2.0',
    summary: 'Waits until the earlier writes of this connection are on the disk, here and on replicas.',
    complexity: 'O(1)',
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    arguments: [
      { name: 'numlocal', type: 'integer' },
      { name: 'numreplicas', type: 'integer' },
      { name: 'timeout', type: 'integer' },
    ],
    route: { on: 'main' },
    main: waitaof,
  },
]
