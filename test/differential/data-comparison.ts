/**
 * Compares the data of both servers: the digests of all of it, and then key by key what a digest does not tell, which is how
 * each value is kept, and the groups of streams.
 *
 * Only used by tests.
 */
import type { Comparison } from './comparison.js'
import type { Finding } from './random-members.js'
import { bulkOf, elementsOf } from './reply-bytes.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import { type Argv, shownCommand } from './step.js'

const words = (...texts: string[]): Argv => texts.map((text) => Buffer.from(text))
const DIGEST = words('DEBUG', 'DIGEST')
const DATABASES = 16

interface Place {
  readonly database: number
  readonly key: Buffer
}

/** Must not come upon keys whose time is over. */
export async function compareData(pair: ServerPair, comparison: Comparison): Promise<Finding | undefined> {
  const digests = await pair.exchange(CONTROL, [words('HELLO', '2'), DIGEST])
  const [ours, redis] = [digests.ours[1] as Buffer, digests.redis[1] as Buffer]
  const finding = await compareKeys(pair, comparison)
  if (finding !== undefined) return finding
  return ours.equals(redis) ? undefined : { what: 'DEBUG DIGEST', ours, redis }
}

async function compareKeys(pair: ServerPair, comparison: Comparison): Promise<Finding | undefined> {
  const lists = Array.from({ length: DATABASES }, (_, database) => [
    words('SELECT', String(database)),
    words('KEYS', '*'),
  ]).flat()
  const { ours, redis } = await pair.exchange(CONTROL, lists)
  const places: Place[] = []
  for (let database = 0; database < DATABASES; database++) {
    const [own, other] = [ours[2 * database + 1] as Buffer, redis[2 * database + 1] as Buffer]
    if (!comparison.areEqualOrAllowed(words('KEYS', '*'), own, other)) {
      return { what: `KEYS * in database ${database}`, ours: own, redis: other }
    }
    for (const key of elementsOf(other) ?? []) places.push({ database, key: bulkOf(key) as Buffer })
  }
  const finding = await lookAtEach(pair, comparison, places, ({ key }) => [
    [...words('TYPE'), key],
    [...words('OBJECT', 'ENCODING'), key],
    [...words('DEBUG', 'DIGEST-VALUE'), key],
  ])
  if (typeof finding !== 'function') return finding
  const streams = places.filter((_, i) => finding(i).toString() === '+stream\r\n')
  const last = await lookAtEach(pair, comparison, streams, ({ key }) => [
    [...words('XINFO', 'STREAM'), key, ...words('FULL', 'COUNT', '0')],
  ])
  return typeof last === 'function' ? undefined : last
}

/** Sends some commands for each key. Returns what differs, or a function that gives the first reply of Redis for each. */
async function lookAtEach(
  pair: ServerPair,
  comparison: Comparison,
  places: readonly Place[],
  commandsOf: (place: Place) => readonly Argv[],
): Promise<Finding | ((place: number) => Buffer)> {
  const commands = places.flatMap((place) => [words('SELECT', String(place.database)), ...commandsOf(place)])
  const { ours, redis } = await pair.exchange(CONTROL, commands)
  for (const [i, argv] of commands.entries()) {
    const [own, other] = [ours[i] as Buffer, redis[i] as Buffer]
    if (!comparison.areEqualOrAllowed(argv, own, other)) return { what: shownCommand(argv), ours: own, redis: other }
  }
  const each = places.length === 0 ? 1 : commands.length / places.length
  return (place) => redis[place * each + 1] as Buffer
}
