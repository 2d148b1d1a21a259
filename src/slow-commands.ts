/**
 * Commands that took long: their way into the slow log and the latency monitor. Main thread.
 */
import { asciiBytes } from './base/bytes.js'
import type { Clock } from './base/clock.js'
import type { LatencyMonitor } from './base/latency-monitor.js'
import { loggedArgument, type Slowlog } from './base/slowlog.js'
import type { ScriptServices, SessionView } from './commands/server-services.js'
import type { CommandSpec } from './commands/spec.js'
import { specs } from './commands/table.js'
import { hideSecrets } from './net/secrets.js'
import { decodeSlowCommand, NO_CLIENT } from './ring/slow-command.js'

/** What the log says of a client. */
type LoggedClient = Pick<SessionView, 'address' | 'name'>

/** Whose commands those of scripts are, as Redis has it. */
const SCRIPT_CLIENT: LoggedClient = { address: '?:0', name: '' }
/** Commands that come to their shard with a digest in the place of a script's text. */
const NAMED_BY_TEXT: ReadonlySet<string> = new Set(['eval', 'eval_ro'])

export class SlowCommands {
  /** @param find the client in a slot */
  constructor(
    private readonly slowlog: Slowlog,
    private readonly latency: LatencyMonitor,
    private readonly clock: Clock,
    private readonly scripts: Pick<ScriptServices, 'bodyOf'>,
    private readonly find: (slot: number) => { readonly session: SessionView } | undefined,
  ) {}

  /** Takes the notice of a shard, see ring/slow-command.ts. */
  noteOfShard(bytes: Uint8Array, offset: number, length: number): void {
    const { target, id, durationUs, argv } = decodeSlowCommand(bytes, offset, length)
    const spec = specs[id] as CommandSpec
    const client = target === NO_CLIENT ? SCRIPT_CLIENT : this.find(target)?.session
    this.note(spec, durationUs, NAMED_BY_TEXT.has(spec.name) ? this.#withText(argv) : argv, client)
  }

  /** Notes a command of this client, or of one that has gone. */
  note(spec: CommandSpec, durationUs: number, argv: readonly string[], client: LoggedClient | undefined): void {
    if (spec.internal === true) return
    this.latency.record(spec.flags.includes('fast') ? 'fast-command' : 'command', durationUs / 1000)
    if (spec.flags.includes('skip_slowlog') || !this.slowlog.isSlow(durationUs)) return
    const shown = [...argv]
    hideSecrets(spec, shown)
    this.slowlog.add(
      Math.floor(this.clock.nowMs() / 1000),
      Math.round(durationUs),
      shown,
      client?.address ?? '',
      client?.name ?? '',
    )
  }

  #withText([name = '', digest = '', ...rest]: readonly string[]): readonly string[] {
    const body = this.scripts.bodyOf(asciiBytes(digest))
    return [name, body === undefined ? digest : loggedArgument(body, 0, body.length), ...rest]
  }
}
