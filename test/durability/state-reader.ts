/** Reads all that a server has, as a model. Only used by tests. */
import type { RespConnection, RespValue } from '../support/resp-value.js'
import { type Expiry, Model, type ModelValue, type ReadTime } from './model.js'
import { nowMs } from './work-client.js'

const READ: Readonly<Record<string, (key: string) => readonly string[]>> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XRANGE', key, '-', '+'],
}

export interface State {
  readonly model: Model
  readonly readAt: ReadTime
}

/** @param connection in the first database, where it is left */
export async function readState(connection: RespConnection, databases: readonly number[]): Promise<State> {
  const fromMs = nowMs()
  const model = new Model()
  for (const database of databases) {
    await connection.call('SELECT', database)
    const keys = ((await connection.call('KEYS', '*')) as string[]).sort()
    const types = await pipeline(
      connection,
      keys.map((key) => ['TYPE', key]),
    )
    const found = keys.flatMap((key, i) => {
      const { simple } = types[i] as { simple: string }
      return simple === 'none' ? [] : [{ key, type: simple }]
    })
    const requests = found.flatMap(({ key, type }) => [
      (READ[type] as (key: string) => readonly string[])(key),
      ['PEXPIRETIME', key],
    ])
    const replies = await pipeline(connection, requests)
    found.forEach(({ key, type }, i) => {
      const value = valueIn(type, replies[2 * i] as RespValue)
      const expireMs = replies[2 * i + 1] as number
      // It has expired since its type was asked for.
      if (value === undefined || expireMs === -2) return
      model.put(`${database}/${key}`, value, expireMs < 0 ? null : expiryAt(expireMs))
    })
  }
  await connection.call('SELECT', 0)
  return { model, readAt: { fromMs, toMs: nowMs() } }
}

function expiryAt(ms: number): Expiry {
  return { fromMs: ms, toMs: ms }
}

async function pipeline(connection: RespConnection, requests: readonly (readonly string[])[]): Promise<RespValue[]> {
  for (const request of requests) connection.write(...request)
  const replies: RespValue[] = []
  for (let i = 0; i < requests.length; i++) {
    const reply = await connection.read()
    if (reply === 'closed') throw new Error('the server closed the connection while its data were read')
    replies.push(reply)
  }
  return replies
}

function valueIn(type: string, reply: RespValue): ModelValue | undefined {
  if (type === 'string') return typeof reply === 'string' ? { type, text: reply } : undefined
  if (!Array.isArray(reply) || (reply.length === 0 && type !== 'stream')) return undefined
  switch (type) {
    case 'list':
      return { type, items: reply as string[] }
    case 'set':
      return { type, members: new Set(reply as string[]), taken: 0 }
    case 'hash':
      return { type, fields: new Map(pairs(reply as string[])) }
    case 'zset':
      return { type, scores: new Map(pairs(reply as string[]).map(([member, score]) => [member, Number(score)])) }
    case 'stream':
      return {
        type,
        entries: (reply as [string, string[]][]).map(([id, fields]) => ({ id, text: fields[1] as string })),
      }
  }
  throw new Error(`a value of the type ${type}`)
}

function pairs(texts: readonly string[]): [string, string][] {
  return texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1] as string] as [string, string]] : []))
}
