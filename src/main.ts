/** Starts the server. Main thread; the command line (`cli.ts`) and whoever embeds the server call this. */
import type { Configuration } from './config/configuration.js'
import type { Logger } from './log.js'
import { ListenError } from './net/listener.js'
import { Server } from './server.js'

export interface RunningServer {
  /** Ends the server in order. */
  shutdown(): Promise<void>
}

/** Resolves when clients are served. Rejects with an operational error (`code`) when that cannot be. */
export async function startServer(config: Configuration, log: Logger): Promise<RunningServer> {
  const server = new Server(config, log)
  log.notice('Server initialized')
  try {
    await server.start()
  } catch (error) {
    if (error instanceof ListenError) {
      log.warning(`Warning: ${error.message}`)
      error.message = `Failed listening on port ${server.port} (TCP), aborting.`
    }
    throw error
  }
  log.notice('Ready to accept connections')
  void server.ended.then(() => process.exit(0))
  return { shutdown: () => server.end() }
}
