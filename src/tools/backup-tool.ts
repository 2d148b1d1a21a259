/**
 * `shardkeep backup list|verify|fetch`: backups without a server. What they do is loaded when it is wanted: a server that starts must
 * not wait for tools.
 */
import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { addTargetOptions } from './target-options.js'

const actions = () => import('./backup-actions.js')

export function addBackupCommand(program: Command): void {
  const backup = program.command('backup').description('list, verify and fetch backups')
  addTargetOptions(
    backup
      .command('list')
      .description('show the backups of a target, oldest first')
      .option('--json', 'as JSON, a line for each')
      .action(async (options) => (await actions()).list(options)),
  )
  addTargetOptions(
    backup
      .command('verify')
      .description('read backups back, load them and compare their digests')
      .argument('[backup...]', 'ids, `latest`, or paths that end with an id; none for all')
      .option('--temporary <folder>', 'where there is room for an RDB file', tmpdir())
      .action(async (names, options) => (await actions()).verify(names, options)),
  )
  addTargetOptions(
    backup
      .command('fetch')
      .description("bring a backup's RDB file here, decrypted and proved")
      .argument('<backup>', 'id, `latest`, or a path that ends with an id')
      .option('-o, --out <file>', 'the file; without it, the id with .rdb')
      .action(async (name, options) => (await actions()).fetch(name, options)),
  )
}
