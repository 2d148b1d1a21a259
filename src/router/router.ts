/**
 * The sequencer and router: gives every command its sequence number, finds its shards, writes the frames, and merges
 * what comes back.
 *
 * Runs on the main thread, and knows neither sockets nor the event loop: `poll` is called when replies may have come,
 * `publish` when a round of requests is over.
 *
 * Invariant: sequence numbers are given in the order in which frames enter the rings, on every ring. All frames of one
 * command, or of one transaction without dependent parts, enter their rings before anything else does.
 */
import { assert } from '../base/assert.js'
import { copyOf, joinBytes } from '../base/bytes.js'
import { keySlot } from '../base/crc16.js'
import { HASH_SLOTS } from '../base/limits.js'
import { Prng } from '../base/prng.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf, keyPositions, specs } from '../commands/table.js'
import { FRAME_LENGTH_MASK } from '../ring/byte-ring.js'
import {
  FrameKind,
  REPLY_BYTES,
  REPLY_COUNT_MASK,
  REPLY_PADDING_SHIFT,
  RequestFlag,
  TARGET_GATHER,
} from '../ring/frames.js'
import { type Coordinator, coordinators } from './coordinators.js'
import { GatherTable } from './gather.js'
import { mergeReplies } from './merge.js'
import type { Answer, CommandRequest } from './request.js'
import type { ShardLink } from './shard-link.js'

/** Takes the replies to clients: `count` whole replies from `sequence` on, or with count 0 a piece of one. */
export interface ReplySink {
  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void
}

const RouteKind = { main: 0, key: 1, split: 2, shards: 3, hops: 4, router: 5 } as const

const NO_BYTES = new Uint8Array(0)
const NO_NUMBERS = new Int32Array(1)
const LOCK_OWNERS_MAX = 0x00ffffff

export class Router {
  readonly links: readonly ShardLink[]
  readonly shardCount: number
  readonly databases: number
  readonly random: Prng
  readonly #sink: ReplySink
  readonly #gathers = new GatherTable()
  readonly #shardOfSlot = new Uint8Array(HASH_SLOTS)
  readonly #kinds: Uint8Array
  /** The position of the first key where it is the same in every call, else 0. */
  readonly #firstKey: Uint8Array
  #gsnLow = 0
  #gsnHigh = 0
  #lockOwner = 0
  /**
   * The lock owner that frames act for when their sender names none: a command of the main thread inside a transaction
   * asks shards without knowing of its locks.
   */
  actingOwner = 0

  /** How many lock owners each shard has been told of that have not been told to unlock. */
  readonly #lockOwnersOfShard: Int32Array

  // Arguments of one shard's part of a command.
  #partOffsets = new Int32Array(64)
  #partLengths = new Int32Array(64)

  constructor(links: readonly ShardLink[], sink: ReplySink, databases: number, randomSeed: number) {
    this.links = links
    this.shardCount = links.length
    this.#lockOwnersOfShard = new Int32Array(this.shardCount)
    this.#sink = sink
    this.databases = databases
    this.random = new Prng(randomSeed)
    for (let slot = 0; slot < HASH_SLOTS; slot++) {
      this.#shardOfSlot[slot] = Math.floor((slot * this.shardCount) / HASH_SLOTS)
    }
    this.#kinds = Uint8Array.from(specs, (spec) => RouteKind[spec.route?.on ?? 'main'])
    this.#firstKey = Uint8Array.from(specs, fixedFirstKey)
  }

