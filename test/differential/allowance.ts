/**
 * What two replies to the same command may differ in.
 *
 * Only used by tests. Every allowance has a name and a reason, is as narrow as it can be, and is counted, so that one that
 * is not needed any more shows.
 */
import type { Argv } from './step.js'

export interface Allowance {
  readonly name: string
  readonly reason: string
  /** Full names of commands, as in the command table. */
  readonly commands: readonly string[]
  /** Whether the two servers may hold different data afterwards: the episode ends there. */
  readonly endsEpisode?: boolean
  /** Whether two replies that are not equal are both right. */
  allows(ours: Buffer, redis: Buffer, argv: Argv): boolean
}

/** The servers get a command at slightly different times, on a busy machine even at clearly different ones. */
export const CLOCK_MS_MAX = 3000n
