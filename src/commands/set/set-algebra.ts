/**
 * Several sets at a time: SINTER, SUNION and SDIFF, their forms that store the result, and SINTERCARD.
 *
 * Runs in a shard worker, for keys that are all on this shard. Large results are made in slices, in a set that nobody sees,
 * and replied or stored in the last one.
 *
 * Behaviour: https://redis.io/docs/latest/commands/sinter/ and the pages of the others.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import type { MemberVisitor } from '../../store/set/open-set.js'
import type { PendingSet } from '../../store/set/pending-set.js'
import { WHOLE } from '../../store/value-kind.js'
import { NO_EXPIRY } from '../../store/value-type.js'
import { keysArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, allKeys, type CommandSpec, type KeySpec } from '../spec.js'
import { membersReply } from './members-reply.js'
import { type Operation, SetCombination } from './set-combination.js'

const NO_KEYS = encodeError('ERR numkeys should be greater than 0')
const TOO_MANY_KEYS = encodeError("ERR Number of keys can't be greater than number of args")
const NEGATIVE_LIMIT = encodeError("ERR LIMIT can't be negative")

const STORE_EVENTS = {
  intersection: keyEvents.sinterstore,
  union: keyEvents.sunionstore,
  difference: keyEvents.sdiffstore,
} as const

function combine(call: ShardCall, operation: Operation): void {
  const { reply } = call
  const combination = new SetCombination(call)
  if (!combination.begin(operation, 1, call.argc)) return
  if (combination.needsPending || combination.work > call.portions.straightElementsMax) {
    const pending = call.keyspace.sets.beginPending(NO_EXPIRY, combination.expected)
    combination.into(pending, pending)
    workOut(call, combination, pending, () => {
      reply.set(pending.size)
      pending.visit(membersReply.to(reply))
    })
  } else {
    const mark = reply.openArray()
    const visitor = membersReply.to(reply)
    combination.into(visitor, null)
    workOut(call, combination, null, () => reply.closeSet(mark, visitor.count))
  }
}

function store(call: ShardCall, operation: Operation): void {
  const combination = new SetCombination(call)
  if (!combination.begin(operation, 2, call.argc)) return
  const pending = call.keyspace.sets.beginPending(NO_EXPIRY, combination.expected)
  combination.into(pending, pending)
  workOut(call, combination, pending, () => {
    const { size } = pending
    if (size > 0) {
      pending.moveTo(call.db, call.bytes, call.offsets[1] as number, call.lengths[1] as number)
      call.notify(STORE_EVENTS[operation], 1)
    } else if (call.findForWrite(1)) {
      call.db.remove()
      call.notify(keyEvents.del, 1)
    }
    call.reply.integer(size)
  })
}

/** Works a combination out, in slices if it is long, and calls `end` in the last of them. */
function workOut(call: ShardCall, combination: SetCombination, pending: PendingSet | null, end: () => void): void {
  if (combination.work > call.portions.straightElementsMax) {
    call.inSlices(slices(call, combination, pending, end))
    return
  }
  try {
    while (!combination.step(WHOLE));
    end()
  } finally {
    release(call, pending)
  }
}

function* slices(
  call: ShardCall,
  combination: SetCombination,
  pending: PendingSet | null,
  end: () => void,
): Generator<undefined, void, undefined> {
  try {
    while (!combination.step(call.portions.stepElements)) yield
    end()
  } finally {
    release(call, pending)
  }
}

function release(call: ShardCall, pending: PendingSet | null): void {
  const { sets } = call.keyspace
  if (pending !== null) sets.endPending(pending)
  sets.releaseSources()
}

/** Counts members up to a limit; 0 is none. */
class Counter implements MemberVisitor {
  count = 0

  constructor(private readonly limit: number) {}

  member(): boolean {
    return ++this.count !== this.limit
  }
}

function sinter(call: ShardCall): void {
  combine(call, 'intersection')
}

function sunion(call: ShardCall): void {
  combine(call, 'union')
}

function sdiff(call: ShardCall): void {
  combine(call, 'difference')
}

function sinterstore(call: ShardCall): void {
  store(call, 'intersection')
}

function sunionstore(call: ShardCall): void {
  store(call, 'union')
}

function sdiffstore(call: ShardCall): void {
  store(call, 'difference')
}

