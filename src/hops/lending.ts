/**
 * Runs a command on one shard, to which the records of its other keys are lent. On the main thread, or in a script's worker.
 *
 * All keys are locked. First the foreign records are exported. Then, on the home shard: they are imported, the command runs as
 * it is, those that it may have written to are exported again, and all are removed. At last each owner is given what has
 * changed. Nobody sees the lent records: their
 * keys are locked at their owners, and whatever looks at a shard as a whole waits for its locks.
 *
 * A record that is afterwards what it was before is not given back, so a write that changed nothing of a foreign key breaks
 * no WATCH on it; on one shard it does.
 */
import { shardExport, shardImport, shardRemove } from '../commands/internal.js'
import { bulkBody } from '../resp/reply-reader.js'
import type { Hops } from './hops.js'
import type { Answer, CommandRequest } from './request.js'
import type { RequestKey } from './request-keys.js'

const NO_BYTES = new Uint8Array(0)

/**
 * @param owner of the locks on all keys
 * @param home the shard that runs the command
 * @param foreign keys of other shards
 */
export function lend(
  hops: Hops,
  owner: number,
  home: number,
  foreign: readonly RequestKey[],
  request: CommandRequest,
  answer: Answer,
): void {
  if (foreign.length === 0) {
    hops.ask(home, request, answer, owner)
    return
  }
  const written = foreign.flatMap(({ isWritten }, i) => (isWritten ? [i] : []))
  const exported = hops.gather(foreign.length, (before) => {
    const lent = foreign.filter((_, i) => bulkBody(before[i] as Uint8Array, 0) !== undefined).length
    const returned = hops.gather(lent + 1 + written.length + foreign.length, (parts) => {
      const reply = parts[lent] as Uint8Array
      const changed: { key: Uint8Array; database: number; image: Uint8Array | undefined }[] = []
      written.forEach((i, k) => {
        const { key, database } = foreign[i] as RequestKey
        const after = parts[lent + 1 + k] as Uint8Array
        if (!Buffer.from(after).equals(before[i] as Uint8Array))
          changed.push({ key, database, image: bulkBody(after, 0) })
      })
      if (changed.length === 0) {
        answer(reply)
        return
      }
      const applied = hops.gather(changed.length, () => answer(reply))
      changed.forEach(({ key, database, image }, i) => {
        const shard = hops.shardOf(key, 0, key.length)
        if (image === undefined) hops.send(shard, applied, i, shardRemove, database, 0, [NO_BYTES, key], owner)
        else hops.send(shard, applied, i, shardImport, database, 0, [NO_BYTES, key, image], owner)
      })
    })
    let part = 0
    foreign.forEach(({ key, database }, i) => {
      const image = bulkBody(before[i] as Uint8Array, 0)
      if (image !== undefined)
        hops.send(home, returned, part++, shardImport, database, 0, [NO_BYTES, key, image], owner)
    })
    hops.send(home, returned, part++, request.spec, request.database, request.flags, request.argv, owner)
    for (const i of written) {
      const { key, database } = foreign[i] as RequestKey
      hops.send(home, returned, part++, shardExport, database, 0, [NO_BYTES, key], owner)
    }
    for (const { key, database } of foreign) {
      hops.send(home, returned, part++, shardRemove, database, 0, [NO_BYTES, key], owner)
    }
  })
  foreign.forEach(({ key, database }, i) => {
    hops.send(hops.shardOf(key, 0, key.length), exported, i, shardExport, database, 0, [NO_BYTES, key], owner)
  })
}
