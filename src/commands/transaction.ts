/**
 * Entries of MULTI, EXEC, DISCARD, WATCH and UNWATCH. They act on the session and the router, so what they do stands in
 * `net/transaction-commands.ts` and `router/transaction.ts`.
 */
import { allKeys, type CommandSpec } from './spec.js'

export const transactionCommands: readonly CommandSpec[] = [
  {
    name: 'multi',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['transaction'],
    group: 'transactions',
    since: '1.2.0',
    summary: 'Begins a transaction: the commands that follow are queued.',
    complexity: 'O(1)',
  },
  {
    name: 'exec',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    categories: ['transaction'],
    group: 'transactions',
    since: '1.2.0',
    summary: 'Runs all queued commands as one.',
    complexity: 'That of the queued commands',
  },
  {
    name: 'discard',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['transaction'],
    group: 'transactions',
    since: '2.0.0',
    summary: 'Drops the queued commands and ends the transaction.',
    complexity: 'O(N) with N the number of queued commands',
  },
  {
    name: 'watch',
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['transaction'],
    group: 'transactions',
    since: '2.2.0',
    summary: 'Makes the next EXEC depend on these keys staying as they are.',
    complexity: 'O(1) for every key',
    keySpecs: allKeys(1, 'RO'),
    arguments: [{ name: 'key', type: 'key', keySpecIndex: 0, multiple: true }],
  },
  {
    name: 'unwatch',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['transaction'],
    group: 'transactions',
    since: '2.2.0',
    summary: 'Forgets all watched keys.',
    complexity: 'O(1)',
  },
]
