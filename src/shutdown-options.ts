/**
 * How the server is to end: what SHUTDOWN and signals ask for. Main thread.
 */

export interface ShutdownOptions {
  /** Undefined: when save points are configured. */
  readonly save: boolean | undefined
  /** The server ends even where the last save fails. */
  readonly force: boolean
}

/** The options that the words of `shutdown-on-sigint` and `shutdown-on-sigterm` give. */
export function shutdownOptionsIn(words: readonly string[]): ShutdownOptions {
  const save = words.includes('save') ? true : words.includes('nosave') ? false : undefined
  return { save, force: words.includes('force') }
}
