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
import { asciiBytes, copyOf } from '../base/bytes.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import { HASH_SLOTS } from '../base/limits.js'
import { Prng } from '../base/prng.js'
import { shardServe, shardUnpark } from '../commands/internal.js'
import type { CommandSpec } from '../commands/spec.js'
import { commandNamed, idOf, specs } from '../commands/table.js'
import { coordinate } from '../hops/coordinate.js'
import type { Hops, Lock } from '../hops/hops.js'
import { pack } from '../hops/packed-arguments.js'
import { onlyShard, reachesKeyspace } from '../hops/placement.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { isError } from '../resp/reply-reader.js'
import { FRAME_KIND_SHIFT, FRAME_LENGTH_MASK } from '../ring/byte-ring.js'
import {
  FrameKind,
  GSN_GOES_ON,
  gsnOfWords,
  LOCK_OWNER_SHIFT,
  REPLY_BYTES,
  REPLY_COUNT_MASK,
  REPLY_PADDING_SHIFT,
  RequestFlag,
  TARGET_BLOCKING,
  TARGET_GATHER,
  TARGET_NOTICE,
} from '../ring/frames.js'
import { BlockedClients, type BlockedCommand } from './blocked-clients.js'
import { coordinators } from './coordinators.js'
import { runWidened } from './feeding.js'
import { Feeds } from './feeds.js'
import { GatherTable } from './gather.js'
import { LockOwners } from './lock-owners.js'
import type { Migration } from './migrate.js'
import { NoticeAssembly } from './notice-assembly.js'
import { MADE_HERE, type ReplyGate } from './reply-gate.js'
import type { ReplySink } from './reply-sink.js'
import { isScript, type ScriptKnowledge } from './scripts.js'
import type { ShardLink } from './shard-link.js'

const RouteKind = { main: 0, key: 1, split: 2, shards: 3, hops: 4, router: 5 } as const

const NO_BYTES = new Uint8Array(0)

const FLUSHALL = idOf(commandNamed('flushall'))

export class Router implements Hops {
  readonly links: readonly ShardLink[]
  readonly shardCount: number
  readonly databases: number
  readonly random: Prng
  /** The way to other servers; set once by the wiring, where there is one. */
  migration: Migration | null = null
  /** What comes between FLUSHALL and its answer to a client; set once by the wiring, where there is something. */
  afterFlush: (done: () => void) => void = (done) => done()
  /** Set once by the wiring, where there are scripts. */
  scripts!: ScriptKnowledge
  readonly blocked: BlockedClients
  readonly feeds: Feeds
  readonly #sink: ReplySink
  readonly #gathers = new GatherTable()
  readonly #notices: NoticeAssembly
  readonly #shardOfSlot = new Uint8Array(HASH_SLOTS)
  readonly #kinds: Uint8Array
  /** The position of the first key where it is the same in every call, else 0. */
  readonly #firstKey: Uint8Array
  readonly #writes: Uint8Array
  /** Those, and scripts. */
  readonly #mayWrite: Uint8Array
  readonly #locks: LockOwners
  #gsnLow = 0
  #gsnHigh = 0
  #isOperationOpen = false
  /**
   * The lock owner that frames act for when their sender names none: a command of the main thread inside a transaction
   * asks shards without knowing of its locks.
   */
  actingOwner = 0
  /** Whose command is being routed, see frames.ts: set by whoever routes it for as long as it does. */
  origin = 0
  /**
   * The client, in ASCII digits, that the script reads for which is routed next, if that client tracks what it reads. Who
   * routes the script takes it away.
   */
  reader: Uint8Array | null = null
  /** Where replies wait until what they answer is on the disk. */
  gate: ReplyGate | null = null
  /** Somebody wants notices of shards as they come, and not only with the next replies. */
  isListening = false
  /** Flags that frames carry besides their own, because of the transaction that they belong to: likewise. */
  actingFlags = 0

