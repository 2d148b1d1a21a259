/** `shardkeep import`: brings keys into a server, from a file or from another server. What it does is loaded when it is wanted. */
import { type Command, Option } from 'commander'
import type { ImportToolOptions } from './import-actions.js'
import { addFilterOptions } from './key-filter.js'

export function addImportCommand(program: Command): void {
  addFilterOptions(
    program
      .command('import')
      .description('bring keys into a server: from a file (RDB, commands, JSON), or from another server')
      .argument('[file]', 'file, or - for standard input')
      .option('--from <url>', 'server that the keys are copied from, as redis://[user:password@]host:port')
      .option('--to <url>', 'server that the keys go to', 'redis://127.0.0.1:6379')
      .addOption(
        new Option('-f, --format <format>', 'form of the file; without it, what its beginning looks like').choices([
          'rdb',
          'resp',
          'jsonl',
        ]),
      )
      .option('--replace', 'replace keys that are there; else they stay as they are')
      .action(async (file: string | undefined, options: ImportToolOptions) =>
        (await import('./import-actions.js')).importKeys(file, options),
      ),
  ).addHelpText(
    'after',
    '\nCommands (resp) are sent as they are: --replace, --match, --type and --db do not hold for them.',
  )
}
