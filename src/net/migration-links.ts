/**
 * The way to other servers for MIGRATE: connections that are kept for a while, and the commands that go over them.
 *
 * Runs on the main thread. Invariant: a link is either idle, and then it is in `#idle`, or in the hands of one MIGRATE;
 * two MIGRATEs to one server at the same time use two links.
 *
 * Behaviour of the errors, of the retry and of the cache: migrateCommand in Redis's cluster.c.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import type { MigrateOptions } from '../commands/rdb/migrate-options.js'
import { encodeError } from '../resp/errors.js'
import type { MigratingKey, Migration, MigrationResult } from '../router/migrate.js'
import { type LinkFault, MigrationLink } from './migration-link.js'

const IDLE_LINKS_MAX = 64
const IDLE_MS_MAX = 10_000

const NOT_CONNECTED = encodeError('IOERR error or timeout connecting to the client')

const MINUS = '-'

export class MigrationLinks implements Migration {
  /** By host and port; the oldest comes first. */
  readonly #idle = new Map<string, MigrationLink>()
  readonly #touch: () => void

  /** @param touch called before results are given: they make the router write frames outside of a client's turn */
  constructor(touch: () => void) {
    this.#touch = touch
  }

  /** How many links are kept. */
  get size(): number {
    return this.#idle.size
  }

  restore(options: MigrateOptions, keys: readonly MigratingKey[], done: (result: MigrationResult) => void): void {
    void this.#restore(options, keys).then((result) => {
      this.#touch()
      done(result)
    })
  }

  /** Closes the links that are kept. */
  close(): void {
    for (const link of this.#idle.values()) link.close()
  }

  async #restore(options: MigrateOptions, keys: readonly MigratingKey[]): Promise<MigrationResult> {
    const { host, port, timeoutMs } = options
    const name = `${host}:${port}`
    for (let mayRetry = true; ; mayRetry = false) {
      const link = this.#take(name) ?? (await MigrationLink.open(host, port, timeoutMs))
      if (link === undefined) return { accepted: [], error: NOT_CONNECTED }
      const prelude = preludeOf(options, link.database)
      const commands = [...prelude, ...keys.map((key) => restoreCommand(key, options.replaces))]
      const { lines, fault, timedOut } = await link.exchange(commands, commands.length, timeoutMs)
      const result = resultOf(lines.slice(0, prelude.length), lines.slice(prelude.length), fault)
      if (fault === undefined) {
        // After an error nobody knows what is selected there.
        link.database = result.error === undefined ? options.database : undefined
        this.#keep(name, link)
        return result
      }
      link.close()
      // A link that was kept may have been closed on the other side: nothing has happened there yet.
      if (lines.length > prelude.length || timedOut || !mayRetry) return result
    }
  }

  #take(name: string): MigrationLink | undefined {
    const link = this.#idle.get(name)
    this.#idle.delete(name)
    link?.take()
    return link
  }

  #keep(name: string, link: MigrationLink): void {
    this.#take(name)?.close()
    const oldest = this.#idle.size >= IDLE_LINKS_MAX ? this.#idle.keys().next().value : undefined
    if (oldest !== undefined) this.#take(oldest)?.close()
    this.#idle.set(name, link)
    link.keep(IDLE_MS_MAX, () => this.#idle.delete(name))
  }
}

/** What must be said before keys are sent: who is there and which database is meant. */
function preludeOf({ username, password, database }: MigrateOptions, selected: string | undefined): Uint8Array[] {
  const commands: Uint8Array[] = []
  if (password !== undefined) {
    commands.push(encodeCommand([asciiBytes('AUTH'), ...(username === undefined ? [] : [username]), password]))
  }
  if (database !== selected) commands.push(encodeCommand([asciiBytes('SELECT'), asciiBytes(database)]))
  return commands
}

function restoreCommand({ key, ttlMs, payload }: MigratingKey, replaces: boolean): Uint8Array {
  const argv = [asciiBytes('RESTORE'), key, asciiBytes(String(ttlMs)), payload]
  if (replaces) argv.push(asciiBytes('REPLACE'))
  return encodeCommand(argv)
}

function encodeCommand(argv: readonly Uint8Array[]): Uint8Array {
  const parts = [asciiBytes(`*${argv.length}\r\n`)]
  for (const argument of argv) parts.push(asciiBytes(`$${argument.length}\r\n`), argument, asciiBytes('\r\n'))
  return joinBytes(parts)
}

function resultOf(
  preludeLines: readonly string[],
  keyLines: readonly string[],
  fault: LinkFault | undefined,
): MigrationResult {
  const refusal = preludeLines.find((line) => line.startsWith(MINUS))
  const accepted = keyLines.map((line) => refusal === undefined && !line.startsWith(MINUS))
  const failure = refusal ?? keyLines.find((line) => line.startsWith(MINUS))
  // An error counts only when a key was there for it to refuse, as in Redis: the link may have broken before.
  if (failure !== undefined && keyLines.length > 0) {
    return { accepted, error: encodeError(`ERR Target instance replied with error: ${failure.slice(1)}`) }
  }
  if (fault === undefined) return { accepted, error: undefined }
  return { accepted, error: encodeError(`IOERR error or timeout ${fault} to target instance`) }
}
