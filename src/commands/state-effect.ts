/**
 * What a key is, as an effect: a RESTORE that makes it, or a DEL where there is none. Runs in a shard worker.
 */
import type { Database } from '../store/database.js'
import { writeDumpPayload } from '../store/rdb/dump-payload.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'
import { NO_EXPIRY } from '../store/value-type.js'
import type { Effects } from './effects.js'

const writer = new RdbWriter()

/** Moves the database's cursor to the key. */
export function effectOfState(effects: Effects, db: Database, key: Uint8Array): void {
  if (!db.peek(key, 0, key.length)) {
    effects.begin('DEL', 2)
    effects.argument(key, 0, key.length)
    return
  }
  writer.reset()
  writeDumpPayload(db, writer)
  const expireAtMs = db.expireAtMs()
  effects.begin('RESTORE', expireAtMs === NO_EXPIRY ? 5 : 6)
  effects.argument(key, 0, key.length)
  effects.integer(expireAtMs === NO_EXPIRY ? 0 : expireAtMs)
  effects.argument(writer.bytes, 0, writer.position)
  effects.text('REPLACE')
  if (expireAtMs !== NO_EXPIRY) effects.text('ABSTTL')
}
