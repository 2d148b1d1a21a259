/**
 * DUMP: a value as bytes that RESTORE takes, here or on a Redis.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/dump/
 */
import { writeDumpPayload } from '../../store/rdb/dump-payload.js'
import { RdbWriter } from '../../store/rdb/rdb-writer.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'

const writer = new RdbWriter()

function dump(call: ShardCall): void {
  if (!call.find(1)) {
    call.reply.nil()
    return
  }
  writer.reset()
  writer.compresses = call.settings.rdbCompression
  writeDumpPayload(call.db, writer)
  call.reply.bulk(writer.bytes, 0, writer.position)
}

export const dumpCommands: readonly CommandSpec[] = [
  {
    name: 'dump',
    arity: 2,
    flags: ['readonly'],
    group: 'generic',
    since: '2.6.0',
    summary: 'Returns the value of a key as bytes for RESTORE.',
    complexity: 'O(N), N being the number of bytes of the value',
    categories: ['keyspace'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: dump,
  },
]
