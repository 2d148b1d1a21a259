/**
 * What the main thread itself asks of shards, one by one, with promises: for work on the whole data set, of which every
 * step waits for the one before it. Commands of clients do not come this way.
 *
 * Main thread.
 */
import type { CommandSpec } from './commands/spec.js'
import type { Lock } from './hops/hops.js'
import { onlyShard } from './hops/placement.js'
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

  /** The number given last. */
  get gsn(): number {
    return this.router.gsn
  }

  /** The owner of the locks of the transaction that a command of the main thread runs in, 0 for none. */
  get actingOwner(): number {
    return this.router.actingOwner
  }

  /** The numbers that are given from now on are above this one. */
  continueFrom(gsn: number): void {
    if (gsn > this.router.gsn) this.router.continueFrom(gsn)
  }

  shardOf(key: Uint8Array, offset: number, length: number): number {
    return this.router.shardOf(key, offset, length)
  }

  /** The one shard that can run the command as it is, or -1. */
  onlyShard(spec: CommandSpec, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): number {
    return onlyShard(this.router, spec, bytes, offsets, lengths, argc)
  }

  /** Runs a command wherever its keys are, as a client's; its own name, `argv[0]`, does not travel. */
  run(spec: CommandSpec, argv: readonly Uint8Array[], database: number): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.router.run({ spec, argv: [NO_NAME, ...argv.slice(1)], database, flags: 0 }, resolve)
      this.touch()
    })
  }

  /** Sends an internal command to every shard. */
  askAll(command: CommandSpec, argv: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return Promise.all(Array.from({ length: this.shardCount }, (_, shard) => this.ask(shard, command, argv, 0, 0)))
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
