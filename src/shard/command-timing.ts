/**
 * What commands take on a shard: their statistics, and which of them were slow.
 *
 * Runs in a shard worker. Reading the clock costs as much as a GET, so commands of constant time are timed in runs of the
 * same command: their sums are exact, their distribution that of the runs' averages. All others, and with thresholds low
 * enough to ask for it every command, are runs of one.
 */
import { loggedArguments } from '../base/slowlog.js'
import { CommandStatistics } from '../commands/command-statistics.js'
import type { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { containerOf, specs } from '../commands/table.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { Notice, TARGET_BLOCKING } from '../ring/frames.js'
import { encodeSlowCommand, NO_CLIENT } from '../ring/slow-command.js'
import type { Notices } from './notices.js'
import type { ObservedThresholds } from './shard-settings.js'

/** A slow log threshold below this is about single commands of constant time. */
const TIMED_EACH_BELOW_US = 1000

/**
 * Replies are sent once commands that are timed alone have taken so long together: scripts, mostly. Clients then go on
 * while the rest of the batch runs; otherwise they and the shard would take turns. Less would ring for too few replies.
 */
const SEND_REPLIES_AFTER_US = 150

/** A script may call millions of commands, all of them slow when everything is: then those are left out that come late. */
const NESTED_REPORTS_BYTES_MAX = 1024 * 1024

const timedAlone = Uint8Array.from(specs, (spec) => (isConstantTime(spec) ? 0 : 1))

/** Of the commands of constant time in scripts one is timed after so many that are not. */
const NESTED_UNTIMED_MAX = 15
const nestedUntimed = new Uint8Array(specs.length)
/** What a command of a script took last. */
const nestedUs = new Float64Array(specs.length)

export class CommandTiming {
  readonly statistics = new CommandStatistics()
  readonly thresholds: ObservedThresholds = { slowlogUs: 10_000, latencyMonitorMs: 0 }
  readonly #monotonicUs: () => number
  #runId = -1
  #runCalls = 0
  #runStartedUs = 0
  #timesEach = false
  /** What commands that are timed alone have taken since `takesLong` said so. */
  #unsentUs = 0

  constructor(
    monotonicUs: () => number,
    private readonly notices: Notices,
  ) {
    this.#monotonicUs = monotonicUs
  }

  /** The thresholds may have changed. */
  refresh(): void {
    const { slowlogUs, latencyMonitorMs } = this.thresholds
    this.#timesEach = latencyMonitorMs > 0 || (slowlogUs >= 0 && slowlogUs < TIMED_EACH_BELOW_US)
  }

  /** A command with this id is about to run. */
  begin(id: number): void {
    if (id === this.#runId) return
    const nowUs = this.#monotonicUs()
    if (this.#runId >= 0) this.statistics.recordRun(this.#runId, this.#runCalls, nowUs - this.#runStartedUs)
    this.#runId = id
    this.#runCalls = 0
    this.#runStartedUs = nowUs
  }

  /** Counts the error that the command's reply is, if it is one. */
  noteFailure(id: number, writer: ReplyWriter): void {
    if (writer.lastError === null) return
    this.statistics.recordFailure(id, writer.lastError)
    writer.lastError = null
  }

  /** Tells of a command that has taken so long that somebody wants to know. */
  reportIfSlow({ bytes, argc, offsets, lengths }: ShardCall, target: number, id: number, durationUs: number): void {
    if (!this.isSlow(durationUs)) return
    const spec = specs[id] as CommandSpec
    const argv = loggedArguments(containerOf(spec)?.name ?? spec.name, bytes, argc, offsets, lengths)
    this.#report(target & ~TARGET_BLOCKING, id, durationUs, argv)
  }

  /** The same of a command of a script, whose name is argument 0 where it did not come from another shard. */
  reportNestedIfSlow({ bytes, argc, offsets, lengths }: ShardCall, id: number, durationUs: number): void {
    if (!this.isSlow(durationUs) || this.notices.length > NESTED_REPORTS_BYTES_MAX) return
    const spec = specs[id] as CommandSpec
    const name = lengths[0] !== 0 ? undefined : (containerOf(spec)?.name ?? spec.name)
    this.#report(NO_CLIENT, id, durationUs, loggedArguments(name, bytes, argc, offsets, lengths))
  }

  #report(target: number, id: number, durationUs: number, argv: readonly string[]): void {
    const payload = encodeSlowCommand({ target, id, durationUs, argv })
    this.notices.append(payload, 0, payload.length)
    this.notices.add(Notice.slow, 0)
  }

  /** The command has run, and counts as a call. */
  count(): void {
    this.#runCalls++
  }

  /** Whether the command that has run must be timed by itself. */
  isTimedAlone(id: number): boolean {
    return timedAlone[id] !== 0 || this.#timesEach
  }

  /** Ends the run in hand, if there is one. @returns what it took in µs */
  end(): number {
    if (this.#runId < 0) return 0
    const durationUs = this.#monotonicUs() - this.#runStartedUs
    this.statistics.recordRun(this.#runId, this.#runCalls, durationUs)
    this.#runId = -1
    this.#unsentUs += durationUs
    return durationUs
  }

  /** Whether the commands so far have taken so long that their replies should be sent now; counts anew when they have. */
  takesLong(): boolean {
    if (this.#unsentUs < SEND_REPLIES_AFTER_US) return false
    this.#unsentUs = 0
    return true
  }

  /** As `end`, but what it took is recorded by somebody else. */
  leave(): number {
    this.#runId = -1
    return this.#monotonicUs() - this.#runStartedUs
  }

  /** Whether a command of a script is to be timed. Those of constant time are now and then, see `recordNested`. */
  timesNested(id: number): boolean {
    if (timedAlone[id] !== 0 || this.#timesEach) return true
    const untimed = nestedUntimed[id] as number
    nestedUntimed[id] = untimed === 0 ? NESTED_UNTIMED_MAX : untimed - 1
    return untimed === 0
  }

  /**
   * Counts a command of a script.
   * @param durationUs negative when it was not timed: then it counts as the one of its name that was timed last
   */
  recordNested(id: number, calls: number, durationUs: number): void {
    if (durationUs >= 0) nestedUs[id] = durationUs
    this.statistics.recordRun(id, calls, nestedUs[id] as number)
  }

  isSlow(durationUs: number): boolean {
    const { slowlogUs, latencyMonitorMs } = this.thresholds
    return (
      (slowlogUs >= 0 && durationUs >= slowlogUs) || (latencyMonitorMs > 0 && durationUs >= latencyMonitorMs * 1000)
    )
  }
}

/** Whether the command takes the same time however much data there is. */
function isConstantTime(spec: CommandSpec): boolean {
  return spec.complexity.startsWith('O(1)') || spec.flags.includes('fast')
}
