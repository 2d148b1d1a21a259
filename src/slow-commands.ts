/**
 * Commands that took long: their way into the slow log and the latency monitor. Main thread.
 */
import type { Clock } from './base/clock.js'
import type { LatencyMonitor } from './base/latency-monitor.js'
import type { Slowlog } from './base/slowlog.js'
import type { SessionView } from './commands/server-services.js'
import type { CommandSpec } from './commands/spec.js'
import { hideSecrets } from './net/secrets.js'

export class SlowCommands {
  constructor(
    private readonly slowlog: Slowlog,
    private readonly latency: LatencyMonitor,
    private readonly clock: Clock,
  ) {}

  /** Notes a command of this session, or of one that has gone. */
  note(spec: CommandSpec, durationUs: number, argv: readonly string[], session: SessionView | undefined): void {
    if (spec.internal === true) return
    this.latency.record(spec.flags.includes('fast') ? 'fast-command' : 'command', durationUs / 1000)
    if (spec.flags.includes('skip_slowlog') || !this.slowlog.isSlow(durationUs)) return
    const shown = [...argv]
    hideSecrets(spec, shown)
    this.slowlog.add(
      Math.floor(this.clock.nowMs() / 1000),
      Math.round(durationUs),
      shown,
      session?.address ?? '',
      session?.name ?? '',
    )
  }
}
