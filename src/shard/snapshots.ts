/**
 * A shard's part in a snapshot: begins it, goes on with it between batches, and has keys written before commands change them.
 *
 * Runs in a shard worker. The walk waits when the way to the writer is full (ring/part-channel.ts); commands do not. All that
 * can pile up is what commands are about to change.
 */
import type { ShardSnapshots, SnapshotSizes } from '../commands/rdb/shard-snapshots.js'
import type { ShardCall } from '../commands/shard-call.js'
import { idOf, specs, writtenKeyPositions } from '../commands/table.js'
import { createSnapshotMemory, PartSender, type SnapshotMemory } from '../ring/part-channel.js'
import type { Keyspace } from '../store/keyspace.js'
import { type SnapshotOptions, SnapshotWalk } from '../store/rdb/snapshot-walk.js'

/** How long the walk goes on between two batches of requests, and at a time when there are none. */
const SLICE_US = 200
const IDLE_SLICE_US = 500

/** Of commands by id: whether they name keys that they may change. */
const changesKeys = specs.map(
  ({ flags, keySpecs, findKeys }) =>
    (flags.includes('write') && findKeys !== undefined) ||
    (keySpecs ?? []).some((keySpec) => !keySpec.flags.includes('RO') && !keySpec.flags.includes('not_key')),
)
/** They may change a key of that name in another database than their own. */
const reachesDatabases = specs.map(({ name }) => name === 'copy' || name === 'move')

const NO_BYTES = new Uint8Array(0)
const positions: number[] = []

/** Has the snapshot in hand write the keys that a command is about to change. */
export function writeBefore(call: ShardCall): void {
  const id = idOf(call.spec)
  if (changesKeys[id] !== true) return
  const { spec, bytes, offsets, lengths, argc, keyspace } = call
  positions.length = 0
  if (spec.flags.includes('readonly')) positions.push(1)
  else writtenKeyPositions(spec, bytes, offsets, lengths, argc, positions)
  for (const i of positions) {
    const offset = offsets[i] as number
    const length = lengths[i] as number
    if (call.db.standOnPast(bytes, offset, length)) keyspace.snapshot?.write(call.db)
    if (reachesDatabases[id] !== true) continue
    for (let index = 0; index < keyspace.databases; index++) {
      const db = keyspace.existingDatabase(index)
      if (db?.standOnPast(bytes, offset, length) === true) keyspace.snapshot?.write(db)
    }
  }
}

export class Snapshots implements ShardSnapshots {
  readonly #keyspace: Keyspace
  readonly #sender: PartSender
  readonly #clockUs: () => number
  #walk: SnapshotWalk | null = null
  /** Its last part has been sent. */
  #isSent = true
  #sentBytes = 0
  /** The keys that were written and when the last of them was, for `rdb-key-save-delay`. */
  #keys = 0
  #lastStepUs = 0

  constructor(keyspace: Keyspace, memory: SnapshotMemory | undefined, shard: number, clockUs: () => number) {
    const { control, channels } = memory ?? createSnapshotMemory(shard + 1)
    this.#keyspace = keyspace
    this.#sender = new PartSender(channels[shard] as SharedArrayBuffer, control)
    this.#clockUs = clockUs
  }

  begin(options: SnapshotOptions): SnapshotSizes {
    const keyspace = this.#keyspace
    const databases = []
    for (let index = 0; index < keyspace.databases; index++) {
      const db = keyspace.existingDatabase(index)
      if (db === null || db.size === 0) continue
      databases.push({ index, keys: db.size, expires: db.expiresSize, hasFieldTimes: db.fieldExpiresSize > 0 })
    }
    this.#sender.reset()
    this.#walk = new SnapshotWalk(keyspace, options)
    this.#isSent = false
    this.#sentBytes = 0
    this.#keys = 0
    this.#lastStepUs = 0
    return { dirty: keyspace.stats.dirty, databases }
  }

  /** Something is left to be written or sent. */
  get isOn(): boolean {
    return !this.#isSent
  }

  /** A slice of the walk. @returns false when there is nothing to do, or it has to wait */
  step(isBusy: boolean): boolean {
    const walk = this.#walk
    if (walk === null || this.#isSent) return false
    const startedUs = this.#clockUs()
    const untilUs = startedUs + (isBusy ? SLICE_US : IDLE_SLICE_US)
    let hasWorked = false
    let nowUs = startedUs
    do {
      if (this.#send(walk)) {
        hasWorked = true
      } else if (!walk.isThrough && walk.firstPart === undefined && !this.#isDelayed(walk, nowUs)) {
        walk.step()
        hasWorked = true
      } else {
        break
      }
      nowUs = this.#clockUs()
    } while (nowUs < untilUs && !this.#isSent)
    this.#sender.report(walk.keys)
    return hasWorked && !this.#isSent
  }

  #isDelayed(walk: SnapshotWalk, nowUs: number): boolean {
    const delayUs = this.#sender.keyDelayUs
    if (delayUs > 0 && nowUs < this.#lastStepUs + (walk.keys - this.#keys) * delayUs) return true
    this.#keys = walk.keys
    this.#lastStepUs = nowUs
    return false
  }

  /** Sends a piece of what is ready. @returns false when there is nothing, or no room for it */
  #send(walk: SnapshotWalk): boolean {
    const part = walk.firstPart ?? (walk.isThrough ? NO_BYTES : undefined)
    if (part === undefined || !this.#sender.hasRoom) return false
    this.#sentBytes += this.#sender.send(part, this.#sentBytes, part === NO_BYTES)
    if (this.#sentBytes < part.length) return true
    this.#sentBytes = 0
    walk.dropPart()
    this.#isSent = part === NO_BYTES
    return true
  }

  /** Nothing of the snapshot is wanted any more. @returns what came of it, when the last step is taken */
  *end(): Generator<undefined, SnapshotWalk | null> {
    const walk = this.#walk
    this.#isSent = true
    if (walk === null) return null
    if (!walk.isThrough) {
      walk.abandon()
      while (walk.step()) yield
    }
    this.#walk = null
    return walk
  }
}
