/**
 * HyperLogLogs, estimates of how many different elements were added: PFADD, PFCOUNT and PFMERGE.
 *
 * Runs in a shard worker, for keys that are all on this shard.
 *
 * Behaviour: https://redis.io/docs/latest/commands/pfadd/ and the pages of the others.
 */
import { estimateCardinality } from '../../store/hyperloglog/cardinality.js'
import { addElement, mergeRegisters, raiseRegister } from '../../store/hyperloglog/hyperloglog.js'
import {
  cardinalityHigh,
  cardinalityLow,
  encodingOf,
  HllEncoding,
  isStale,
  markStale,
  REGISTERS,
  storeCardinality,
} from '../../store/hyperloglog/layout.js'
import { RegisterChange, toDense } from '../../store/hyperloglog/sparse.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { keyArgument, keysArgument } from '../generic-arguments.js'
import { effectOfSame } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { pfdebugCommands } from './pfdebug.js'
import { corruptHyperLogLog, createEmpty, holdsHyperLogLog, makeRaw } from './stand-on.js'

/** The highest of each register of the HyperLogLogs that a command looks at. */
const registers = new Uint8Array(REGISTERS)

function pfadd(call: ShardCall): void {
  const { db, reply } = call
  const found = call.findForWrite(1)
  if (found) {
    if (!holdsHyperLogLog(call)) return
    makeRaw(call)
  } else {
    createEmpty(call)
  }
  let changed = !found
  for (let i = 2; i < call.argc; i++) {
    const offset = call.offsets[i] as number
    const change = addElement(db, call.bytes, offset, call.lengths[i] as number, call.settings.hllSparseMaxBytes)
    if (change === RegisterChange.corrupt) {
      reply.error(corruptHyperLogLog)
      return
    }
    if (change === RegisterChange.raised) changed = true
  }
  if (changed) {
    markStale(db)
    db.modified()
    call.notify(keyEvents.pfadd, 1)
  }
  reply.integer(changed ? 1 : 0)
}

function pfcount(call: ShardCall): void {
  if (call.argc > 2) {
    if (mergeKeys(call, 1)) replyCardinality(call, estimateCardinality(registers))
    return
  }
  const { db, reply } = call
  if (!call.find(1)) {
    reply.integer(0)
    return
  }
  if (!holdsHyperLogLog(call)) return
  makeRaw(call)
  if (isStale(db)) {
    registers.fill(0)
    if (!mergeRegisters(db, registers)) {
      reply.error(corruptHyperLogLog)
      return
    }
    const cardinality = estimateCardinality(registers)
    storeCardinality(db, cardinality)
    db.modified()
    // A read, but one that changes the bytes of the value.
    effectOfSame(call, 'PFCOUNT', 2)
    replyCardinality(call, cardinality)
    return
  }
  const high = cardinalityHigh(db)
  if (high < 2 ** 21) reply.integer(high * 2 ** 32 + cardinalityLow(db))
  else reply.bigInteger((BigInt(high) << 32n) | BigInt(cardinalityLow(db)))
}

function replyCardinality(call: ShardCall, cardinality: number): void {
  if (Number.isSafeInteger(cardinality)) call.reply.integer(cardinality)
  else call.reply.bigInteger(BigInt(cardinality))
}

/**
 * Fills `registers` from the keys at argument `first` and behind it; a missing key is an empty HyperLogLog.
 * @returns false after an error reply
 */
function mergeKeys(call: ShardCall, first: number): boolean {
  registers.fill(0)
  for (let i = first; i < call.argc; i++) {
    if (!call.find(i)) continue
    if (!holdsHyperLogLog(call)) return false
    if (!mergeRegisters(call.db, registers)) {
      call.reply.error(corruptHyperLogLog)
      return false
    }
    if (encodingOf(call.db) === HllEncoding.dense) sawDense = true
  }
  return true
}

/** Whether one of the keys that `mergeKeys` looked at was dense; set back by PFMERGE, which alone asks. */
let sawDense = false

function pfmerge(call: ShardCall): void {
  const { db, reply } = call
  sawDense = false
  if (!mergeKeys(call, 1)) return
  if (call.findForWrite(1)) makeRaw(call)
  else createEmpty(call)
  if (sawDense && encodingOf(db) === HllEncoding.sparse && !toDense(db)) {
    reply.error(corruptHyperLogLog)
    return
  }
  // One register after the other, as Redis does: the opcodes of a sparse result depend on the way to it.
  for (let i = 0; i < REGISTERS; i++) {
    const value = registers[i] as number
    if (value !== 0) raiseRegister(db, i, value, call.settings.hllSparseMaxBytes)
  }
  markStale(db)
  db.modified()
  call.notify(keyEvents.pfadd, 1)
  reply.ok()
}

export const hyperloglogCommands: readonly CommandSpec[] = [
  {
    name: 'pfadd',
    arity: -2,
    flags: ['write', 'denyoom', 'fast'],
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Adds elements to a HyperLogLog, which is created when it is missing.',
    complexity: 'O(1) for each element',
    categories: ['hyperloglog'],
    keySpecs: oneKey('RW', 'insert'),
    arguments: [keyArgument, { name: 'element', type: 'string', optional: true, multiple: true }],
    route: { on: 'key' },
    shard: pfadd,
  },
  {
    name: 'pfcount',
    arity: -2,
    flags: ['readonly', 'may_replicate'],
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Estimates how many different elements were added to one or more HyperLogLogs.',
    complexity: 'O(1) for one key whose estimate is kept in it; O(N) for several, N being the number of keys',
    categories: ['hyperloglog'],
    keySpecs: [
      {
        flags: ['RW', 'access'],
        begin: { index: 1 },
        find: { lastKey: -1, keyStep: 1, limit: 0 },
        notes: 'It may write, because the estimate is kept in the value',
      },
    ],
    arguments: [keysArgument],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: pfcount,
  },
  {
    name: 'pfmerge',
    arity: -2,
    flags: ['write', 'denyoom'],
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Adds all that was added to some HyperLogLogs to another one.',
    complexity: 'O(N), N being the number of keys',
    categories: ['hyperloglog'],
    keySpecs: [
      ...oneKey('RW', 'access', 'insert'),
      { flags: ['RO', 'access'], begin: { index: 2 }, find: { lastKey: -1, keyStep: 1, limit: 0 } },
    ],
    arguments: [
      { name: 'destkey', type: 'key', keySpecIndex: 0 },
      { name: 'sourcekey', type: 'key', keySpecIndex: 1, multiple: true },
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: pfmerge,
  },
  ...pfdebugCommands,
]
