/**
 * Writing lines to the log, for the parts of the server that only write to it. `src/log.ts` makes the log that it is.
 *
 * An interface, used on the main thread. Lines are for rare events: nothing is logged for a command.
 */
export interface LogLines {
  debug(message: string): void
  verbose(message: string): void
  notice(message: string): void
  warning(message: string): void
}

/** The level of a warning where levels are numbers: those of `redis.log`. */
export const LOG_WARNING = 3
