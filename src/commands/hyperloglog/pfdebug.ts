/**
 * PFDEBUG looks into a HyperLogLog, and PFSELFTEST tests the structure itself.
 *
 * PFDEBUG runs in a shard worker. PFSELFTEST has no key and looks at no client's data: it runs on the main thread.
 */
import { Prng } from '../../base/prng.js'
import { encodeError, shownPart } from '../../resp/errors.js'
import { denseRegister } from '../../store/hyperloglog/dense.js'
import { encodingOf, HEADER_BYTES, HllEncoding, REGISTERS } from '../../store/hyperloglog/layout.js'
import { describeSparse, toDense } from '../../store/hyperloglog/sparse.js'
import type { MainCall } from '../main-call.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec } from '../spec.js'
import { failureOfSelfTest } from './self-test.js'
import { corruptHyperLogLog, holdsHyperLogLog, makeRaw } from './stand-on.js'

const NO_KEY = encodeError('ERR The specified key does not exist')
const NOT_SPARSE = encodeError('ERR HLL encoding is not sparse')

function pfdebug(call: ShardCall): void {
  const { db, reply } = call
  if (!call.findForWrite(2)) {
    reply.error(NO_KEY)
    return
  }
  if (!holdsHyperLogLog(call)) return
  makeRaw(call)
  const isSparse = encodingOf(db) === HllEncoding.sparse
  if (call.is(1, 'GETREG')) {
    if (isSparse && !becomesDense(call)) return
    reply.array(REGISTERS)
    const start = db.valueOffset + HEADER_BYTES
    for (let i = 0; i < REGISTERS; i++) reply.integer(denseRegister(db.bytes, start, i))
  } else if (call.is(1, 'DECODE')) {
    if (isSparse) reply.bulkText(describeSparse(db))
    else reply.error(NOT_SPARSE)
  } else if (call.is(1, 'ENCODING')) {
    reply.simple(isSparse ? 'sparse' : 'dense')
  } else if (call.is(1, 'TODENSE')) {
    if (!isSparse) reply.integer(0)
    else if (becomesDense(call)) reply.integer(1)
  } else {
    reply.errorText(`ERR Unknown PFDEBUG subcommand '${shownPart(call.text(1))}'`)
  }
}

/** Turns the HyperLogLog in hand into a dense one. @returns false after an error reply */
function becomesDense(call: ShardCall): boolean {
  if (!toDense(call.db)) {
    call.reply.error(corruptHyperLogLog)
    return false
  }
  call.db.modifiedAside()
  return true
}

function pfselftest(call: MainCall): void {
  const sparseBytesMax = call.server.config.number('hll-sparse-max-bytes')
  const failure = failureOfSelfTest(new Prng(call.nowMs), sparseBytesMax)
  if (failure === undefined) call.reply.ok()
  else call.reply.errorText(`TESTFAILED ${failure}`)
}

export const pfdebugCommands: readonly CommandSpec[] = [
  {
    name: 'pfdebug',
    arity: 3,
    flags: ['write', 'denyoom', 'admin'],
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Shows the registers, the encoding or the opcodes of a HyperLogLog.',
    complexity: 'O(1)',
    categories: ['hyperloglog'],
    docFlags: ['syscmd'],
    keySpecs: [{ flags: ['RW', 'access'], begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } }],
    arguments: [
      { name: 'subcommand', type: 'string' },
      { name: 'key', type: 'key', keySpecIndex: 0 },
    ],
    route: { on: 'key' },
    shard: pfdebug,
  },
  {
    name: 'pfselftest',
    arity: 1,
    flags: ['admin'],
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Tests the registers of HyperLogLogs and how good their estimates are.',
    complexity: 'O(1), but about 100 ms, in which nobody else is served',
    categories: ['hyperloglog'],
    docFlags: ['syscmd'],
    route: { on: 'main' },
    main: pfselftest,
  },
]
