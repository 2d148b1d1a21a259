/** Commands that combine many keys look each up as often as they need it, and not as often as there are keys. */
import { expect, it } from 'vitest'
import { OneShard } from './one-shard.js'

const KEYS = 400

it.each([
  { command: 'zunion', numbered: true },
  { command: 'zinter', numbered: true },
  { command: 'zdiff', numbered: true },
  { command: 'zintercard', numbered: true },
  { command: 'sunion', numbered: false },
  { command: 'sinter', numbered: false },
  { command: 'sdiff', numbered: false },
  { command: 'sintercard', numbered: true },
])('$command', ({ command, numbered }) => {
  const shard = new OneShard()
  const keys = Array.from({ length: KEYS }, (_, i) => `k${i}`)
  for (const [i, key] of keys.entries()) {
    if (command.startsWith('z')) shard.call('zadd', key, 1, `own${i}`, 2, 'shared')
    else shard.call('sadd', key, `own${i}`, 'shared')
  }
  const db = shard.keyspace.database(0)
  const { peek } = db
  let lookups = 0
  db.peek = (bytes, offset, length) => {
    lookups++
    return peek.call(db, bytes, offset, length)
  }
  const reply = numbered ? shard.call(command, KEYS, ...keys) : shard.call(command, ...keys)
  expect(reply[0]).not.toBe('-')
  expect(lookups).toBeLessThanOrEqual(3 * KEYS)
})
