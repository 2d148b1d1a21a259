/**
 * SORT whose BY or GET patterns name keys by the sorted elements, over several shards. On the main thread, or in a script's worker.
 *
 * Which keys those are is only known when the elements are: so every shard is locked, the home shard, which has the sorted
 * key, says which keys it needs, and their records are lent to it, as relocate does it for keys that are known before.
 * Nothing but reading is done with them, and so they are not given back but dropped.
 */
import { asciiBytes } from '../base/bytes.js'
import { shardExportReadable, shardImportMany, shardRemoveMany, shardSortKeys } from '../commands/sort/sort-lending.js'
import { bulkBody, headerNumber, isError, lineEnd, replyEnd } from '../resp/reply-reader.js'
import type { CoordinatorOf } from './coordinate.js'
import type { Hops } from './hops.js'
import { lend } from './lending.js'
import { reachesKeyspace } from './placement.js'
import type { Answer, CommandRequest } from './request.js'
import { keysOf } from './request-keys.js'

const NO_NAME = new Uint8Array(0)

/** The keys that are needed to sort, then those that are needed to show the part of the result that is left by LIMIT. */
const PHASES = [asciiBytes('by'), asciiBytes('get')]

/** @param relocate runs a command whose patterns name no keys: STORE's destination may be on another shard all the same */
export function sortThrough(relocate: CoordinatorOf<Hops>): CoordinatorOf<Hops> {
  return (hops, request, answer, outerOwner) => {
    if (reachesKeyspace(request)) sort(hops, request, answer, outerOwner)
    else relocate(hops, request, answer, outerOwner)
  }
}

function sort(hops: Hops, request: CommandRequest, answer: Answer, outerOwner: number): void {
  const { database, argv } = request
  const sorted = argv[1] as Uint8Array
  const home = hops.shardOf(sorted, 0, sorted.length)
  const foreign = keysOf(request, hops.databases).filter(({ key }) => hops.shardOf(key, 0, key.length) !== home)
  const lock = outerOwner === 0 ? hops.lock('all') : { owner: outerOwner, shards: [] }
  const { owner } = lock
  const lent = new Map<string, Uint8Array>()

  const finish = (reply: Uint8Array): void => {
    const end = (): void => {
      if (outerOwner === 0) hops.unlock(owner, lock.shards, () => answer(reply))
      else answer(reply)
    }
    if (lent.size === 0) {
      end()
      return
    }
    const dropped = hops.gather(1, end)
    hops.send(home, dropped, 0, shardRemoveMany, database, 0, [NO_NAME, ...lent.values()], owner)
  }

  /** Lends the records of these keys to the home shard, one request for each shard that has some. */
  const lendReadable = (wanted: readonly Uint8Array[], next: () => void): void => {
    const byShard = new Map<number, Uint8Array[]>()
    for (const key of wanted) {
      const name = Buffer.from(key).toString('latin1')
      const shard = hops.shardOf(key, 0, key.length)
      if (shard === home || lent.has(name)) continue
      lent.set(name, key)
      const ofShard = byShard.get(shard)
      if (ofShard === undefined) byShard.set(shard, [key])
      else ofShard.push(key)
    }
    if (byShard.size === 0) {
      next()
      return
    }
    const requests = [...byShard]
    const exported = hops.gather(requests.length, (parts) => {
      const records = requests.flatMap(([, ofShard], i) => recordsOf(ofShard, parts[i] as Uint8Array))
      const imported = hops.gather(1, next)
      hops.send(home, imported, 0, shardImportMany, database, 0, [NO_NAME, ...records], owner)
    })
    requests.forEach(([shard, ofShard], i) => {
      hops.send(shard, exported, i, shardExportReadable, database, 0, [NO_NAME, ...ofShard], owner)
    })
  }

  const prepare = (phase: number): void => {
    const name = PHASES[phase]
    if (name === undefined) {
      lend(hops, owner, home, foreign, request, finish)
      return
    }
    const asked = hops.gather(1, ([reply]) => {
      lendReadable(elementsOf(reply as Uint8Array), () => prepare(phase + 1))
    })
    hops.send(home, asked, 0, shardSortKeys, database, 0, [...argv, name], owner)
  }
  prepare(0)
}

/** The elements of an array of bulk strings; none of an error, which the command itself will give to the client. */
function elementsOf(reply: Uint8Array): Uint8Array[] {
  if (isError(reply)) return []
  const elements: Uint8Array[] = []
  let at = lineEnd(reply, 0)
  for (let left = headerNumber(reply, 0); left > 0; left--) {
    elements.push(bulkBody(reply, at) ?? NO_NAME)
    at = replyEnd(reply, at)
  }
  return elements
}

/** Keys and their images in turn, without the keys that have none. */
function recordsOf(keys: readonly Uint8Array[], reply: Uint8Array): Uint8Array[] {
  return elementsOf(reply).flatMap((image, i) => (image.length === 0 ? [] : [keys[i] as Uint8Array, image]))
}
