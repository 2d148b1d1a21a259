/**
 * The way of a script (EVAL, FCALL and their kin) over the shards. Main thread.
 *
 * One whose keys are all on one shard, and whose text shows that it touches no others, goes there like any other command.
 * Any other one runs under the locks of all shards. When each of the others has said that it attends, which it does once the
 * lock is its, the script goes to its home: so the home never waits for a shard that waits for somebody else.
 *
 * Invariant: an owner on whose behalf such a script runs has locked all of every shard (`Router.needsAllShards`). Were it less,
 * the shards' locks would not have been asked for at one place in the order, and two owners could wait for each other.
 */
import { asciiBytes } from '../base/bytes.js'
import { shardServe } from '../commands/internal.js'
import { shardAttend } from '../commands/scripting/script-internal.js'
import type { CommandSpec } from '../commands/spec.js'
import type { CoordinatorOf } from '../hops/coordinate.js'
import type { CommandRequest } from '../hops/request.js'
import { RequestFlag } from '../ring/frames.js'
import type { Router } from './router.js'
import { announceReader } from './tracking-route.js'

/** A script that its home knows by now. */
export interface PreparedScript {
  /** The command as the home is to get it. */
  readonly request: CommandRequest
  readonly home: number
  /** It may touch keys of other shards. */
  readonly reachesShards: boolean
}

/** What is known of scripts; the wiring provides it. */
export interface ScriptKnowledge {
  /**
   * Sees to it that the script's home knows it when the frames that are sent next come there.
   * @returns an encoded error where there is no such script, or it may not be run
   */
  prepare(request: CommandRequest): PreparedScript | Uint8Array
  /** Whether the script may touch keys that its command does not name. */
  reachesKeyspace(request: CommandRequest): boolean
  /** Whether the script may touch keys of several shards. */
  reachesShards(request: CommandRequest): boolean
}

/** Whether the command runs a script or a function. */
export function isScript({ route }: CommandSpec): boolean {
  return route?.on === 'router' && route.coordinator === 'script'
}

const NO_NAME = new Uint8Array(0)

export const runScript: CoordinatorOf<Router> = (router, original, answer, outerOwner) => {
  const reader = original.reader ?? router.reader
  router.reader = null
  const prepared = router.scripts.prepare(original)
  if (prepared instanceof Uint8Array) {
    answer(prepared)
    return
  }
  const { request, home, reachesShards } = prepared
  if (!reachesShards) {
    if (reader !== null) announceReader(router, home, reader, request.argv, outerOwner)
    router.ask(home, request, answer, outerOwner)
    return
  }
  const lock = outerOwner === 0 ? router.lock('all') : { owner: outerOwner, shards: [] }
  const { owner } = lock
  const attended = { ...request, flags: request.flags | RequestFlag.attended }
  const others = router.links.filter(({ shard }) => shard !== home)
  const target = router.gather(others.length, () => {
    if (reader !== null) announceReader(router, home, reader, request.argv, owner)
    // What the script has to tell stands behind its reply. Where somebody listens, that must have come, too, before another
    // shard goes on with a key that it tells of: so one waits for a second reply, which stands behind both.
    const replies = router.isListening ? 2 : 1
    const answered = router.gather(replies, ([reply]) => {
      if (outerOwner === 0) router.unlock(owner, lock.shards, () => answer(reply as Uint8Array))
      else answer(reply as Uint8Array)
    })
    router.send(home, answered, 0, attended.spec, attended.database, attended.flags, attended.argv, owner)
    if (replies === 2) router.send(home, answered, 1, shardServe, 0, 0, [NO_NAME], 0)
  })
  const argv = [NO_NAME, asciiBytes(String(owner))]
  others.forEach(({ shard }, part) => {
    router.send(shard, target, part, shardAttend, 0, 0, argv, owner)
  })
}
