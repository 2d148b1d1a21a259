/**
 * Commands with independent parts: each shard gets the arguments of its own keys, and their replies are merged. On the main thread, or in a script's worker.
 *
 * The parts enter their rings one behind the other, so that they have one place in the order and need no locks.
 */
import type { MergePolicy } from '../commands/spec.js'
import { idOf, keyPositions } from '../commands/table.js'
import { RequestFlag } from '../ring/frames.js'
import type { Hops } from './hops.js'
import { mergeReplies } from './merge.js'
import { pack } from './packed-arguments.js'
import type { Answer, CommandRequest } from './request.js'

/** The arguments of one shard's part. */
let partOffsets = new Int32Array(64)
let partLengths = new Int32Array(64)

export function split(hops: Hops, request: CommandRequest, merge: MergePolicy, answer: Answer, owner: number): void {
  const { argv, spec } = request
  const { bytes, offsets, lengths } = pack(argv)
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argv.length, positions)
  const step = positions.length > 1 ? (positions[1] as number) - (positions[0] as number) : argv.length - 1
  if ((argv.length - 1) % step !== 0) {
    // A value without its key, or the other way round: the handler of any shard says so. It must be one whose key the
    // command has locked when it acts for a lock owner.
    const first = positions[0] as number
    const shard = hops.shardOf(bytes, offsets[first] as number, lengths[first] as number)
    hops.ask(shard, request, answer, owner)
    return
  }
  const partOfShard = new Int32Array(hops.shardCount).fill(-1)
  const shardOfPart: number[] = []
  const partOfKey: number[] = []
  for (const position of positions) {
    const shard = hops.shardOf(bytes, offsets[position] as number, lengths[position] as number)
    if (partOfShard[shard] === -1) {
      partOfShard[shard] = shardOfPart.length
      shardOfPart.push(shard)
    }
    partOfKey.push(partOfShard[shard] as number)
  }
  const target = hops.gather(shardOfPart.length, (parts) => answer(mergeReplies(merge, parts, partOfKey)))
  if (partOffsets.length < argv.length) {
    partOffsets = new Int32Array(argv.length * 2)
    partLengths = new Int32Array(argv.length * 2)
  }
  const idAndDb = idOf(spec) | (request.database << 16)
  for (let part = 0; part < shardOfPart.length; part++) {
    let argc = 1
    for (let k = 0; k < positions.length; k++) {
      if (partOfKey[k] !== part) continue
      for (let i = positions[k] as number, end = i + step; i < end; i++) {
        partOffsets[argc] = offsets[i] as number
        partLengths[argc] = lengths[i] as number
        argc++
      }
    }
    const flags = (request.flags & ~RequestFlag.silent) | (part === 0 ? 0 : RequestFlag.part)
    const shard = shardOfPart[part] as number
    hops.sendRanges(shard, target, part, idAndDb, flags, owner, bytes, partOffsets, partLengths, argc)
  }
}
