/** Starts the server. Main thread; the command line (`cli.ts`) and whoever embeds the server call this. */
import type { Configuration } from './config/configuration.js'
import type { Logger } from './log.js'
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
  log.notice('Server initialized')
  await server.start()
  log.notice('Ready to accept connections')
  void server.ended.then(() => process.exit(0))
  return { shutdown: () => server.end() }
}