function sintercard(call: ShardCall): void {
  const { reply } = call
  const keys = integerAt(call, 1)
  if (!(keys > 0)) {
    reply.error(NO_KEYS)
    return
  }
  if (keys > call.argc - 2) {
    reply.error(TOO_MANY_KEYS)
    return
  }
  let limit = 0
  for (let i = 2 + keys; i < call.argc; i += 2) {
    if (!call.is(i, 'LIMIT') || i + 1 === call.argc) {
      reply.error(errors.syntax)
      return
    }
    limit = integerAt(call, i + 1)
    if (!(limit >= 0)) {
      reply.error(NEGATIVE_LIMIT)
      return
    }
  }
  const combination = new SetCombination(call)
  if (!combination.begin('intersection', 2, 2 + keys)) return
  const counter = new Counter(limit)
  combination.into(counter, null)
  workOut(call, combination, null, () => reply.integer(counter.count))
}

/** Argument `i` as an integer, with what lies beyond 2^53 rounded; NaN when it is none. */
function integerAt(call: ShardCall, i: number): number {
  const n = call.integer(i)
  return Number.isNaN(n) ? Number(call.int64(i)) : n
}

/** A destination, and the sources behind it. */
function destinationAndKeys(...destinationFlags: KeySpec['flags']): readonly KeySpec[] {
  return [
    { flags: destinationFlags, begin: { index: 1 }, find: { lastKey: 0, keyStep: 1, limit: 0 } },
    { flags: ['RO', 'access'], begin: { index: 2 }, find: { lastKey: -1, keyStep: 1, limit: 0 } },
  ]
}

const storeArguments: readonly ArgumentSpec[] = [
  { name: 'destination', type: 'key', keySpecIndex: 0 },
  { name: 'key', type: 'key', keySpecIndex: 1, multiple: true },
]

const intersectionComplexity = 'O(N*M) at worst, N being the size of the smallest set and M the number of sets'
const totalComplexity = 'O(N), N being the number of members of all sets together'

const replies = {
  arity: -2,
  flags: ['readonly'],
  group: 'set',
  since: '1.0.0',
  categories: ['set'],
  keySpecs: allKeys(1, 'RO', 'access'),
  tips: ['nondeterministic_output_order'],
  arguments: [keysArgument],
  route: { on: 'hops', coordinator: 'relocate' },
} as const

const stores = {
  arity: -3,
  flags: ['write', 'denyoom'],
  group: 'set',
  since: '1.0.0',
  categories: ['set'],
  arguments: storeArguments,
  route: { on: 'hops', coordinator: 'relocate' },
} as const

export const setAlgebraCommands: readonly CommandSpec[] = [
  {
    ...replies,
    name: 'sdiff',
    summary: 'Returns the members of the first set that are in none of the others.',
    complexity: totalComplexity,
    shard: sdiff,
  },
  {
    ...stores,
    name: 'sdiffstore',
    summary: 'Stores the members of the first set that are in none of the others.',
    complexity: totalComplexity,
    keySpecs: destinationAndKeys('OW', 'update'),
    shard: sdiffstore,
  },
  {
    ...replies,
    name: 'sinter',
    summary: 'Returns the members that all of the sets have.',
    complexity: intersectionComplexity,
    shard: sinter,
  },
  {
    name: 'sintercard',
    arity: -3,
    flags: ['readonly', 'movablekeys'],
    group: 'set',
    since: '7.0.0',
    summary: 'Returns how many members all of the sets have.',
    complexity: intersectionComplexity,
    categories: ['set'],
    keySpecs: [{ flags: ['RO', 'access'], begin: { index: 1 }, find: { keyNumIndex: 0, firstKey: 1, keyStep: 1 } }],
    arguments: [
      { name: 'numkeys', type: 'integer' },
      keysArgument,
      { name: 'limit', type: 'integer', token: 'LIMIT', optional: true },
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: sintercard,
  },
  {
    ...stores,
    name: 'sinterstore',
    summary: 'Stores the members that all of the sets have.',
    complexity: intersectionComplexity,
    keySpecs: destinationAndKeys('RW', 'update'),
    shard: sinterstore,
  },
  {
    ...replies,
    name: 'sunion',
    summary: 'Returns the members that any of the sets has.',
    complexity: totalComplexity,
    shard: sunion,
  },
  {
    ...stores,
    name: 'sunionstore',
    summary: 'Stores the members that any of the sets has.',
    complexity: totalComplexity,
    keySpecs: destinationAndKeys('OW', 'update'),
    shard: sunionstore,
  },
]
