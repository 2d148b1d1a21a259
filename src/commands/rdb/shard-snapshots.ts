/**
 * What the commands of snapshots ask of the shard that executes them: interfaces only. `src/shard/snapshots.ts` provides them.
 */
import type { SnapshotOptions, SnapshotWalk } from '../../store/rdb/snapshot-walk.js'
import type { ShardLoading } from './shard-loading.js'

/** What a shard had at the moment of the snapshot. */
export interface SnapshotSizes {
  /** Modifications since the start. */
  readonly dirty: number
  readonly databases: readonly {
    readonly index: number
    readonly keys: number
    readonly expires: number
    /** There are hashes whose fields expire. */
    readonly hasFieldTimes: boolean
  }[]
}

export interface ShardSnapshots {
  readonly loading: ShardLoading
  /** Begins a snapshot of what is there now. The last one has ended. */
  begin(options: SnapshotOptions): SnapshotSizes
  /** Ends it, in steps; whatever is not written yet is not wanted any more. */
  end(): Iterator<undefined, SnapshotWalk | null>
}
