/**
 * `shardkeep restore`: makes of a backup, or of the log's history, a folder that a server starts from. What it does is loaded
 * when it is wanted.
 */
import type { Command } from 'commander'
import type { RestoreOptions } from './restore-actions.js'
import { addTargetOptions } from './target-options.js'

export function addRestoreCommand(program: Command): void {
  addTargetOptions(
    program
      .command('restore')
      .description("restore a backup, or a point of the log's history, into a folder that a server starts from")
      .argument('[backup]', 'id, `latest`, or a path that ends with an id')
      .requiredOption('-d, --dir <folder>', "the server's `dir`; with a backup it is made when it is not there")
      .option('--dbfilename <name>', "the server's `dbfilename`", 'dump.rdb')
      .option('--appenddirname <name>', "the server's `appenddirname`", 'appendonlydir')
      .option('--appendfilename <name>', "the server's `appendfilename`", 'appendonly.aof')
      .option('-f, --force', 'replace a data set that is there')
      .option('--to-seq <number>', 'restore from the log: up to this sequence number')
      .option('--to-time <time>', 'restore from the log: up to this time (2026-11-22T21:00:00Z, or Unix seconds)')
      .option('--key <pattern>', 'from the log: only keys that match')
      .option('-o, --out <folder>', 'from the log: where the restored data set goes')
      .action(async (name: string | undefined, options: RestoreOptions) =>
        (await import('./restore-actions.js')).restore(name, options),
      ),
  )
}
