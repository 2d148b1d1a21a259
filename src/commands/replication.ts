/**
 * ROLE. Runs on the main thread.
 */
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

/** A server without replicas has no replication stream yet, so that its offset in it is 0, as in Redis. */
const OFFSET_WITHOUT_REPLICAS = 0

function role(call: MainCall): void {
  const { reply } = call
  reply.array(3)
  reply.bulkText('master')
  reply.integer(OFFSET_WITHOUT_REPLICAS)
  reply.array(0)
}

export const replicationCommands: readonly CommandSpec[] = [
  {
    name: 'role',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'sentinel'],
    group: 'server',
    since: '2.8.12',
    summary: 'Returns which part the server plays in replication.',
    complexity: 'O(1)',
    categories: ['admin', 'dangerous'],
    route: { on: 'main' },
    main: role,
  },
]
