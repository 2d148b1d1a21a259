/**
 * Fills a server with values of every type and encoding. Only used by tests; what it sends, Redis 7.0 understands.
 */
import { expect } from 'vitest'
import type { RespConnection, RespValue } from '../support/resp-value.js'

export async function fillEveryType(client: RespConnection): Promise<void> {
  const sent: Promise<RespValue>[] = []
  const send = (...argv: (string | number | Buffer)[]): void => {
    sent.push(client.call(...argv))
  }
  const long = 'x'.repeat(100)
  for (let i = 0; i < 40; i++) {
    send('SET', `string:${i}`, [`text ${i}`, i, -1000 * i, 3_000_000_000 + i, long.repeat(i)][i % 5] as string)
  }
  send('SET', 'binary', Buffer.from([0, 1, 2, 13, 10, 255, 254]))
  send('SET', Buffer.from([0, 13, 10, 255]), 'binary name')
  send('SET', '', 'empty name')
  send('SET', 'empty', '')
  send('PFADD', 'hyperloglog', 'a', 'b', 'c')
  send('SETBIT', 'bits', 100_000, 1)
  for (const size of [1, 20, 200, 3000]) {
    const numbers = Array.from({ length: size }, (_, i) => i * 1000 - 500)
    const texts = numbers.map((n) => `element ${n}`)
    send('RPUSH', `list:numbers:${size}`, ...numbers)
    send('RPUSH', `list:${size}`, ...texts)
    send('SADD', `set:numbers:${size}`, ...numbers)
    send('SADD', `set:${size}`, ...texts)
    send('HSET', `hash:${size}`, ...texts.flatMap((text, i) => [text, i]))
    send('ZADD', `zset:${size}`, ...texts.flatMap((text, i) => [i * 1.25, text]))
    for (const text of texts) send('XADD', `stream:${size}`, '*', 'field', text)
  }
  send('SADD', 'set:wide', 1, 70_000, 5_000_000_000)
  send('RPUSH', 'list:long', long.repeat(200), 'short', long.repeat(300))
  send('HSET', 'hash:long', 'field', long)
  send('ZADD', 'zset:infinite', '-inf', 'low', '+inf', 'high', '0.1', 'between')
  send('XGROUP', 'CREATE', 'stream:20', 'group', 0)
  send('XREADGROUP', 'GROUP', 'group', 'alice', 'COUNT', 5, 'STREAMS', 'stream:20', '>')
  send('XGROUP', 'CREATECONSUMER', 'stream:20', 'group', 'bob')
  send('XADD', 'stream:empty', '5-5', 'field', 'value')
  send('XDEL', 'stream:empty', '5-5')
  send('SELECT', 9)
  send('SET', 'elsewhere', 'value', 'PX', 100_000_000)
  send('RPUSH', 'expiring list', 1, 2, 3)
  send('PEXPIREAT', 'expiring list', 4_000_000_000_000)
  send('SELECT', 0)
  for (const reply of await Promise.all(sent)) if (reply !== null) expect(reply).not.toHaveProperty('error')
}
