/** `shardkeep check`: whether what a server has left on the disk can be loaded, and repairs of what can be repaired. */
import type { Command } from 'commander'

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description(
      "check a server's folder, the folder of a log, an RDB file or a folder of backups; the server must not run",
    )
    .argument('<path>', 'what is to be checked')
    .option('--fix', 'repair what can be repaired; what is changed is copied first')
    .option('--appenddirname <name>', 'name of the folder of the log', 'appendonlydir')
    .option('--appendfilename <name>', 'beginning of the names of its files', 'appendonly.aof')
    .option('--dbfilename <name>', 'name of the RDB file', 'dump.rdb')
    .action(async (name, options) => (await import('./check-actions.js')).check(name, options))
}
