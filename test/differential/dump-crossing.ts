/**
 * Payloads of DUMP on the other server: each restores what the other one has dumped, and both must then hold the same.
 *
 * Only used by tests.
 */
import type { Comparison } from './comparison.js'
import type { Finding } from './random-members.js'
import { bulkOf } from './reply-bytes.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import type { Argv } from './step.js'

/** The key that is restored to. No workload has it. */
const RESTORED = Buffer.from('restored from the other server')

const words = (...texts: string[]): Argv => texts.map((text) => Buffer.from(text))

export async function crossDumps(
  pair: ServerPair,
  comparison: Comparison,
  database: number,
  key: Buffer,
): Promise<Finding | undefined> {
  const dumps = await pair.exchange(CONTROL, [
    words('HELLO', '2'),
    words('SELECT', String(database)),
    [Buffer.from('DUMP'), key],
  ])
  const [ours, redis] = [dumps.ours[2] as Buffer, dumps.redis[2] as Buffer]
  const [ourPayload, redisPayload] = [bulkOf(ours), bulkOf(redis)]
  if (ourPayload === undefined || redisPayload === undefined) {
    return ours.equals(redis) ? undefined : { what: 'DUMP', ours, redis }
  }
  const restoreOf = (payload: Buffer): Argv => [Buffer.from('RESTORE'), RESTORED, Buffer.from('0'), payload]
  const restored = await pair.exchangeEach(CONTROL, [restoreOf(redisPayload)], [restoreOf(ourPayload)])
  const look: Argv[] = [
    [...words('DEBUG', 'DIGEST-VALUE'), RESTORED],
    [...words('OBJECT', 'ENCODING'), RESTORED],
    [...words('XINFO', 'STREAM'), RESTORED, ...words('FULL', 'COUNT', '0')],
    [...words('DEL'), RESTORED],
  ]
  const seen = await pair.exchange(CONTROL, look)
  const commands = [restoreOf(redisPayload), ...look]
  const own = [...restored.ours, ...seen.ours]
  const other = [...restored.redis, ...seen.redis]
  for (const [i, argv] of commands.entries()) {
    const [reply, redisReply] = [own[i] as Buffer, other[i] as Buffer]
    if (!comparison.areEqualOrAllowed(argv, reply, redisReply)) {
      return { what: `${argv.slice(0, 2).join(' ')} of what the other server dumped`, ours: reply, redis: redisReply }
    }
  }
  return undefined
}
