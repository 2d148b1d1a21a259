/**
 * MIGRATE: locks the keys, takes their values from their shards, gives them to another server, and removes here what has
 * arrived there. Main thread.
 *
 * Nobody sees a key while it is on its way, and nobody else waits for the other server: on a single-threaded Redis
 * everybody does.
 */
import { assert } from '../base/assert.js'
import { asciiBytes } from '../base/bytes.js'
import { shardMigrateDump, shardMigrated } from '../commands/rdb/migrate.js'
import { type MigrateOptions, parseMigrateOptions } from '../commands/rdb/migrate-options.js'
import type { CoordinatorOf } from '../hops/coordinate.js'
import { bulkBody, headerNumber, lineEnd } from '../resp/reply-reader.js'
import type { Router } from './router.js'

/** A key on its way. */
export interface MigratingKey {
  readonly key: Uint8Array
  /** RESTORE's time to live, in ms; 0 for none. */
  readonly ttlMs: number
  readonly payload: Uint8Array
}

export interface MigrationResult {
  /** Which of the keys the other server has taken. */
  readonly accepted: readonly boolean[]
  /** What the client gets, encoded, when not all went well. */
  readonly error: Uint8Array | undefined
}

/** The way to other servers; the wiring provides it, because the router knows no sockets. */
export interface Migration {
  restore(options: MigrateOptions, keys: readonly MigratingKey[], done: (result: MigrationResult) => void): void
}

const NO_NAME = new Uint8Array(0)
const NO_KEY = asciiBytes('+NOKEY\r\n')
const OK = asciiBytes('+OK\r\n')
const ARRAY_TYPE = 0x2a

export const migrate: CoordinatorOf<Router> = (router, request, answer, outerOwner) => {
  const options = parseMigrateOptions(request.argv)
  if (options instanceof Uint8Array) {
    answer(options)
    return
  }
  const { keys } = options
  const { migration } = router
  assert(migration !== null, 'MIGRATE needs a way to other servers')
  if (keys.length === 0) {
    answer(NO_KEY)
    return
  }
  const { database } = request
  const lock = outerOwner === 0 ? router.lock(keys) : { owner: outerOwner, shards: [] }
  const { owner } = lock
  const finish = (reply: Uint8Array): void => {
    if (outerOwner === 0) router.unlock(owner, lock.shards)
    answer(reply)
  }

  const dumped = router.gather(keys.length, (parts) => {
    const found = keys.flatMap((key, i) => migratingKey(key, parts[i] as Uint8Array))
    if (found.length === 0) {
      finish(NO_KEY)
      return
    }
    migration.restore(options, found, ({ accepted, error }) => {
      const reply = error ?? OK
      const gone = options.copies ? [] : found.filter((_, i) => accepted[i])
      if (gone.length === 0) {
        finish(reply)
        return
      }
      const removed = router.gather(gone.length, () => finish(reply))
      gone.forEach(({ key }, i) => {
        const shard = router.shardOf(key, 0, key.length)
        router.send(shard, removed, i, shardMigrated, database, 0, [NO_NAME, key], owner)
      })
    })
  })
  keys.forEach((key, i) => {
    const shard = router.shardOf(key, 0, key.length)
    router.send(shard, dumped, i, shardMigrateDump, database, 0, [NO_NAME, key], owner)
  })
}

/** The reply of `shard.migrate-dump`; nothing for a key that is not there. */
function migratingKey(key: Uint8Array, reply: Uint8Array): MigratingKey[] {
  if (reply[0] !== ARRAY_TYPE) return []
  const ttlAt = lineEnd(reply, 0)
  const payload = bulkBody(reply, lineEnd(reply, ttlAt)) as Uint8Array
  return [{ key, ttlMs: headerNumber(reply, ttlAt), payload }]
}
