/**
 * A shard's part in a snapshot: begins it, goes on with it between batches, and has keys written before commands change them.
 *
 * Runs in a shard worker. The walk waits when the way to the writer is full (ring/part-channel.ts); commands do not. All that
 * can pile up is what commands are about to change.
 *
 * Invariant: every wait for a large value ends. It ends with the walk, and the walk waits for no command and no lock: only for
 * room, which the writer makes; and where the writer waits for the rest of a value, that value's walk goes on.
 */
import { shardBegin } from '../commands/internal.js'
import type { ShardSnapshots, SnapshotSizes } from '../commands/rdb/shard-snapshots.js'
import type { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf, specs, writtenKeyPositions } from '../commands/table.js'
import { RequestFlag } from '../ring/frames.js'
import { createSnapshotMemory, PartSender, type SnapshotMemory } from '../ring/part-channel.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { type SnapshotOptions, SnapshotWalk } from '../store/rdb/snapshot-walk.js'
import { type LockTable, lockName, type WaitingFrame } from './lock-table.js'
import { SnapshotLoading } from './snapshot-loading.js'

/**
 * How long the walk goes on before it is looked whether there are requests, each of which may have to wait for so long: at least
 * the one; half as long as the requests before took, so that a full shard's snapshot comes forward; at most the other.
 */
const SLICE_US = 100
const SLICE_US_MAX = 500
/** And how long it then rests: otherwise it would keep a processor from the threads that serve the same clients. */
const REST_US = 100
/** Looks as often whether there is room on the way to the file, of which nobody tells it. */
const ROOM_WAIT_MS = 2

/** Of commands by id: whether they name keys that they may change. */
const changesKeys = specs.map(
  ({ flags, keySpecs, findKeys }) =>
    (flags.includes('write') && findKeys !== undefined) ||
    (keySpecs ?? []).some((keySpec) => !keySpec.flags.includes('RO') && !keySpec.flags.includes('not_key')),
)
/** They may change a key of that name in another database than their own. */
const reachesDatabases = specs.map(({ name }) => name === 'copy' || name === 'move')

/** Frames with one of these follow others, of the same transaction, that may have run already. */
const NEVER_WAITS = RequestFlag.within | RequestFlag.conditional
/** Locks of other long work count down from -1 (sliced-work.ts). */
const FIRST_OWNER = -1_000_000_000
/** A lock for the snapshot's sake is no operation that others would be behind. */
const AT_ANY_TIME = Number.POSITIVE_INFINITY