  /** The sequence number given last. */
  get gsn(): number {
    return (this.#gsnLow >>> 0) + this.#gsnHigh * 4294967296
  }

  /** Replies that shards owe. */
  get outstanding(): number {
    let sum = 0
    for (const link of this.links) sum += link.outstanding
    return sum
  }

  /** Gathers that wait for parts. */
  get openGathers(): number {
    return this.#gathers.openCount
  }

  get isCongested(): boolean {
    for (const link of this.links) if (link.isCongested) return true
    return false
  }

  /** Stamps the frames that follow with the time, in ms. */
  setTime(nowMs: number): void {
    for (const link of this.links) link.setTime(nowMs)
  }

  /** Lets shards begin on what one client has sent while others are still being read. */
  publishEarly(): void {
    for (const link of this.links) link.publishEarly()
  }

  publish(): void {
    for (const link of this.links) link.publish()
  }

  shardOf(bytes: Uint8Array, offset: number, length: number): number {
    if (this.shardCount === 1) return 0
    return this.#shardOfSlot[keySlot(bytes, offset, length)] as number
  }

  /**
   * Sends a client's command on its way. `id` is its entry's; the reply will come to the sink as `sequence` of `slot`.
   * Arguments are byte ranges of `bytes`, needed only until this returns.
   */
  route(
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const firstKey = this.#firstKey[id] as number
    if (this.#kinds[id] === RouteKind.key && firstKey !== 0) {
      const shard = this.shardOf(bytes, offsets[firstKey] as number, lengths[firstKey] as number)
      this.#nextGsn()
      this.#sendClient(shard, id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
      return
    }
    this.#routeSlowly(id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
  }

  #sendClient(
    shard: number,
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const link = this.links[shard] as ShardLink
    link.outstanding++
    link.send(
      FrameKind.command,
      slot,
      sequence,
      id | (database << 16),
      flags,
      0,
      this.#gsnLow,
      this.#gsnHigh,
      bytes,
      offsets,
      lengths,
      argc,
    )
  }

