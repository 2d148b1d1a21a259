/**
 * Episodes one after the other, each from a seed of its own, and the account of what differed.
 *
 * Only used by tests.
 */
import type { Tally } from './comparison.js'
import { runEpisode } from './episode.js'
import type { ServerPair } from './server-pair.js'
import { shrink } from './shrinking.js'
import { shownStep } from './step.js'
import { stepsOf } from './workload.js'

export const EPISODE_STEPS = 1000

/**
 * Runs the episode of a seed. Returns what differed, with the fewest steps found that show it and how to run it again, or
 * undefined.
 */
export async function differenceOf(pair: ServerPair, seed: number, tally: Tally): Promise<string | undefined> {
  const steps = stepsOf(seed, EPISODE_STEPS)
  const difference = await runEpisode(pair, steps, tally)
  if (difference === undefined) return undefined
  const shrunk = await shrink(pair, steps, difference)
  return [
    shrunk.difference.what,
    // Fewer steps may show something else.
    ...(shrunk.difference.what === difference.what
      ? []
      : [`before it was made short: ${difference.what.slice(0, 500)}`]),
    `run it again: npm run fuzz:differential -- --shards ${pair.shards} --seed ${seed} --episodes 1`,
    ...(shrunk.isReproducible ? [] : ['the same steps, run once more, showed nothing']),
    `${pair.shards} shards, ${shrunk.steps.length} steps:`,
    ...shrunk.steps.slice(-40).map(shownStep),
  ].join('\n')
}
