/**
 * Keeps `maxclients` to what the process may open. Main thread.
 *
 * Redis raises its limit of open files to what `maxclients` asks for. Node.js has raised it as far as the system lets it
 * before any of our code runs, and cannot change it later, so all that is left is to be content with less.
 */
import { descriptorLimit } from '../base/descriptor-limit.js'
import type { LogLines } from '../base/log-lines.js'
import type { Configuration } from '../config/configuration.js'

/** What Redis keeps for files, listeners and links to other servers; here the main thread's event loop is in it. */
const RESERVED = 32
/** The event loop of a shard's thread holds five. */
const RESERVED_PER_SHARD = 8
/** While a shard's thread starts it reads its modules, some of them at once even where few may be open (load-modules.ts). */
const NEEDED_TO_START_PER_SHARD = 32

export class DescriptorLimitError extends Error {
  readonly code = 'SHARDKEEP_DESCRIPTOR_LIMIT'
}

/**
 * Lowers `maxclients` when the limit asks for it, and refuses a later CONFIG SET of more than the limit allows.
 * Throws a DescriptorLimitError when the server itself cannot run within the limit. To be called before shards start.
 */
export function keepToDescriptorLimit(config: Configuration, log: LogLines, limit = descriptorLimit()): void {
  if (limit === undefined) return
  const shards = config.shardCount()
  const reserved = RESERVED + RESERVED_PER_SHARD * shards
  const neededToStart = RESERVED + NEEDED_TO_START_PER_SHARD * shards
  if (limit < neededToStart) {
    throw new DescriptorLimitError(
      `Your current 'ulimit -n' of ${limit} is not enough for the server to start. ` +
        `Please increase your open file limit to at least ${Math.max(neededToStart, config.number('maxclients') + reserved)}. Exiting.`,
    )
  }
  const clientsMax = limit - reserved
  const wanted = config.number('maxclients')
  if (wanted > clientsMax) {
    const refusal = config.assign('maxclients', [String(clientsMax)])
    if (refusal !== undefined) throw new DescriptorLimitError(`maxclients cannot be ${clientsMax}: ${refusal}`)
    log.warning(`You requested maxclients of ${wanted} requiring at least ${wanted + reserved} max file descriptors.`)
    log.warning(
      `Current maximum open files is ${limit}. maxclients has been reduced to ${clientsMax} to compensate for low ulimit. ` +
        "If you need higher maxclients increase 'ulimit -n'.",
    )
  }
  config.onChange('maxclients', () => {
    if (config.number('maxclients') <= clientsMax) return undefined
    return `The operating system is not able to handle the specified number of clients, try with ${clientsMax}`
  })
}
