/**
 * Entries of a stream whose identifiers are the time: they are not the same on both servers, so that they are compared in a
 * stream of their own that is gone afterwards.
 *
 * Only used by tests.
 */
import type { Finding } from './random-members.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import type { Argv } from './step.js'

/** Well after any time at which this runs, so that what comes next does not depend on the time. */
const FAR_ID = '4102444800000-7'

/** Identifiers of the years until FAR_ID, in all places of a reply. */
const CLOCK_ID = /(?<![\d-])1\d{12}-\d+/g

const line = (text: string): Argv => text.split(' ').map((word) => Buffer.from(word))

export async function addByClock(pair: ServerPair, database: number, key: Buffer): Promise<Finding | undefined> {
  const on = (text: string): Argv => {
    const [name = Buffer.alloc(0), ...rest] = line(text)
    return [name, key, ...rest]
  }
  const commands = [
    line('HELLO 2'),
    line(`SELECT ${database}`),
    [Buffer.from('DEL'), key],
    on('XADD NOMKSTREAM * a b'),
    on('XADD * a b'),
    on('XADD MAXLEN 1 * c d'),
    on('XADD MAXLEN ~ 5 * e f'),
    on('XRANGE - +'),
    on('XREVRANGE + - COUNT 1'),
    on('XLEN'),
    on(`XADD ${FAR_ID} g h`),
    on('XADD * i j'),
    on('XADD MINID = 4102444800000-8 LIMIT 1 * i j'),
    on('XADD MINID = 4102444800000-8 * k l'),
    on('XRANGE - +'),
    [Buffer.from('DEL'), key],
  ]
  const replies = await pair.exchange(CONTROL, commands)
  for (const [i, argv] of commands.entries()) {
    const [ours, redis] = [replies.ours[i] as Buffer, replies.redis[i] as Buffer]
    // HELLO tells versions.
    if (i > 0 && withoutClockIds(ours) !== withoutClockIds(redis)) {
      return { what: argv.slice(0, 1).concat(argv.slice(2)).join(' '), ours, redis }
    }
  }
  return undefined
}

function withoutClockIds(reply: Buffer): string {
  return reply.toString('latin1').replace(CLOCK_ID, 'now')
}
