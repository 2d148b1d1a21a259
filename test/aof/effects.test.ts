/**
 * What the log gets of each write command: replayed on the state before, it must give the state after.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { sequences } from '../commands/command-sequences.js'
import { RandomWrites } from './random-writes.js'
import { RecordingServer, shownWords, type Words } from './recording-server.js'

const NOW_MS = 1_700_000_000_000

let open: RecordingServer[] = []
function server(seed: number, nowMs: number, shards = 1): RecordingServer {
  const made = new RecordingServer(seed, nowMs, shards)
  open.push(made)
  return made
}
afterEach(() => {
  for (const made of open) made.close()
  open = []
})

describe('the log of writes', () => {
  it.each(Object.entries(sequences))('gives what it was kept of: %s', (_name, commands) => {
    const original = server(1, NOW_MS)
    original.record()
    const copy = server(2, NOW_MS + 1_000_000_000)
    for (const words of commands) {
      original.call(0, ...(words as Words))
      original.pass(1)
      const recorded = original.recorded()
      copy.replay(recorded)
      expect(
        copy.state(),
        `${shownWords(words as Words)}\n${recorded.map(({ argv }) => shownWords(argv)).join('\n')}`,
      ).toEqual(original.state())
    }
  })

  it.each([1, 3])(
    'gives what it was kept of after any commands, with %d shards',
    (shards) => {
      const given = process.env.STREAM_SEED
      for (let round = 0; round < (given === undefined ? ROUNDS : 1); round++) {
        const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
        sameAfterAnyCommands(seed, shards)
      }
    },
    LONG_MS,
  )
})

const LONG_MS = 300_000
const ROUNDS = Number(process.env.ROUNDS ?? 6)
const STEPS = 600

/** Both servers are compared after so many steps; `COMPARE_EVERY=1` finds the one that is wrong. */
const COMPARE_EVERY = Number(process.env.COMPARE_EVERY ?? 15)

/** Small thresholds, so that collections change their encodings and streams have many nodes. */
const SETTINGS = [
  ['stream-node-max-entries', '4'],
  ['list-max-listpack-size', '4'],
  ['hash-max-listpack-entries', '5'],
  ['set-max-intset-entries', '40'],
] as const

function sameAfterAnyCommands(seed: number, shards: number): void {
  const original = server(seed, NOW_MS, shards)
  const copy = server(seed + 1, NOW_MS + 1_000_000_000, shards)
  const writes = new RandomWrites(seed, NOW_MS)
  for (const [name, value] of SETTINGS) original.set(name, value)
  original.record()
  const log: string[] = []
  for (let step = 0; step < STEPS; step++) {
    const words = writes.next()
    // Each shard has these in its log, and whoever replays all logs through one router would do them several times.
    if (shards > 1 && /^(swapdb|flushdb)$/i.test(String(words[0]))) continue
    const database = writes.choice.oneIn(10) ? 1 : 0
    const reply = original.call(database, ...words)
    log.push(`${database}> ${shownWords(words)}`)
    const shown = () => `seed ${seed}, step ${step}: ${reply?.slice(0, 300)}\n${log.slice(-50).join('\n')}`
    const replay = (): void => {
      const recorded = original.recorded()
      log.push(...recorded.map(({ argv }) => `       ${shownWords(argv)}`))
      try {
        copy.replay(recorded)
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\n${shown()}`)
      }
    }
    replay()
    if (writes.choice.oneIn(3)) {
      original.pass(writes.choice.oneIn(20) ? 5000 : writes.choice.below(50))
      writes.nowMs = original.nowMs
      replay()
    }
    if (step % COMPARE_EVERY === 0) expect(copy.state(), shown()).toEqual(original.state())
  }
}
