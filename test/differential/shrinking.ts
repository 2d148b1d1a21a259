/**
 * Makes the steps that show a difference as few and as plain as it can, by running them again and again.
 *
 * Only used by tests.
 */
import { Tally } from './comparison.js'
import { type Difference, runEpisode } from './episode.js'
import type { ServerPair } from './server-pair.js'
import type { Step } from './step.js'

/** A difference that takes longer is shown as it is by then. */
const SHRINKING_MS_MAX = 60_000

export interface Shrunk {
  readonly steps: readonly Step[]
  readonly difference: Difference
  /** False when the same steps, run once more, showed no difference: it depends on time. */
  readonly isReproducible: boolean
}

/** Without its settings an episode may show what it was kept from showing. */
function isSetting(step: Step): boolean {
  return step.do === 'listen' || (step.do === 'send' && step.argv[0]?.toString('latin1').toLowerCase() === 'config')
}

/** @param difference what `steps` have shown */
export async function shrink(pair: ServerPair, steps: readonly Step[], difference: Difference): Promise<Shrunk> {
  const untilMs = Date.now() + SHRINKING_MS_MAX
  const run = (candidate: readonly Step[]): Promise<Difference | undefined> => runEpisode(pair, candidate, new Tally())

  let shortest = steps.slice(0, difference.step + 1)
  let shown = await run(shortest)
  if (shown === undefined) return { steps: shortest, difference, isReproducible: false }

  /** Takes the candidate when it still shows something. */
  const accept = async (candidate: readonly Step[]): Promise<boolean> => {
    const found = await run(candidate)
    if (found === undefined) return false
    shortest = candidate.slice(0, found.step + 1)
    shown = found
    return true
  }
  for (let length = shortest.length >> 1; length >= 1 && Date.now() < untilMs; length >>= 1) {
    for (let at = 0; at < shortest.length && Date.now() < untilMs; ) {
      const kept = shortest.slice(at, at + length).filter(isSetting)
      const isShorter = kept.length < Math.min(length, shortest.length - at)
      const candidate = [...shortest.slice(0, at), ...kept, ...shortest.slice(at + length)]
      if (isShorter && (await accept(candidate))) at += kept.length
      else at += length
    }
  }
  for (let at = 0; at < shortest.length && Date.now() < untilMs; at++) {
    const step = shortest[at] as Step
    if (step.do !== 'send' || isSetting(step)) continue
    if (step.joined) await accept(shortest.with(at, { ...step, joined: false }))
    for (let i = step.argv.length - 1; i > 0 && at < shortest.length && Date.now() < untilMs; i--) {
      const current = shortest[at] as Step
      if (current.do === 'send')
        await accept(shortest.with(at, { ...current, argv: current.argv.filter((_, k) => k !== i) }))
    }
  }
  return { steps: shortest, difference: shown, isReproducible: true }
}
