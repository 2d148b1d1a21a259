/**
 * Assertions of invariants.
 *
 * Runs on every thread. A failed assertion means that the program itself is wrong. Nobody catches it to go on: the
 * process ends with the reason before it can write wrong data.
 */

/** A broken invariant. `code` is stable, so that a crash report can be told from an operational fault. */
export class InvariantError extends Error {
  readonly code = 'INVARIANT_BROKEN'

  constructor(message: string) {
    super(message)
    this.name = 'InvariantError'
  }
}

/**
 * Throws when the condition does not hold.
 * The message must be a constant: a message built at the call would be built each time, also when the condition holds.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
