/**
 * The way of a client's blocking command. Main thread.
 *
 * With all keys on one shard it goes there, and its client waits there. Over several, the keys are locked and lent to the shard
 * of the first one, where the command is attempted; when it finds nothing, its client is parked on every shard that has a key
 * which it waits for, before the locks are gone. So clients stand in the order of the locks, on all shards.
 */
import { equalsAsciiIgnoreCase } from '../base/bytes.js'
import type { CommandSpec } from '../commands/spec.js'
import { specs } from '../commands/table.js'
import { decodeWouldBlock, type WouldBlock } from '../commands/would-block.js'
import { lend } from '../hops/lending.js'
import { unpack } from '../hops/packed-arguments.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { keysOf, type RequestKey } from '../hops/request-keys.js'
import { isStreamRead, readStreamsLocked } from '../hops/stream-reads.js'
import { RequestFlag, TARGET_BLOCKING } from '../ring/frames.js'
import type { BlockedCommand } from './blocked-clients.js'
import { type FeedPlan, feed, planFeeding } from './feeding.js'
import type { Router } from './router.js'

const NO_BYTES = new Uint8Array(0)

/** Whether a command that has an entry for waiting may wait with these arguments. */
export function mayWait(
  { blocking }: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
): boolean {
  const option = blocking?.option
  if (option === undefined) return true
  for (let i = 1; i < argc; i++) {
    if (equalsAsciiIgnoreCase(bytes, offsets[i] as number, lengths[i] as number, option)) return true
  }
  return false
}

/** As `Router.route`, for a command that may wait. The reply comes to the sink of the blocked clients. */
export function routeBlocking(
  router: Router,
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
  const flagsHere = flags | RequestFlag.mayBlock
  const isFlowing = spec.blocking?.keys === 'first'
  const request = (): CommandRequest => ({
    spec,
    argv: unpack(bytes, offsets, lengths, argc),
    database,
    flags: flagsHere,
  })
  // What it may make flow itself is looked at before it may wait itself.
  const keys = isFlowing || router.feeds.isActive ? keysOf(request(), router.databases) : []
  const plan = planFeeding(
    router,
    keys.map(({ key }) => key),
  )
  const command = router.blocked.begin(slot, sequence, flags, isFlowing ? keys.slice(0, 2) : [])
  const target = slot | TARGET_BLOCKING
  if (
    plan !== undefined ||
    !router.routeToOneShard(id, target, sequence, database, flagsHere, bytes, offsets, lengths, argc)
  ) {
    attemptUnderLocks(router, command, request(), plan)
  }
}

function attemptUnderLocks(
  router: Router,
  command: BlockedCommand,
  request: CommandRequest,
  plan: FeedPlan | undefined,
): void {
  const keys = keysOf(request, router.databases)
  router.nextGsn()
  const lock = router.lock(plan?.keys ?? keys.map(({ key }) => key))
  const [first] = keys
  const home = router.shardOf(first?.key ?? NO_BYTES, 0, first?.key.length ?? 0)
  const foreign = keys.filter(({ key }) => router.shardOf(key, 0, key.length) !== home)
  const attempted: Answer = (reply) => {
    const wait = decodeWouldBlock(reply)
    if (wait !== undefined) {
      park(router, command, request, keys, wait)
      router.unlock(lock.owner, lock.shards)
      return
    }
    feed(router, lock.owner, plan, () => {
      router.unlock(lock.owner, lock.shards, () => router.blocked.answer(command, reply))
    })
  }
  if (isStreamRead(request)) readStreamsLocked(router, lock.owner, request, attempted)
  else lend(router, lock.owner, home, foreign, request, attempted)
}

/** Parks the client on the shards of the keys that it waits for, while these are locked. */
function park(
  router: Router,
  command: BlockedCommand,
  request: CommandRequest,
  keys: readonly RequestKey[],
  { deadlineMs, replacedArguments }: WouldBlock,
): void {
  const waitedFor = request.spec.blocking?.keys === 'first' ? keys.slice(0, 1) : keys
  const shards = [...new Set(waitedFor.map(({ key }) => router.shardOf(key, 0, key.length)))]
  const argv = request.argv.map((argument, i) => replacedArguments.get(i) ?? argument)
  if (!command.isTaken) for (const shard of shards) router.park(shard, command, { ...request, argv })
  router.blocked.parked(command, command.isTaken ? [] : shards, deadlineMs)
}
