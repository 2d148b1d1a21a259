/**
 * The reply of every HELP subcommand: a heading, the subcommands, and HELP itself, as simple strings.
 *
 * Runs on both threads.
 */
import type { ReplyWriter } from '../resp/reply-writer.js'

/**
 * Writes the help of the container command `container`. `lines` are its subcommands' forms, each followed by lines of
 * explanation that are indented by four spaces, as redis-cli shows them.
 */
export function writeHelp(reply: ReplyWriter, container: string, lines: readonly string[]): void {
  reply.array(lines.length + 3)
  reply.simple(`${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`)
  for (const line of lines) reply.simple(line)
  reply.simple('HELP')
  reply.simple('    Print this help.')
}
