/**
 * XREAD and XREADGROUP with keys on several shards: each shard reads its own, and what they reply is put together. On the main thread, or in a script's worker.
 *
 * Lending the records, as other commands do, would copy whole streams to read a few entries of each. The keys are locked
 * meanwhile, so that all are read at one moment. A group's read is first checked on all shards: nothing may be delivered when
 * one of the groups does not exist.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import { shardCheckGroupRead } from '../commands/stream/stream-read.js'
import { keyPositions } from '../commands/table.js'
import { decodeWouldBlock, encodeWouldBlock } from '../commands/would-block.js'
import { bulkBody, headerNumber, isError, lineEnd, replyEnd } from '../resp/reply-reader.js'
import { RequestFlag } from '../ring/frames.js'
import type { Hops } from './hops.js'
import { pack } from './packed-arguments.js'
import type { Answer, CommandRequest } from './request.js'

const MAP = 37
const STAR = 42
const NIL_ARRAY = asciiBytes('*-1\r\n')
const NULL_RESP3 = asciiBytes('_\r\n')

/** What one shard reads. */
interface Part {
  readonly shard: number
  readonly argv: Uint8Array[]
  /** For each argument of the part, its place in the whole command. */
  readonly places: number[]
}

/** As a coordinator: locks the keys, unless the caller has. */
export function readStreams(hops: Hops, request: CommandRequest, answer: Answer, owner: number): void {
  if (owner !== 0) {
    readStreamsLocked(hops, owner, request, answer)
    return
  }
  const keys = keysAt(request).map((position) => request.argv[position] as Uint8Array)
  const lock = hops.lock(keys)
  readStreamsLocked(hops, lock.owner, request, (reply) => {
    hops.unlock(lock.owner, lock.shards, () => answer(reply))
  })
}

/** Whether a command is one of those that are read here. */
export function isStreamRead({ spec }: CommandRequest): boolean {
  return spec.route?.on === 'hops' && spec.route.coordinator === 'read-streams'
}

/** Reads the streams under the locks of `owner`. The reply may be that the client would have to wait, see would-block.ts. */
export function readStreamsLocked(hops: Hops, owner: number, request: CommandRequest, answer: Answer): void {
  const positions = keysAt(request)
  const parts = partsOf(hops, request, positions)
  const { spec, database, flags } = request
  const read = (): void => {
    const target = hops.gather(parts.length, (replies) => answer(join(request, positions, parts, replies)))
    parts.forEach(({ shard, argv }, i) => {
      // Only the first part counts as a call.
      hops.send(shard, target, i, spec, database, i === 0 ? flags : flags | RequestFlag.part, argv, owner)
    })
  }
  if (spec.name !== 'xreadgroup') {
    read()
    return
  }
  const checked = hops.gather(parts.length, (replies) => {
    const refusal = replies.find(isError)
    if (refusal === undefined) read()
    else answer(refusal)
  })
  parts.forEach(({ shard, argv }, i) => {
    hops.send(shard, checked, i, shardCheckGroupRead, database, flags, argv, owner)
  })
}

function keysAt(request: CommandRequest): readonly number[] {
  const { bytes, offsets, lengths } = pack(request.argv)
  const positions: number[] = []
  keyPositions(request.spec, bytes, offsets, lengths, request.argv.length, positions)
  return positions
}

/** The parts in the order of their first keys. */
function partsOf(hops: Hops, { argv }: CommandRequest, positions: readonly number[]): readonly Part[] {
  const first = positions[0] as number
  const keysOfShard = new Map<number, number[]>()
  for (const position of positions) {
    const key = argv[position] as Uint8Array
    const shard = hops.shardOf(key, 0, key.length)
    const known = keysOfShard.get(shard)
    if (known === undefined) keysOfShard.set(shard, [position])
    else known.push(position)
  }
  return [...keysOfShard].map(([shard, keys]) => {
    const options = Array.from({ length: first }, (_, i) => i)
    const places = [...options, ...keys, ...keys.map((position) => position + positions.length)]
    return { shard, places, argv: places.map((place) => argv[place] as Uint8Array) }
  })
}

function join(
  request: CommandRequest,
  positions: readonly number[],
  parts: readonly Part[],
  replies: readonly Uint8Array[],
): Uint8Array {
  const refusal = replies.find(isError)
  if (refusal !== undefined) return refusal
  const waiting = replies.map(decodeWouldBlock)
  const served = replies.filter((reply, i) => waiting[i] === undefined && !isNull(reply))
  if (served.length === 0) return waiting[0] === undefined ? (replies[0] as Uint8Array) : joinWaiting(parts, replies)
  const isMap = (served[0] as Uint8Array)[0] === MAP
  const cursors = replies.map((reply, i) => (waiting[i] === undefined && !isNull(reply) ? lineEnd(reply, 0) : -1))
  const elements: Uint8Array[] = []
  for (const position of positions) {
    const key = request.argv[position] as Uint8Array
    const i = parts.findIndex(({ places }) => places.includes(position))
    const reply = replies[i] as Uint8Array
    const at = cursors[i] as number
    if (at < 0 || at === reply.length) continue
    // A part replies only with the streams that have something, in the order of its keys.
    const keyAt = isMap ? at : lineEnd(reply, at)
    if (!Buffer.from(key).equals(bulkBody(reply, keyAt) as Uint8Array)) continue
    const end = isMap ? replyEnd(reply, replyEnd(reply, keyAt)) : replyEnd(reply, at)
    elements.push(reply.subarray(at, end))
    cursors[i] = end
  }
  const header = asciiBytes(`${String.fromCharCode(isMap ? MAP : STAR)}${elements.length}\r\n`)
  return joinBytes([header, ...elements])
}

function isNull(reply: Uint8Array): boolean {
  return reply[0] === NULL_RESP3[0] || (reply[0] === NIL_ARRAY[0] && headerNumber(reply, 0) < 0)
}

/** No shard has anything: what the client would wait for on all of them. */
function joinWaiting(parts: readonly Part[], replies: readonly Uint8Array[]): Uint8Array {
  const replacedArguments = new Map<number, Uint8Array>()
  let deadlineMs = Number.POSITIVE_INFINITY
  replies.forEach((reply, i) => {
    const wait = decodeWouldBlock(reply)
    if (wait === undefined) return
    deadlineMs = wait.deadlineMs
    for (const [argument, bytes] of wait.replacedArguments) {
      replacedArguments.set((parts[i] as Part).places[argument] as number, bytes)
    }
  })
  return encodeWouldBlock({ deadlineMs, replacedArguments })
}
