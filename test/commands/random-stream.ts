/**
 * Random commands from one seed, sent to both servers one after the other.
 *
 * Only used by tests. A failure names the seed and the step; the environment variable `STREAM_SEED` repeats it.
 */
import { Choice } from '../differential/choice.js'
import type { Argument, BesideRedis } from './beside-redis.js'

/** Each command of the stream from what the choice says; several are sent in their order. */
export type CommandMaker = (choice: Choice) => readonly (readonly Argument[])[]

/** Sends the commands that `make` makes in `steps` steps; every reply must be Redis's. */
export async function sameStream(both: BesideRedis, steps: number, make: CommandMaker): Promise<void> {
  const given = process.env.STREAM_SEED
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  const choice = new Choice(seed)
  for (let step = 0; step < steps; step++) {
    const commands = make(choice)
    try {
      await both.allSame(...commands)
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}, step ${step}: ${error.message}`
      throw error
    }
  }
}
