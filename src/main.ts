/** Starts the server. Main thread; the command line (`cli.ts`) and whoever embeds the server call this. */
import type { Configuration } from './config/configuration.js'
import { type Logger, logBanner } from './log.js'
import { keepToDescriptorLimit } from './net/descriptor-limit.js'
import { Server } from './server.js'

export interface RunningServer {
  /** Ends the server in order. */
  shutdown(): Promise<void>
}

/** Resolves when clients are served. Rejects with an operational error (`code`) when that cannot be. */
export async function startServer(config: Configuration, log: Logger): Promise<RunningServer> {
  keepToDescriptorLimit(config, log)
  const server = new Server(config, log)
  await server.start()
  logBanner(log, config)
  log.notice('Server initialized')
  log.notice('Ready to accept connections')
  void server.ended.then(() => process.exit(0))
  return { shutdown: () => server.end() }
}
