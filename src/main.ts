/** Starts the server. Main thread; the command line (`cli.ts`) and whoever embeds the server call this. */
import type { Configuration } from './config/configuration.js'
import { type Logger, logBanner } from './log.js'
import { keepToDescriptorLimit } from './net/descriptor-limit.js'
import { Server } from './server.js'
import type { ShutdownOptions } from './shutdown-options.js'

export interface RunningServer {
  /** Ends when the data set is loaded and clients are served; with an operational error (`code`) when that cannot be. */
  readonly ready: Promise<void>
  /** Ends the server in order. @returns false when its last save failed, and it goes on */
  shutdown(options: ShutdownOptions): Promise<boolean>
}

/** Resolves when clients are listened to: they are told to wait while the data set is being loaded. Rejects with an operational error (`code`) when that cannot be. */
export async function startServer(config: Configuration, log: Logger): Promise<RunningServer> {
  keepToDescriptorLimit(config, log)
  const server = new Server(config, log)
  await server.start()
  logBanner(log, config)
  log.notice('Server initialized')
  void server.ended.then(() => process.exit(0))
  const ready = server.durability.load().then(() => log.notice('Ready to accept connections'))
  return { ready, shutdown: (options) => server.end(options) }
}
