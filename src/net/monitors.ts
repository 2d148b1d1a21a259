/**
 * MONITOR: clients that see every command of every client. Main thread.
 *
 * A command is shown when it is sent on its way, which is when it gets its place in the order: so the lines stand in the
 * order in which commands happen, whichever shards they happen on. Those of a transaction stand before its EXEC, as in
 * Redis.
 *
 * Invariant: while nobody monitors, a command costs one look at `isActive`; and no line is longer than some `SHOWN_BYTES_MAX`
 * of arguments make it.
 */
import { latin1Of } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import { parseInt64 } from '../base/integer.js'
import type { SessionView } from '../commands/server-services.js'
import type { CommandSpec } from '../commands/spec.js'
import { commandNamed, specs } from '../commands/table.js'
import { quoteArgument } from '../config/arguments.js'
import type { CommandRequest } from '../hops/request.js'
import { isScript } from '../router/scripts.js'
import { hideSecrets } from './secrets.js'

/** A connection, as far as it is needed here. */
export interface MonitorConnection {
  readonly session: Pick<SessionView, 'address' | 'isUnixSocket' | 'database' | 'replyMode'>
  push(bytes: Uint8Array, offset: number, length: number): void
}

/** Administrative commands are not shown, as in Redis. Scripts are, ahead of what they call. */
const HIDING_FLAGS: ReadonlySet<string> = new Set(['admin', 'skip_monitor'])
const hidden = new Set<CommandSpec>(
  specs.filter((spec) => !isScript(spec) && spec.flags.some((flag) => HIDING_FLAGS.has(flag))),
)

/**
 * So much of a command's arguments is shown. Redis shows all: of a value of 100 MB that does not print, 400 MB to each
 * monitor, and no text of that length can be made here at all.
 */
const SHOWN_BYTES_MAX = 1024 * 1024

export class Monitors {
  isActive = false
  /** Told when the first one comes and when the last one has gone. */
  onChange: (isActive: boolean) => void = () => {}
  readonly #connections = new Set<MonitorConnection>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(connection: MonitorConnection): void {
    this.#connections.add(connection)
    this.#noteCount()
  }

  remove(connection: MonitorConnection): void {
    this.#connections.delete(connection)
    this.#noteCount()
  }

  #noteCount(): void {
    const isActive = this.#connections.size > 0
    if (isActive === this.isActive) return
    this.isActive = isActive
    this.onChange(isActive)
  }

  /** Shows a command of a client, with the database that it has now. */
  show(
    connection: MonitorConnection,
    spec: CommandSpec,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    if (hidden.has(spec)) return
    this.#print(sourceOf(connection), connection.session.database, spec, argc, (i) => {
      const offset = offsets[i] as number
      return bytes.subarray(offset, offset + (lengths[i] as number))
    })
  }

  /**
   * Shows the commands of a transaction that have run, and behind them EXEC, whose arguments are `exec`. `database` is the
   * one that was selected when it began.
   */
  showTransaction(
    connection: MonitorConnection,
    commands: readonly CommandRequest[],
    database: number,
    exec: readonly Uint8Array[],
  ): void {
    const source = sourceOf(connection)
    let selected = database
    for (const { spec, argv } of commands) {
      if (spec.name === 'select') selected = selectedBy(argv) ?? selected
      if (!hidden.has(spec)) this.#printAll(source, selected, spec, argv)
    }
    this.#printAll(source, selected, commandNamed('exec'), exec)
  }

  /** Shows a command that came from elsewhere than a client, such as a script, for which the source is `lua`. */
  showFrom(source: string, database: number, spec: CommandSpec, argv: readonly Uint8Array[]): void {
    if (!hidden.has(spec)) this.#printAll(source, database, spec, argv)
  }

  #printAll(source: string, database: number, spec: CommandSpec, argv: readonly Uint8Array[]): void {
    this.#print(source, database, spec, argv.length, (i) => argv[i] as Uint8Array)
  }

  #print(
    source: string,
    database: number,
    spec: CommandSpec,
    argc: number,
    argument: (index: number) => Uint8Array,
  ): void {
    const argv: string[] = []
    let cutBytes = 0
    // The space counts as well: of empty arguments there are not any number either.
    for (let room = SHOWN_BYTES_MAX; argv.length < argc && room > 0; room -= (argv.at(-1) as string).length + 1) {
      const bytes = argument(argv.length)
      const shown = Math.min(bytes.length, room)
      argv.push(latin1Of(bytes, 0, shown))
      cutBytes = bytes.length - shown
    }
    hideSecrets(spec, argv)
    const nowUs = this.#clock.nowUs()
    const seconds = Math.floor(nowUs / 1e6)
    const microseconds = String(Math.floor(nowUs - seconds * 1e6)).padStart(6, '0')
    let quoted = argv.map(quoteArgument).join(' ')
    if (cutBytes > 0) quoted += `... (${cutBytes} more bytes)`
    if (argv.length < argc) quoted += ` ... (${argc - argv.length} more arguments)`
    const line = Buffer.from(`+${seconds}.${microseconds} [${database} ${source}] ${quoted}\r\n`, 'latin1')
    for (const connection of this.#connections) {
      // A line is an answer to MONITOR, so that CLIENT REPLY OFF holds for it.
      if (connection.session.replyMode !== 'off') connection.push(line, 0, line.length)
    }
  }
}

function sourceOf({ session }: MonitorConnection): string {
  // Of a Unix socket Redis shows the path only.
  return session.isUnixSocket ? `unix:${session.address.replace(/:0$/, '')}` : session.address
}

/** The database that a SELECT in a transaction is going to select, where it names one. */
function selectedBy(argv: readonly Uint8Array[]): number | undefined {
  const name = argv[1] as Uint8Array
  const database = parseInt64(name, 0, name.length)
  return database === undefined ? undefined : Number(database)
}