/** A large value for which a command waits. */
interface HeldKey {
  readonly db: Database
  readonly key: Uint8Array
  readonly owner: number
}

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
  readonly loading: SnapshotLoading
  readonly #call: ShardCall
  readonly #keyspace: Keyspace
  readonly #locks: LockTable
  readonly #goOn: (frame: WaitingFrame) => void
  readonly #sender: PartSender
  readonly #clockUs: () => number
  #walk: SnapshotWalk | null = null
  /** Its last part has been sent. */
  #isSent = true
  #sentBytes = 0
  /** The keys that were written and when the last of them was, for `rdb-key-save-delay`. */
  #keys = 0
  #lastStepUs = 0
  #restsUntilUs = 0
  readonly #held: HeldKey[] = []
  #lastOwner = FIRST_OWNER

  /** @param goOn executes a frame that has waited */
  constructor(
    call: ShardCall,
    locks: LockTable,
    memory: SnapshotMemory | undefined,
    clockUs: () => number,
    goOn: (frame: WaitingFrame) => void,
  ) {
    const { shard, shardCount, keyspace } = call
    this.loading = new SnapshotLoading(keyspace, shard, shardCount)
    const { control, channels } = memory ?? createSnapshotMemory(shard + 1)
    this.#call = call
    this.#keyspace = keyspace
    this.#locks = locks
    this.#goOn = goOn
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

  /** Something is left to be written or sent, or somebody to be let go on. */
  get isOn(): boolean {
    return !this.#isSent || this.#held.length > 0
  }

  /**
   * A slice of the walk, which goes on when there is nothing to send: all is sent, or with a value half sent, what waits must not
   * come between and only the walk has the value's next piece.
   * @param isBusy there are requests, between which it rests, unless somebody waits for a value
   * @returns for how many ms it has nothing to do, 0 when it goes on at once
   */
  step(isBusy: boolean): number {
    const walk = this.#walk
    if (walk === null || this.#isSent) {
      this.#letGo()
      return 0
    }
    const startedUs = this.#clockUs()
    if (isBusy && this.#held.length === 0 && startedUs < this.#restsUntilUs) {
      return Math.min(REST_US, this.#restsUntilUs - startedUs) / 1000
    }
    const betweenUs = startedUs - this.#restsUntilUs + REST_US
    const untilUs = startedUs + Math.min(Math.max(betweenUs / 2, SLICE_US), SLICE_US_MAX)
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
    this.#letGo()
    this.#restsUntilUs = nowUs + REST_US
    return hasWorked ? 0 : ROOM_WAIT_MS
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
    const part = walk.firstPart
    if ((part === undefined && !walk.isThrough) || !this.#sender.hasRoom) return false
    if (part === undefined) {
      this.#sender.end()
      this.#isSent = true
      return true
    }
    this.#sentBytes += this.#sender.send(part.bytes, this.#sentBytes, part.goesOn)
    if (this.#sentBytes < part.bytes.length) return true
    this.#sentBytes = 0
    walk.dropPart()
    return true
  }

  /**
   * Has the command in hand wait for what is left to be written of a large value that it is about to change: the value's key
   * is locked until then. What must follow its neighbours at once cannot wait, see `writeBefore`.
   */
  lockLarge(spec: CommandSpec, dbIndex: number, flags: number, owner: number): void {
    const { snapshot } = this.#keyspace
    if (snapshot === null || (flags & NEVER_WAITS) !== 0) return
    const { bytes, offsets, lengths, argc } = this.#call
    positions.length = 0
    if (spec === shardBegin) for (let i = 2; i < argc; i++) positions.push(i)
    else if (changesKeys[idOf(spec)] === true) writtenKeyPositions(spec, bytes, offsets, lengths, argc, positions)
    const db = this.#keyspace.database(dbIndex)
    for (const i of positions) {
      const offset = offsets[i] as number
      const length = lengths[i] as number
      if (!db.standOnPast(bytes, offset, length) || !snapshot.isLarge(db)) continue
      const locks = this.#locks
      const isOwners = locks.timeOf(owner) !== undefined
      // It waits for them as it is, and comes here again.
      if (isOwners ? locks.isHeldBack(owner) : locks.holds(lockName(bytes, offset, length))) continue
      snapshot.writeSoon(db)
      const key = bytes.slice(offset, offset + length)
      if (isOwners) locks.holdBack(owner)
      else locks.grant([lockName(bytes, offset, length)], --this.#lastOwner, AT_ANY_TIME, AT_ANY_TIME)
      this.#held.push({ db, key, owner: isOwners ? owner : this.#lastOwner })
    }
  }

  /** Lets go on what waited for values that are written by now. */
  #letGo(): void {
    if (this.#held.length === 0) return
    const isOver = ({ db, key }: HeldKey): boolean => !this.#isOwing || !db.standOnPast(key, 0, key.length)
    for (const held of this.#held.filter(isOver)) {
      this.#held.splice(this.#held.indexOf(held), 1)
      if (held.owner < 0) this.#locks.release(held.owner, this.#goOn)
      else this.#locks.letGoOn(held.owner, this.#goOn)
    }
  }

  get #isOwing(): boolean {
    return this.#walk !== null && this.#walk === this.#keyspace.snapshot && !this.#walk.isAbandoned
  }

  /**
   * Nothing of the snapshot is wanted any more. Who waits for a value is let go by the next `step`, and not within the command
   * that ends it. @returns what came of it, when the last step is taken
   */
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
