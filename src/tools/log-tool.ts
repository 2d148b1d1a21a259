/** `shardkeep log` and `shardkeep export-aof`: the history of all shards as one, shown, or written as a log that Redis loads. */
import type { Command } from 'commander'

const OPTIONS = {
  dir: ['-d, --dir <folder>', "the server's `dir`"],
  folder: ['--appenddirname <name>', 'name of the folder of the log', 'appendonlydir'],
  file: ['--appendfilename <name>', 'beginning of the names of its files', 'appendonly.aof'],
} as const

/** The options by which a tool finds a log. */
export function addLogOptions(command: Command): Command {
  return command
    .requiredOption(...OPTIONS.dir)
    .option(...OPTIONS.folder)
    .option(...OPTIONS.file)
}

export function addLogCommand(program: Command): void {
  addLogOptions(program.command('log').description('show the history of all shards in its order'))
    .option('--from-seq <number>', 'the first operation')
    .option('--to-seq <number>', 'the last operation')
    .option('--key <glob>', 'only what has to do with keys that match')
    .action(async (options) => (await import('./log-actions.js')).showLog(options))
}

export function addExportAofCommand(program: Command): void {
  addLogOptions(program.command('export-aof').description('write the log as one that redis-server 7 loads'))
    .requiredOption('-o, --out <folder>', "the `dir` of the redis-server; the log's folder is made in it")
    .option('--to-seq <number>', 'the last operation; by default the last one that is complete')
    .action(async (options) => (await import('./log-actions.js')).exportLog(options))
}
