/** Obeys the `rename-command` lines of the configuration. Main thread, before shards are started and clients come. */
import { type Rename, renameCommand } from './commands/table.js'
import type { Configuration } from './config/configuration.js'

/**
 * @returns the renames, for the shards
 * @throws the start-up error of a line that names no command, or a name that is taken
 */
export function renameCommands(config: Configuration): Rename[] {
  return config.directives('rename-command').map(({ words, fault }) => {
    const rename: Rename = [words[0] ?? '', words[1] ?? '']
    const reason = renameCommand(rename)
    if (reason !== undefined) throw fault(reason)
    return rename
  })
}
