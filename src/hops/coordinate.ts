/** Runs a command over several shards, by the route that its entry names. Main thread, and scripts in shard workers. */
import { assert } from '../base/assert.js'
import { RequestFlag } from '../ring/frames.js'
import type { Hops } from './hops.js'
import { mergeReplies } from './merge.js'
import type { Answer, CommandRequest } from './request.js'
import { split } from './split.js'

/** `owner` is the lock owner on whose behalf the command runs inside a transaction or a script, 0 outside of them. */
export type CoordinatorOf<H extends Hops> = (hops: H, request: CommandRequest, answer: Answer, owner: number) => void

/** @param coordinators by the names that entries give */
export function coordinate<H extends Hops>(
  hops: H,
  coordinators: Readonly<Record<string, CoordinatorOf<H>>>,
  request: CommandRequest,
  answer: Answer,
  owner: number,
): void {
  const route = request.spec.route
  assert(route !== undefined, `${request.spec.name} has no route`)
  if (owner === 0) hops.nextGsn()
  switch (route.on) {
    case 'split':
      split(hops, request, route.merge, answer, owner)
      return
    case 'shards': {
      const target = hops.gather(hops.shardCount, (parts) => answer(mergeReplies(route.merge, parts, [])))
      for (let shard = 0; shard < hops.shardCount; shard++) {
        const flags = shard === 0 ? request.flags : request.flags | RequestFlag.part
        hops.send(shard, target, shard, request.spec, request.database, flags, request.argv, owner)
      }
      return
    }
    case 'hops':
    case 'router': {
      const coordinator = coordinators[route.coordinator]
      assert(coordinator !== undefined, `nobody coordinates ${request.spec.name}`)
      coordinator(hops, request, answer, owner)
      return
    }
    default:
      hops.ask(0, request, answer, owner)
  }
}
