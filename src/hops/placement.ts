/** Where a command can run: on one shard as it is, or only over several. Main thread, and scripts in shard workers. */
import type { CommandSpec } from '../commands/spec.js'
import { keyPositions, reachOf } from '../commands/table.js'
import type { Hops } from './hops.js'
import { pack } from './packed-arguments.js'
import type { CommandRequest } from './request.js'

/** The one shard that can run the command as it is, or -1. */
export function onlyShard(
  hops: Pick<Hops, 'shardCount' | 'shardOf'>,
  spec: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
): number {
  const on = spec.route?.on
  if (on === 'router') return -1
  const reach = reachOf(spec, bytes, offsets, lengths, argc)
  if (reach === 'elsewhere') return -1
  if (hops.shardCount === 1) return 0
  if (on === 'shards' || reach === 'keyspace') return -1
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argc, positions)
  let shard = -1
  for (const i of positions) {
    const owner = hops.shardOf(bytes, offsets[i] as number, lengths[i] as number)
    if (shard === -1) shard = owner
    else if (shard !== owner) return -1
  }
  // Arguments in which no key can be found are wrong arguments: any shard's handler says how.
  return shard === -1 ? 0 : shard
}

/** Whether a command looks at keys that its arguments do not name. */
export function reachesKeyspace(request: CommandRequest): boolean {
  const packed = pack(request.argv)
  return reachOf(request.spec, packed.bytes, packed.offsets, packed.lengths, request.argv.length) === 'keyspace'
}
