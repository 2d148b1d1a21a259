/**
 * What a write does for clients that wait for one of its keys with a destination on another shard.
 *
 * Main thread. A shard can serve such a client only while it has the destination's record. So the write is *widened*: it locks
 * the destination as well, and everything that can be reached from there, and before it unlocks them the shards of the sources
 * are fed: the destinations' records are lent to them, they serve who waits, and what has changed goes back.
 */
import { shardServe } from '../commands/internal.js'
import { lend } from '../hops/lending.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { keysOf, type RequestKey } from '../hops/request-keys.js'
import { headerNumber } from '../resp/reply-reader.js'
import type { Router } from './router.js'

const NO_BYTES = new Uint8Array(0)

/** What is to be fed. It is made when the keys are locked: whoever comes to wait for them later is none of its concern. */
export interface FeedPlan {
  /** The keys to lock, those of the write included. */
  readonly keys: readonly Uint8Array[]
  /** Shards on which somebody waits for one of the keys, with the destinations that they must be lent. */
  readonly homes: readonly (readonly [shard: number, destinations: readonly RequestKey[]])[]
}

/** How a write to these keys must be widened; undefined when it need not. */
export function planFeeding(router: Router, keys: readonly Uint8Array[]): FeedPlan | undefined {
  if (!router.feeds.isActive) return undefined
  const reached = router.feeds.reach(keys)
  const homes = [...router.feeds.foreignDestinations(reached)]
  return homes.length > 0 ? { keys: reached, homes } : undefined
}

/** Runs a write of a client while feeds are active. */
export function runWidened(router: Router, request: CommandRequest, answer: Answer): void {
  const own = keysOf(request, router.databases).map(({ key }) => key)
  const isWhole = own.length === 0 || router.needsAllShards(request)
  const plan = planFeeding(router, isWhole ? router.feeds.sources() : own)
  if (plan === undefined) {
    router.run(request, answer)
    return
  }
  router.nextGsn()
  const lock = router.lock(isWhole ? 'all' : plan.keys)
  router.run(
    request,
    (reply) => {
      feed(router, lock.owner, plan, () => router.unlock(lock.owner, lock.shards, () => answer(reply)))
    },
    lock.owner,
  )
}

/**
 * Serves those who wait for keys of the plan, all of which `owner` has locked. It goes around until nobody was served: what
 * one gets may be what the next waits for.
 */
export function feed(router: Router, owner: number, plan: FeedPlan | undefined, done: () => void): void {
  const homes = plan?.homes ?? []
  let served = 0
  const next = (at: number): void => {
    const home = homes[at]
    if (home === undefined) {
      if (served > 0) feed(router, owner, plan, done)
      else done()
      return
    }
    const [shard, destinations] = home
    const request = { spec: shardServe, argv: [NO_BYTES], database: 0, flags: 0 }
    lend(router, owner, shard, destinations, request, (reply) => {
      served += headerNumber(reply, 0)
      next(at + 1)
    })
  }
  next(0)
}