  #routeSlowly(
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const spec = specs[id] as CommandSpec
    const shard = this.#onlyShard(spec, bytes, offsets, lengths, argc)
    if (shard >= 0) {
      this.#nextGsn()
      this.#sendClient(shard, id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
      return
    }
    const argv: Uint8Array[] = [NO_BYTES]
    for (let i = 1; i < argc; i++) {
      const offset = offsets[i] as number
      argv.push(copyOf(bytes, offset, lengths[i] as number))
    }
    this.coordinate({ spec, argv, database, flags }, (reply) => {
      const silent = (flags & RequestFlag.silent) !== 0
      this.#sink.reply(slot, sequence, 1, reply, 0, silent ? 0 : reply.length)
    })
  }

  /** The one shard that can run the command as it is, or -1. */
  #onlyShard(spec: CommandSpec, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
    const on = spec.route?.on
    if (on === 'router') return -1
    if (this.shardCount === 1) return 0
    if (on === 'shards') return -1
    const positions: number[] = []
    keyPositions(spec, bytes, offsets, lengths, argc, positions)
    let shard = -1
    for (const i of positions) {
      const owner = this.shardOf(bytes, offsets[i] as number, lengths[i] as number)
      if (shard === -1) shard = owner
      else if (shard !== owner) return -1
    }
    // Arguments in which no key can be found are wrong arguments: any shard's handler says how.
    return shard === -1 ? 0 : shard
  }

  onlyShardOf(request: CommandRequest): number {
    const packed = pack(request.argv)
    return this.#onlyShard(request.spec, packed.bytes, packed.offsets, packed.lengths, request.argv.length)
  }

  /** Runs a command over several shards (or by the router's own choice) and answers with one merged reply. */
  coordinate(request: CommandRequest, answer: Answer, owner = 0): void {
    const route = request.spec.route
    assert(route !== undefined, `${request.spec.name} has no route`)
    if (owner === 0) this.#nextGsn()
    switch (route.on) {
      case 'split':
        this.#split(request, route.merge, answer, owner)
        return
      case 'shards': {
        const target = this.#gathers.open(this.shardCount, (parts) => answer(mergeReplies(route.merge, parts, [])))
        for (let shard = 0; shard < this.shardCount; shard++) {
          const flags = shard === 0 ? request.flags : request.flags | RequestFlag.part
          this.send(shard, target, shard, request.spec, request.database, flags, request.argv, owner)
        }
        return
      }
      case 'hops':
      case 'router':
        ;(coordinators[route.coordinator] as Coordinator)(this, request, answer, owner)
        return
      default:
        this.ask(0, request, answer, owner)
    }
  }

  /** Runs a command wherever it belongs, one shard or several, on behalf of a lock owner (0: none). */
  run(request: CommandRequest, answer: Answer, owner = 0): void {
    const shard = this.onlyShardOf(request)
    if (shard < 0) {
      this.coordinate(request, answer, owner)
      return
    }
    if (owner === 0) this.#nextGsn()
    this.ask(shard, request, answer, owner)
  }

  /** Sends a command to one shard as it is. */
  ask(shard: number, request: CommandRequest, answer: Answer, owner = 0): void {
    const target = this.#gathers.open(1, (parts) => answer(parts[0] as Uint8Array))
    this.send(shard, target, 0, request.spec, request.database, request.flags, request.argv, owner)
  }

  /** Opens a gather; `send` frames to its target. */
  gather(partCount: number, done: (parts: readonly Uint8Array[]) => void): number {
    return this.#gathers.open(partCount, done)
  }

  /** Writes one request frame for a gather's part. `argv[0]` does not travel. */
  send(
    shard: number,
    target: number,
    part: number,
    spec: CommandSpec,
    database: number,
    flags: number,
    argv: readonly Uint8Array[],
    owner = this.actingOwner,
  ): void {
    const packed = pack(argv)
    const link = this.links[shard] as ShardLink
    link.outstanding++
    link.send(
      FrameKind.command,
      target,
      part,
      idOf(spec) | (database << 16),
      flags & ~RequestFlag.silent,
      owner,
      this.#gsnLow,
      this.#gsnHigh,
      packed.bytes,
      packed.offsets,
      packed.lengths,
      argv.length,
    )
  }

  /** Gives the next sequence number; the frames that follow carry it. */
  nextGsn(): void {
    this.#nextGsn()
  }

  #nextGsn(): void {
    this.#gsnLow = (this.#gsnLow + 1) | 0
    if (this.#gsnLow === 0) this.#gsnHigh++
  }

  #split(
    request: CommandRequest,
    merge: 'sum' | 'all_succeeded' | 'array_by_key' | 'concat',
    answer: Answer,
    owner: number,
  ): void {
    const { argv, spec } = request
    const packed = pack(argv)
    const positions: number[] = []
    keyPositions(spec, packed.bytes, packed.offsets, packed.lengths, argv.length, positions)
    const step = positions.length > 1 ? (positions[1] as number) - (positions[0] as number) : argv.length - 1
    if ((argv.length - 1) % step !== 0) {
      // A value without its key, or the other way round: the handler of any shard says so. It must be one whose key the
      // command has locked when it acts for a lock owner.
      const first = positions[0] as number
      const shard = this.shardOf(packed.bytes, packed.offsets[first] as number, packed.lengths[first] as number)
      this.ask(shard, request, answer, owner)
      return
    }
    const partOfShard = new Int32Array(this.shardCount).fill(-1)
    const shardOfPart: number[] = []
    const partOfKey: number[] = []
    for (const position of positions) {
      const shard = this.shardOf(packed.bytes, packed.offsets[position] as number, packed.lengths[position] as number)
      if (partOfShard[shard] === -1) {
        partOfShard[shard] = shardOfPart.length
        shardOfPart.push(shard)
      }
      partOfKey.push(partOfShard[shard] as number)
    }
    const target = this.#gathers.open(shardOfPart.length, (parts) => answer(mergeReplies(merge, parts, partOfKey)))
    if (this.#partOffsets.length < argv.length) {
      this.#partOffsets = new Int32Array(argv.length * 2)
      this.#partLengths = new Int32Array(argv.length * 2)
    }
    for (let part = 0; part < shardOfPart.length; part++) {
      let argc = 1
      for (let k = 0; k < positions.length; k++) {
        if (partOfKey[k] !== part) continue
        for (let i = positions[k] as number, end = i + step; i < end; i++) {
          this.#partOffsets[argc] = packed.offsets[i] as number
          this.#partLengths[argc] = packed.lengths[i] as number
          argc++
        }
      }
      const link = this.links[shardOfPart[part] as number] as ShardLink
      link.outstanding++
      link.send(
        FrameKind.command,
        target,
        part,
        idOf(spec) | (request.database << 16),
        (request.flags & ~RequestFlag.silent) | (part === 0 ? 0 : RequestFlag.part),
        owner,
        this.#gsnLow,
        this.#gsnHigh,
        packed.bytes,
        this.#partOffsets,
        this.#partLengths,
        argc,
      )
    }
  }

  /**
   * Locks keys, or with 'all' every key of every shard, at the current sequence number, and returns the owner that frames
   * under these locks carry. Frames sent with that owner right after this run as soon as the locks are held.
   * @param also a name that is locked on each of the shards besides
   */
  lock(keys: readonly Uint8Array[] | 'all', also?: Uint8Array): { owner: number; shards: readonly number[] } {
    this.#lockOwner = (this.#lockOwner % LOCK_OWNERS_MAX) + 1
    const owner = this.#lockOwner
    if (keys === 'all') {
      const shards = this.links.map((link) => link.shard)
      for (const shard of shards) this.#sendLock(shard, owner, RequestFlag.lockAll, [NO_BYTES])
      return { owner, shards }
    }
    const byShard = new Map<number, Uint8Array[]>()
    for (const key of keys) {
      const shard = this.shardOf(key, 0, key.length)
      const names = byShard.get(shard)
      if (names === undefined) byShard.set(shard, [NO_BYTES, key])
      else names.push(key)
    }
    for (const [shard, names] of byShard) {
      if (also !== undefined) names.push(also)
      this.#sendLock(shard, owner, 0, names)
    }
    return { owner, shards: [...byShard.keys()] }
  }

  #sendLock(shard: number, owner: number, flags: number, argv: readonly Uint8Array[]): void {
    this.#lockOwnersOfShard[shard]!++
    const packed = pack(argv)
    const link = this.links[shard] as ShardLink
    link.send(
      FrameKind.lock,
      0,
      0,
      0,
      flags,
      owner,
      this.#gsnLow,
      this.#gsnHigh,
      packed.bytes,
      packed.offsets,
      packed.lengths,
      argv.length,
    )
  }

  /**
   * Whether a frame sent to the shard now may have to wait there for a lock. When not, the frames of one transaction run
   * one directly after the other.
   */
  isLocked(shard: number): boolean {
    return this.#lockOwnersOfShard[shard] !== 0
  }

  unlock(owner: number, shards: readonly number[]): void {
    for (const shard of shards) {
      this.#lockOwnersOfShard[shard]!--
      const link = this.links[shard] as ShardLink
      link.send(FrameKind.unlock, 0, 0, 0, 0, owner, this.#gsnLow, this.#gsnHigh, NO_BYTES, NO_NUMBERS, NO_NUMBERS, 1)
    }
  }

  /** Takes in all replies that have come; returns how many frames there were. */
  poll(): number {
    let frames = 0
    for (const link of this.links) {
      const { replies } = link
      const { words, bytes } = replies
      for (;;) {
        const offset = replies.next()
        if (offset < 0) break
        const word = offset >> 2
        const countWord = words[word + 3] as number
        const count = countWord & REPLY_COUNT_MASK
        const length = ((words[word] as number) & FRAME_LENGTH_MASK) - REPLY_BYTES - (countWord >>> REPLY_PADDING_SHIFT)
        const target = words[word + 1] as number
        link.outstanding -= count
        if ((target & TARGET_GATHER) === 0) {
          this.#sink.reply(target, words[word + 2] as number, count, bytes, offset + REPLY_BYTES, length)
        } else {
          this.#gathers.accept(target, words[word + 2] as number, count, bytes, offset + REPLY_BYTES, length)
        }
        replies.release(offset)
        frames++
      }
      replies.publishReleased()
    }
    return frames
  }
}

/** Arguments joined into one buffer, in the shape that frames are written from: without argument 0, which does not travel. */
function pack(argv: readonly Uint8Array[]): { bytes: Uint8Array; offsets: Int32Array; lengths: Int32Array } {
  const offsets = new Int32Array(argv.length)
  const lengths = new Int32Array(argv.length)
  let length = 0
  for (let i = 1; i < argv.length; i++) {
    offsets[i] = length
    lengths[i] = (argv[i] as Uint8Array).length
    length += lengths[i] as number
  }
  return { bytes: argv.length === 2 ? (argv[1] as Uint8Array) : joinBytes(argv.slice(1)), offsets, lengths }
}

function fixedFirstKey(spec: CommandSpec): number {
  if (spec.findKeys !== undefined || spec.keySpecs?.length !== 1) return 0
  const begin = spec.keySpecs[0]?.begin
  return typeof begin === 'object' && 'index' in begin ? begin.index : 0
}
