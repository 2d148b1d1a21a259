/**
 * The end of the server: SHUTDOWN and signals. Main thread.
 *
 * Invariant: with a last save asked for, the server ends only when that has gone well, or with FORCE.
 */
import type { AppendLog } from './append-log.js'
import type { LogLines } from './base/log-lines.js'
import type { Configuration } from './config/configuration.js'
import type { Persistence } from './persistence.js'
import type { ShutdownOptions } from './shutdown-options.js'

export class Shutdown {
  #running: Promise<boolean> | null = null

  constructor(
    private readonly config: Configuration,
    private readonly persistence: Persistence,
    private readonly appendLog: AppendLog,
    private readonly log: LogLines,
    /** Whether a script runs beyond its time, and holds up a shard for as long as it likes. */
    private readonly isBusy: () => boolean,
    /** Closes everything. */
    private readonly close: () => Promise<void>,
  ) {}

  /** @returns whether the server has ended; false when the last save failed, and it goes on */
  begin(options: ShutdownOptions): Promise<boolean> {
    this.#running ??= this.#run(options).finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #run({ save, force }: ShutdownOptions): Promise<boolean> {
    const { config, persistence, log } = this
    log.warning('User requested shutdown...')
    if (save === false && this.isBusy()) {
      // This is the way out of a script that cannot be killed: nothing may wait for its shard.
      await this.appendLog.finish('without marks')
      await this.close()
      return true
    }
    // Half of the data must not take the place of the file that they are being loaded from.
    const isWanted = persistence.state.loading === null && (save ?? config.savePoints().length > 0)
    await persistence.endSaves()
    if (isWanted) {
      log.notice('Saving the final RDB snapshot before exiting.')
      if (!(await persistence.saveFinally())) {
        if (!force) {
          log.warning("Error trying to save the DB, can't exit.")
          return false
        }
        log.warning('Error trying to save the DB. Exit anyway.')
      }
    }
    await this.appendLog.finish('with marks')
    await this.close()
    return true
  }
}
