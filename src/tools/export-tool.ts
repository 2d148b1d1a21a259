/** `shardkeep export`: the keys of a server or of an RDB file in a form that others read. What it does is loaded when it is wanted. */
import { type Command, Option } from 'commander'
import type { ExportToolOptions } from './export-actions.js'
import { addFilterOptions } from './key-filter.js'

export function addExportCommand(program: Command): void {
  addFilterOptions(
    program
      .command('export')
      .description('write the keys of a server, or of an RDB file, as RDB, commands or JSON')
      .addOption(new Option('--from <url>', 'server, as redis://[user:password@]host:port').conflicts('rdb'))
      .option('--rdb <file>', 'RDB file')
      .addOption(new Option('-f, --format <format>', 'form').choices(['rdb', 'resp', 'jsonl']).default('jsonl'))
      .option('-o, --out <file>', 'file, or - for standard output', '-')
      .addOption(
        new Option(
          '--rdb-version <number>',
          'version of the RDB file: 10 for Redis 7.0, 11 for 7.2, 12 for 7.4',
        ).choices(['10', '11', '12']),
      )
      .action(async (options: ExportToolOptions) => (await import('./export-actions.js')).exportKeys(options)),
  ).addHelpText(
    'after',
    '\nA password may also stand in REDISCLI_AUTH. Keys that change while a server is read are as they are when they are read.',
  )
}
