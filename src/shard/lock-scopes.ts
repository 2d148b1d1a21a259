/**
 * What the frame in hand needs locks on: the names of its keys, or the whole shard.
 *
 * Runs in a shard worker. The call holds the frame's arguments.
 */

import type { Flows } from '../base/flows.js'
import type { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf, keyPositions, reachOf, specs } from '../commands/table.js'
import { RequestFlag } from '../ring/frames.js'
import { type LockScope, lockName, takesWholeShard } from './lock-table.js'

const unkeyed = specs.map((spec) => takesWholeShard(spec))

export class LockScopes {
  constructor(
    private readonly call: ShardCall,
    /** From keys that somebody waits for to the keys that what they get goes to. */
    private readonly flows: Flows,
    private readonly isScriptOverKeyspace: (spec: CommandSpec) => boolean,
  ) {}

  /** Of a lock frame with these flags. */
  ofLock(flags: number): LockScope {
    if ((flags & RequestFlag.lockAll) !== 0) return 'all'
    const { bytes, offsets, lengths, argc } = this.call
    const names: string[] = []
    for (let i = 1; i < argc; i++) names.push(lockName(bytes, offsets[i] as number, lengths[i] as number))
    return this.#withDestinations(names)
  }

  ofCommand(spec: CommandSpec): LockScope {
    const { bytes, offsets, lengths, argc } = this.call
    const reaches = reachOf(spec, bytes, offsets, lengths, argc) === 'keyspace' || this.isScriptOverKeyspace(spec)
    if (reaches || unkeyed[idOf(spec)]) return 'all'
    const positions: number[] = []
    keyPositions(spec, bytes, offsets, lengths, argc, positions)
    return this.#withDestinations(positions.map((i) => lockName(bytes, offsets[i] as number, lengths[i] as number)))
  }

  /** Whoever writes to a key that somebody waits for with a destination writes to the destination as well. */
  #withDestinations(names: readonly string[]): readonly string[] {
    return this.flows.isEmpty ? names : [...this.flows.reach(names)]
  }
}
