/** What a shard says of records that it has executed. Types only. */

/** What `shard.replay-file` and `shard.replay` reply, as JSON. */
export interface ReplayReport {
  /** How far the file has been worked off, and whether that is all of it. */
  readonly offset: number
  readonly isThrough: boolean
  /** Executed since the last report. */
  readonly records: number
  /** Records of the main thread's commands: the arguments of each, one character a byte. */
  readonly forMain: readonly (readonly string[])[]
  /** What records were answered with that should not fail. */
  readonly errors: readonly ReplayError[]
  /** Why it cannot go on. */
  readonly fault: ReplayFault | null
}

export interface ReplayError {
  readonly command: string
  readonly error: string
}

export interface ReplayFault {
  readonly kind: 'unknown' | 'format' | 'memory'
  /** The name of the command that is not known, or what was expected. */
  readonly text: string
  readonly offset: number
}
