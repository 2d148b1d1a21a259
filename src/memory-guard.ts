/**
 * `maxmemory`: how much is in use, when keys have to go, and when writes are refused. Main thread.
 *
 * Shards write what they use to memory that this thread reads without asking, before they publish the replies that tell of
 * it. Memory is at its limit over all shards together; each is asked to evict in proportion to what it holds, ahead of the
 * write that is about to be sent, and not again before it has answered.
 *
 * Invariant: with one client that waits for its replies, what is in use passes the limit by one command at most.
 */

/** What a shard reports without being asked. */
export interface ShardMemory {
  /** Bytes that keys, values and tables take. */
  readonly usedBytes: number
  /** Keys that the policy allows to evict; 0 where it evicts none. */
  readonly evictableKeys: number
}

/** A share of less than this is left to the other shards: every eviction costs a key. */
const SHARE_BYTES_MIN = 16 * 1024

export class MemoryGuard {
  limitBytes = 0
  #clientBytes = 0
  #countedAtMs = 0
  /** For how long memory was over the limit while keys could be evicted, without the time going on now. */
  exceededMs = 0
  readonly #shards: readonly ShardMemory[]
  readonly #evict: (shard: number, bytes: number, done: () => void) => void
  readonly #countClientBytes: () => number
  readonly #nowMs: () => number
  readonly #isAsked: boolean[]
  #exceededSinceMs = 0

  /**
   * @param evict asks a shard to evict so many bytes, and calls `done` when it has answered
   * @param countClientBytes adds up query buffers and replies on their way of all clients
   */
  constructor(
    shards: readonly ShardMemory[],
    evict: (shard: number, bytes: number, done: () => void) => void,
    countClientBytes: () => number,
    nowMs: () => number,
  ) {
    this.#shards = shards
    this.#evict = evict
    this.#countClientBytes = countClientBytes
    this.#nowMs = nowMs
    this.#isAsked = shards.map(() => false)
  }

  /** Bytes of all keys, values, tables and clients. The threads' own JavaScript heaps are not counted. */
  get usedBytes(): number {
    let used = this.#clientBytes
    for (const shard of this.#shards) used += shard.usedBytes
    return used
  }

  /** For how long memory has been over the limit by now, 0 when it is not. */
  get exceedingMs(): number {
    return this.#exceededSinceMs === 0 ? 0 : this.#nowMs() - this.#exceededSinceMs
  }

  /** Whether commands that may take memory must be refused. Asks for eviction where that can help instead. */
  refusesWrites(): boolean {
    if (this.limitBytes === 0) return false
    const over = this.usedBytes - this.limitBytes
    if (over > 0 && !this.#relieve(over)) {
      // What clients hold may be another by now, and it must not be an old count that a write is refused for.
      if (this.#nowMs() !== this.#countedAtMs) this.#count()
      if (this.usedBytes > this.limitBytes) return true
    }
    if (over <= 0) this.#endExceeding()
    return false
  }

  /** Counts what clients hold, and evicts when memory is over its limit: for times when no client writes. */
  check(): void {
    this.#count()
    this.refusesWrites()
  }

  /** A client has gone for which so much was counted: it counts no longer, although all are counted only now and then. */
  clientGone(bytes: number): void {
    this.#clientBytes = Math.max(0, this.#clientBytes - bytes)
  }

  #count(): void {
    this.#countedAtMs = this.#nowMs()
    this.#clientBytes = this.#countClientBytes()
  }

  /** @returns false when there is nothing to evict */
  #relieve(over: number): boolean {
    let evictableBytes = 0
    let largest = -1
    this.#shards.forEach(({ usedBytes, evictableKeys }, shard) => {
      if (evictableKeys === 0) return
      evictableBytes += usedBytes
      if (largest === -1 || usedBytes > (this.#shards[largest] as ShardMemory).usedBytes) largest = shard
    })
    if (largest === -1) return false
    if (this.#exceededSinceMs === 0) this.#exceededSinceMs = this.#nowMs()
    this.#shards.forEach(({ usedBytes, evictableKeys }, shard) => {
      const share = Math.ceil((over * usedBytes) / evictableBytes)
      if (evictableKeys === 0 || this.#isAsked[shard] || (share < SHARE_BYTES_MIN && shard !== largest)) return
      this.#isAsked[shard] = true
      this.#evict(shard, share, () => {
        this.#isAsked[shard] = false
      })
    })
    return true
  }

  #endExceeding(): void {
    this.exceededMs += this.exceedingMs
    this.#exceededSinceMs = 0
  }
}
