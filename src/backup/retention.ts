/**
 * Which backups, or exports, have had their time.
 *
 * Any thread.
 */

export interface Retention {
  /** How many are kept; 0 for no bound. */
  readonly count: number
  /** How old they become; 0 for no bound. */
  readonly ageMs: number
}

const MS_PER_SECOND = 1000

/** Something kept; ids of one kind sort by time. */
export interface Kept {
  readonly id: string
  readonly madeAtMs: number
}

/** What is to go. The newest one never is: an age must not take the last one when new ones fail. */
export function outlived<T extends Kept>(kept: readonly T[], { count, ageMs }: Retention, nowMs: number): T[] {
  const newestFirst = [...kept].sort((a, b) => b.madeAtMs - a.madeAtMs || (a.id < b.id ? 1 : -1))
  return newestFirst.filter((one, place) => {
    if (place === 0) return false
    return (count > 0 && place >= count) || (ageMs > 0 && nowMs - one.madeAtMs > ageMs)
  })
}

/** The words of a setting: a count, and an age as settings print it. */
export function retentionIn([count, age]: readonly string[]): Retention {
  return { count: Number(count ?? 0), ageMs: secondsIn(age ?? '0') * MS_PER_SECOND }
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 }

/** Of a duration as settings print it. */
function secondsIn(text: string): number {
  const unit = UNIT_SECONDS[text.slice(-1)]
  return unit === undefined ? Number(text) : Number(text.slice(0, -1)) * unit
}
