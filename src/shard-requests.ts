/**
 * What the main thread itself asks of shards, one by one, with promises: for work on the whole data set, of which every
 * step waits for the one before it. Commands of clients do not come this way.
 *
 * Main thread.
 */
import type { CommandSpec } from './commands/spec.js'
import type { Lock } from './hops/hops.js'
import type { Router } from './router/router.js'

export class ShardRequests {
  constructor(
    private readonly router: Router,
    /** Has what was sent published at the end of this turn, and replies looked for. */
    private readonly touch: () => void,
  ) {}

  get shardCount(): number {
    return this.router.shardCount
  }

  shardOf(key: Uint8Array, offset: number, length: number): number {
    return this.router.shardOf(key, offset, length)
  }

  /** Locks every key of every shard, at this place in the order. */
  lockAll(): Lock {
    this.router.nextGsn()
    return this.router.lock('all')
  }

  unlock({ owner, shards }: Lock): void {
    this.router.unlock(owner, shards)
    this.touch()
  }

  /**
   * Sends an internal command to a shard; `argv` is without a name.
   * @param owner the owner of a lock on whose behalf it is sent, 0 for none
   * @returns the reply, encoded; errors are replies too
   */
  ask(
    shard: number,
    command: CommandSpec,
    argv: readonly Uint8Array[],
    database: number,
    owner: number,
  ): Promise<Uint8Array> {
    return new Promise((resolve) => {
      if (owner === 0) this.router.nextGsn()
      const target = this.router.gather(1, (parts) => resolve(parts[0] as Uint8Array))
      this.router.send(shard, target, 0, command, database, 0, [NO_NAME, ...argv], owner)
      this.touch()
    })
  }
}

const NO_NAME = new Uint8Array(0)
