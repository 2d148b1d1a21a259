/**
 * A whole server but for its sockets, in one thread: real shards, real rings, a real router, and somebody else who says
 * which of them goes on.
 *
 * Only used by the simulation. Rings are as small as they may be (16 KiB), so that they fill, wrap and back up.
 */

import { createRingMemory, FRAME_KIND_SHIFT, RingConsumer, type RingMemory } from '../../src/ring/byte-ring.js'
import { createClaimsMemory } from '../../src/ring/claims.js'
import { FrameKind, gsnOf } from '../../src/ring/frames.js'
import type { ReplySink } from '../../src/router/reply-sink.js'
import { Router } from '../../src/router/router.js'
import { ShardLink } from '../../src/router/shard-link.js'
import { ShardExecutor } from '../../src/shard/executor.js'
import { Gauge } from '../../src/shard/gauges.js'
import type { Slicing } from '../../src/shard/shard-options.js'
import type { Database } from '../../src/store/database.js'
import { NO_EXPIRY, ValueType } from '../../src/store/value-type.js'

const RING_BYTES = 16 * 1024
const ARENA_CHUNK_BYTES = 1024 * 1024
const STARTED_AT_MS = 1_700_000_000_000

/** Collections of the simulation have a few elements. */
const SMALL_PORTIONS = { straightElementsMax: 2, stepElements: 2 }
/** So few that some of them are no packed ones, which go between shards in one piece. */
const SMALL_LIMITS = [
  ['list-max-listpack-size', '2'],
  ['set-max-listpack-entries', '3'],
] as const

interface Shard {
  readonly executor: ShardExecutor
  readonly order: OrderObserver
  readonly gauges: Float64Array
}

export class SimulatedServer {
  nowMs = STARTED_AT_MS
  /** Counts everything that clients ask and hear, so that it is known what came first. */
  moment = 0
  readonly router: Router
  readonly shards: readonly Shard[]

  /** @param isSliceOver cuts long commands into slices; without it they are done in one go, as time stands still */
  constructor(
    shardCount: number,
    databases: number,
    sink: ReplySink,
    seed: number,
    isSliceOver?: Slicing['isSliceOver'],
  ) {
    const links: ShardLink[] = []
    const shards: Shard[] = []
    const claims = createClaimsMemory()
    const clock = {
      nowMs: () => this.nowMs,
      nowUs: () => this.nowMs * 1000,
      monotonicUs: () => this.nowMs * 1000,
    }
    for (let shard = 0; shard < shardCount; shard++) {
      const requests = createRingMemory(RING_BYTES)
      const replies = createRingMemory(RING_BYTES)
      const gauges = new Float64Array(Gauge.COUNT)
      const executor = new ShardExecutor({
        shard,
        shardCount,
        requests,
        replies,
        claims,
        databases,
        hashSeed: [seed, seed + 1],
        randomSeed: seed + shard,
        arenaChunkBytes: ARENA_CHUNK_BYTES,
        clock,
        gauges,
        ...(isSliceOver === undefined ? {} : { slicing: { portions: SMALL_PORTIONS, isSliceOver } }),
        events: {},
        onRepliesFull: () => {
          if (this.router.poll() === 0) throw new Error('the reply ring is full, but holds no frame')
        },
      })
      if (isSliceOver !== undefined) for (const [name, value] of SMALL_LIMITS) executor.applySetting(name, value)
      shards.push({ executor, gauges, order: new OrderObserver(requests) })
      links.push(new ShardLink(shard, requests, replies))
    }
    this.shards = shards
    this.router = new Router(links, sink, databases, seed, claims)
    this.router.setTime(this.nowMs)
  }

  /** Lets a shard execute up to `framesMax` frames and do what it does between batches. */
  drain(shard: number, framesMax: number): number {
    const { executor, order } = this.shards[shard] as Shard
    order.look()
    const done = executor.drain(framesMax)
    if (done > 0) executor.periodic()
    if (executor.sliceWork()) return done + 1
    if (done === 0) executor.housekeeping.idle()
    return done
  }

  /** What the shard has said that it holds. */
  reportedBytes(shard: number): number {
    return this.shards[shard]?.gauges[Gauge.usedBytes] ?? 0
  }

  /** What must not be left when nobody has anything to do. */
  leftovers(): string[] {
    const found: string[] = []
    const { router } = this
    if (router.outstanding !== 0) found.push(`${router.outstanding} replies are outstanding`)
    if (router.openGathers !== 0) found.push(`${router.openGathers} gathers are open`)
    if (router.isCongested) found.push('frames are backed up')
    if (router.blocked.size !== 0) found.push(`${router.blocked.size} blocking commands are open`)
    if (router.feeds.isActive) found.push('a feed is active')
    this.shards.forEach(({ executor }, shard) => {
      if (executor.locks.isActive)
        found.push(`shard ${shard} has locks, and ${executor.locks.waitingCount} frames that wait`)
      if (executor.slicedWork.first !== undefined) found.push(`shard ${shard} has work that is not through`)
      if (executor.keyspace.nursery.size !== 0) found.push(`shard ${shard} has values in the making`)
      if (executor.watches.size !== 0) found.push(`shard ${shard} has ${executor.watches.size} watchers`)
      if (executor.blocking.waiting.size !== 0) found.push(`shard ${shard} has clients that wait`)
    })
    return found
  }

  /** All keys that are not past their time, by database, as `describeKey` writes them. */
  contents(databases: number): string[][] {
    return Array.from({ length: databases }, (_, index) => {
      const keys: string[] = []
      for (const [shard, { executor }] of this.shards.entries()) {
        const visit = (db: Database): boolean => {
          const expireAtMs = db.expireAtMs() === NO_EXPIRY ? Number.POSITIVE_INFINITY : db.expireAtMs()
          const key = textOf(db.bytes, db.keyOffset, db.keyLength)
          // What is in a collection is asked for at the end, as clients would.
          const isString = db.type === ValueType.string
          const value = isString ? textOf(db.bytes, db.valueOffset, db.valueLength) : 'a collection'
          if (expireAtMs >= this.nowMs) keys.push(describeKey(shard, key, value, expireAtMs))
          return true
        }
        executor.keyspace.existingDatabase(index)?.forEach(visit)
      }
      return keys.sort()
    })
  }

  shardOf(key: string): number {
    const bytes = Buffer.from(key, 'latin1')
    return this.router.shardOf(bytes, 0, bytes.length)
  }
}

function textOf(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
}

/** One key with all that is known of it, for comparison. */
export function describeKey(shard: number, key: string, value: string, expireAtMs: number): string {
  const shown = value.length > 40 ? `${value.slice(0, 40)}... (${value.length})` : value
  return `${key} on shard ${shard}: ${shown} until ${expireAtMs}`
}

/** Reads along in a request ring, before its shard does: the sequence numbers in it must not fall. */
class OrderObserver {
  readonly #ring: RingConsumer
  #gsn = 0

  constructor(memory: RingMemory) {
    this.#ring = new RingConsumer(memory)
  }

  look(): void {
    const ring = this.#ring
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
      const word = offset >> 2
      const kind = (ring.words[word] as number) >>> FRAME_KIND_SHIFT
      if (kind === FrameKind.command || kind === FrameKind.lock || kind === FrameKind.unlock) {
        const gsn = gsnOf(ring.words, word)
        if (gsn < this.#gsn) throw new Error(`sequence number ${gsn} stands in a ring behind ${this.#gsn}`)
        this.#gsn = gsn
      }
      ring.release(offset)
    }
  }
}
