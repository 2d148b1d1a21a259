/**
 * Asks a server a few questions whose answers are known. A benchmark of wrong answers is worth nothing, so every
 * measurement begins with this.
 *
 * Runs in the main thread of the benchmark tool.
 */

import { RawClient } from '../load/client.js'
import type { Argument } from '../load/encode.js'
import type { Reply } from '../load/replies.js'
import type { RunningServer } from '../servers.js'

const BIG = Buffer.alloc(100_000, 'b')
const PIPELINED_COMMANDS = 2_000

type Question = readonly [command: readonly Argument[], answer: Reply]

const QUESTIONS: readonly Question[] = [
  [['FLUSHALL'], 'OK'],
  [['SET', 'a', '1'], 'OK'],
  [['GET', 'a'], Buffer.from('1')],
  [['INCR', 'a'], 2],
  [['MSET', 'x', 'X', 'y', 'Y', 'z', 'Z'], 'OK'],
  [
    ['MGET', 'x', 'none', 'z'],
    [Buffer.from('X'), null, Buffer.from('Z')],
  ],
  [['SET', 'big', BIG], 'OK'],
  [['GET', 'big'], BIG],
  [['DEL', 'x', 'y', 'none'], 2],
  [['DBSIZE'], 3],
  [['RPUSH', 'list', 'a', 'b', 'c'], 3],
  [
    ['LRANGE', 'list', 0, 1],
    [Buffer.from('a'), Buffer.from('b')],
  ],
  [['LPOP', 'list'], Buffer.from('a')],
  [['RPOP', 'list'], Buffer.from('c')],
  [['SADD', 'set', 'm', 'n', 'm'], 2],
  [['SCARD', 'set'], 2],
  [['HSET', 'hash', 'f', 'v', 'g', 'w'], 2],
  [['HGET', 'hash', 'g'], Buffer.from('w')],
  [['ZADD', 'zset', 2, 'two', 1, 'one'], 2],
  [
    ['ZPOPMIN', 'zset'],
    [Buffer.from('one'), Buffer.from('1')],
  ],
  [['FLUSHALL'], 'OK'],
  [['DBSIZE'], 0],
]

/** Throws with the question when an answer is not the one that Redis gives. Leaves the server empty. */
export async function verifyAnswers(server: RunningServer): Promise<void> {
  const client = await RawClient.connect(server.port)
  try {
    for (const [command, expected] of QUESTIONS) check(server, command, expected, await client.call(...command))
    const commands = Array.from({ length: PIPELINED_COMMANDS }, (_, index): Argument[] =>
      index % 2 === 0 ? ['SET', `p${index}`, index] : ['GET', `p${index - 1}`],
    )
    const replies = await client.pipeline(commands)
    for (const [index, reply] of replies.entries()) {
      check(server, commands[index] ?? [], index % 2 === 0 ? 'OK' : Buffer.from(String(index - 1)), reply)
    }
    await client.call('FLUSHALL')
  } finally {
    client.close()
  }
}

function check(server: RunningServer, command: readonly Argument[], expected: Reply, actual: Reply): void {
  if (sameReply(expected, actual)) return
  const show = (reply: Reply): string =>
    JSON.stringify(reply instanceof Buffer ? reply.toString('latin1') : reply).slice(0, 200)
  throw new Error(`${server.spec.name} answered ${show(actual)} to ${String(command[0])}, not ${show(expected)}`)
}

/** Whether two replies are the same, byte for byte. */
export function sameReply(a: Reply, b: Reply): boolean {
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b)
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameReply(item, b[index] as Reply))
  return a === b
}