  /** @param claims see ring/claims.ts */
  constructor(
    links: readonly ShardLink[],
    sink: ReplySink,
    databases: number,
    randomSeed: number,
    claims: SharedArrayBuffer,
  ) {
    this.links = links
    this.shardCount = links.length
    this.#sink = sink
    this.#notices = new NoticeAssembly(sink, links.length)
    this.databases = databases
    this.random = new Prng(randomSeed)
    for (let slot = 0; slot < HASH_SLOTS; slot++) {
      this.#shardOfSlot[slot] = shardOfSlot(slot, this.shardCount)
    }
    this.#kinds = Uint8Array.from(specs, (spec) => RouteKind[spec.route?.on ?? 'main'])
    this.#firstKey = Uint8Array.from(specs, fixedFirstKey)
    this.#writes = Uint8Array.from(specs, (spec) => (spec.flags.includes('write') ? 1 : 0))
    this.#mayWrite = Uint8Array.from(specs, (spec) => (mayWrite(spec) ? 1 : 0))
    const shardOf = (key: Uint8Array): number => this.shardOf(key, 0, key.length)
    this.#locks = new LockOwners(this.shardCount, shardOf, (shard, kind, flags, owner, argv) => {
      this.#control(shard, kind, flags, owner, argv)
    })
    this.feeds = new Feeds(shardOf)
    this.blocked = new BlockedClients(claims, sink, this.feeds, (shards, ticket, done) => {
      this.#tell(shards, shardUnpark, [NO_BYTES, asciiBytes(String(ticket))], done)
    })
  }

  /** The sequence number given last. */
  get gsn(): number {
    return gsnOfWords(this.#gsnLow, this.#gsnHigh)
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
    if (this.feeds.isActive && this.#writes[id] !== 0) {
      this.#routeSlowly(id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
      return
    }
    const firstKey = this.#firstKey[id] as number
    if (this.#kinds[id] === RouteKind.key && firstKey !== 0) {
      const shard = this.shardOf(bytes, offsets[firstKey] as number, lengths[firstKey] as number)
      this.#nextGsn()
      this.sendRanges(shard, slot, sequence, id | (database << 16), flags, 0, bytes, offsets, lengths, argc)
      return
    }
    this.#routeSlowly(id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
  }

  /** Writes one command's frame, whose arguments are ranges of `bytes`. */
  sendRanges(
    shard: number,
    target: number,
    sequence: number,
    idAndDb: number,
    flags: number,
    owner: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const link = this.links[shard] as ShardLink
    const actor = owner === 0 ? this.origin : (owner << LOCK_OWNER_SHIFT) | this.#locks.originOf(owner)
    link.outstanding++
    if (this.gate?.isOn === true && (owner !== 0 || this.#mayWrite[idAndDb & 0xffff] !== 0))
      this.gate.lastWriteGsn = this.gsn
    link.send(
      FrameKind.command,
      target,
      sequence,
      idAndDb,
      flags,
      actor,
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
    const isFeeding = this.feeds.isActive && this.#writes[id] !== 0
    const isFlush = id === FLUSHALL
    if (
      !isFeeding &&
      !isFlush &&
      this.routeToOneShard(id, slot, sequence, database, flags, bytes, offsets, lengths, argc)
    )
      return
    const argv: Uint8Array[] = [NO_BYTES]
    for (let i = 1; i < argc; i++) {
      const offset = offsets[i] as number
      argv.push(copyOf(bytes, offset, lengths[i] as number))
    }
    const request = { spec: specs[id] as CommandSpec, argv, database, flags }
    const answer: Answer = (reply) => {
      if (isFlush && !isError(reply)) this.afterFlush(() => this.answer(slot, sequence, flags, reply))
      else this.answer(slot, sequence, flags, reply)
    }
    if (isFeeding) runWidened(this, request, answer)
    else if (isFlush) this.run(request, answer)
    else this.coordinate(request, answer)
  }

  /** Gives a client the reply to a command that came with these flags. */
  answer(slot: number, sequence: number, flags: number, reply: Uint8Array): void {
    const silent = (flags & RequestFlag.silent) !== 0
    if (this.gate !== null) this.gate.source = MADE_HERE
    this.#sink.reply(slot, sequence, 1, reply, 0, silent ? 0 : reply.length)
  }

  /**
   * As `route`, but only where one shard can run the command as it is; returns whether that is so. The target that `slot` is
   * may be a blocking one.
   */
  routeToOneShard(
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): boolean {
    const shard = onlyShard(this, specs[id] as CommandSpec, bytes, offsets, lengths, argc)
    if (shard < 0) return false
    this.#nextGsn()
    this.sendRanges(shard, slot, sequence, id | (database << 16), flags, 0, bytes, offsets, lengths, argc)
    return true
  }

  /**
   * Whether a command may run only while all of every shard is locked: it looks at keys that its arguments do not name, or
   * it is a script over several shards, at which all the others attend.
   */
  needsAllShards(request: CommandRequest): boolean {
    if (!isScript(request.spec)) return reachesKeyspace(request)
    return this.scripts.reachesKeyspace(request) || this.scripts.reachesShards(request)
  }

  onlyShardOf(request: CommandRequest): number {
    const packed = pack(request.argv)
    return onlyShard(this, request.spec, packed.bytes, packed.offsets, packed.lengths, request.argv.length)
  }

  /** Runs a command over several shards (or by the router's own choice) and answers with one merged reply. */
  coordinate(request: CommandRequest, answer: Answer, owner = 0): void {
    coordinate(this, coordinators, request, answer, owner)
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
    const { bytes, offsets, lengths } = pack(argv)
    const idAndDb = idOf(spec) | (database << 16)
    this.sendRanges(
      shard,
      target,
      part,
      idAndDb,
      (flags & ~RequestFlag.silent) | this.actingFlags,
      owner,
      bytes,
      offsets,
      lengths,
      argv.length,
    )
  }

  /** The next number that is given is behind this one, which the log of writes has reached. */
  continueFrom(gsn: number): void {
    this.#gsnLow = gsn | 0
    this.#gsnHigh = Math.floor(gsn / 4294967296)
  }

  /**
   * All frames from here to the end of the operation carry one number, and say that there are more of them: a shard that has
   * executed some has not done its part of it. For what is sent in one go, and without locks.
   */
  beginOperation(): void {
    this.#nextGsn()
    this.#isOperationOpen = true
    this.#gsnHigh |= GSN_GOES_ON
  }

  /** Ends what `beginOperation` began. @param shards those that have got some of it */
  endOperation(shards: Iterable<number>): void {
    this.#isOperationOpen = false
    this.#gsnHigh &= ~GSN_GOES_ON
    for (const shard of shards) this.#control(shard, FrameKind.through, 0, 0, [NO_BYTES])
  }

  /** Gives the next sequence number; the frames that follow carry it. */
  nextGsn(): void {
    this.#nextGsn()
  }

  #nextGsn(): void {
    if (this.#isOperationOpen) return
    this.#gsnLow = (this.#gsnLow + 1) | 0
    if (this.#gsnLow === 0) this.#gsnHigh++
  }

  /**
   * Locks keys, or with 'all' every key of every shard, at the current sequence number, and returns the owner that frames
   * under these locks carry. Frames sent with that owner right after this run as soon as the locks are held.
   * @param also a name that is locked on each of the shards besides
   * @param besides shards that take part even without a key
   */
  lock(keys: readonly Uint8Array[] | 'all', also?: Uint8Array, besides?: readonly number[]): Lock {
    return this.#locks.lock(this.origin, keys, also, besides)
  }

  /**
   * @param then called when those are served who waited for one of the keys. So nobody can hear that a key has something
   *   before they are, and somebody looks for their replies, which no shard owes.
   */
  unlock(owner: number, shards: readonly number[], then: () => void = () => {}): void {
    this.#locks.unlock(owner, shards)
    if (this.gate !== null) this.gate.lastWriteGsn = this.gsn
    if (this.blocked.size > 0) this.#tell(shards, shardServe, [NO_BYTES], then)
    else then()
  }

  /** Sends a command without keys to shards on nobody's behalf. */
  #tell(shards: readonly number[], spec: CommandSpec, argv: readonly Uint8Array[], done: () => void): void {
    if (shards.length === 0) {
      done()
      return
    }
    const target = this.#gathers.open(shards.length, done)
    shards.forEach((shard, part) => {
      this.send(shard, target, part, spec, 0, 0, argv, 0)
    })
  }

  /** Writes a frame that is no command and has no reply. */
  #control(shard: number, kind: number, flags: number, owner: number, argv: readonly Uint8Array[]): void {
    const { bytes, offsets, lengths } = pack(argv)
    const link = this.links[shard] as ShardLink
    const actor = owner << LOCK_OWNER_SHIFT
    link.send(kind, 0, 0, 0, flags, actor, this.#gsnLow, this.#gsnHigh, bytes, offsets, lengths, argv.length)
  }

  /** Parks the client of a blocking command on a shard, on which its keys are locked. */
  park(shard: number, { slot, sequence, ticket }: BlockedCommand, request: CommandRequest): void {
    const { bytes, offsets, lengths } = pack(request.argv)
    const link = this.links[shard] as ShardLink
    const idAndDb = idOf(request.spec) | (request.database << 16)
    const target = slot | TARGET_BLOCKING
    const argc = request.argv.length
    link.send(FrameKind.park, target, sequence, idAndDb, request.flags, 0, ticket, 0, bytes, offsets, lengths, argc)
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
        if (this.gate !== null) this.gate.source = link.shard
        if ((target & (TARGET_GATHER | TARGET_BLOCKING)) === 0) {
          this.#sink.reply(target, words[word + 2] as number, count, bytes, offset + REPLY_BYTES, length)
        } else if ((target & TARGET_NOTICE) === TARGET_NOTICE) {
          this.#notices.accept(link.shard, target, words[word + 2] as number, bytes, offset + REPLY_BYTES, length)
        } else if ((target & TARGET_GATHER) === 0) {
          const kind = (words[word] as number) >>> FRAME_KIND_SHIFT
          const slot = target & ~TARGET_BLOCKING
          const unowed = this.blocked.accept(link.shard, kind, slot, count, bytes, offset + REPLY_BYTES, length)
          link.outstanding += unowed
        } else {
          this.#gathers.accept(target, words[word + 2] as number, count, bytes, offset + REPLY_BYTES, length)
        }
        replies.release(offset)
        frames++
      }
      replies.publishReleased()
    }
    if (this.gate !== null) this.gate.source = MADE_HERE
    return frames
  }
}

function mayWrite({ flags, group, route }: CommandSpec): boolean {
  return flags.includes('write') || (group === 'scripting' && route !== undefined)
}

function fixedFirstKey(spec: CommandSpec): number {
  if (spec.findKeys !== undefined || spec.keySpecs?.length !== 1) return 0
  const begin = spec.keySpecs[0]?.begin
  return typeof begin === 'object' && 'index' in begin ? begin.index : 0
}
