/**
 * The server: wires configuration, shards, router, dispatcher and network together, and is what command handlers ask about
 * the server (`ServerServices`).
 *
 * Runs on the main thread.
 */

import { randomBytes } from 'node:crypto'
import type { AppendLog } from './append-log.js'
import { asciiBytes } from './base/bytes.js'
import { systemClock } from './base/clock.js'
import { LatencyMonitor } from './base/latency-monitor.js'
import { Slowlog } from './base/slowlog.js'
import { renameCommands } from './command-renames.js'
import {
  shardEvict,
  shardPauseExpiry,
  shardResetStatistics,
  shardSetting,
  shardStatistics,
  shardTracking,
} from './commands/internal.js'
import { usedMemoryBytes } from './commands/memory-overhead.js'
import type {
  NetworkStatistics,
  ScriptServices,
  ServerServices,
  SessionView,
  ShardStatistics,
} from './commands/server-services.js'
import type { CommandSpec } from './commands/spec.js'
import { callableCommands, categoriesOf, commands, fullNameOf, keyPositions, lookup } from './commands/table.js'
import type { Configuration } from './config/configuration.js'
import { REDIS_VERSION, shardkeepVersion } from './config/version.js'
import { Cron } from './cron.js'
import { Durability } from './durability.js'
import type { Logger } from './log.js'
import { MemoryGuard } from './memory-guard.js'
import { ClientLimits } from './net/client-limits.js'
import { ClientTable } from './net/client-table.js'
import { type DispatchPolicy, openPolicy } from './net/dispatch-policy.js'
import { Dispatcher } from './net/dispatcher.js'
import type { FunctionLibraries } from './net/function-libraries.js'
import { KeyspaceChannels } from './net/keyspace-channels.js'
import { MigrationLinks } from './net/migration-links.js'
import { Monitors } from './net/monitors.js'
import { Rates } from './net/rates.js'
import { Reception } from './net/reception.js'
import { Scripting } from './net/scripting.js'
import { Session, type SessionHost } from './net/session.js'
import { Subscriptions } from './net/subscriptions.js'
import { Tracking, trackingArguments } from './net/tracking.js'
import { unwatchOnShards } from './net/transaction-commands.js'
import type { Persistence } from './persistence.js'
import { bulkBody } from './resp/reply-reader.js'
import { Notice } from './ring/frames.js'
import { ReplyGate } from './router/reply-gate.js'
import { Router } from './router/router.js'
import { ShardRequests } from './shard-requests.js'
import { ShardSettingsLink } from './shard-settings-link.js'
import { type ShardThreads, startShardThreads } from './shard-threads.js'
import { Shutdown } from './shutdown.js'
import type { ShutdownOptions } from './shutdown-options.js'
import { SlowCommands } from './slow-commands.js'

const NO_BYTES = new Uint8Array(0)
const PAUSED = [NO_BYTES, asciiBytes('1')]
const NOT_PAUSED = [NO_BYTES, asciiBytes('0')]
/** Of scripts, see lua/script-host.ts. */
const LOG_LEVELS = ['debug', 'verbose', 'notice', 'warning'] as const

export class Server implements ServerServices {
  readonly version = shardkeepVersion()
  readonly redisVersion = REDIS_VERSION
  readonly runId = randomBytes(20).toString('hex')
  replicationId = randomBytes(20).toString('hex')
  readonly startedAtMs = Date.now()
  readonly clock = systemClock
  readonly shardCount: number
  readonly unixSocketPath: string
  readonly executable = process.argv[1] ?? process.execPath
  readonly configFile: string
  readonly commandTable = { commands, callableCommands, fullNameOf, categoriesOf, keyPositions, lookup }
  readonly network: NetworkStatistics
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly channels = new Subscriptions()
  readonly scripts: ScriptServices
  readonly functions: FunctionLibraries
  readonly shardSettings: ShardSettingsLink
  readonly durability: Durability
  readonly persistence: Persistence
  readonly appendLog: AppendLog
  readonly backups: Durability['backups']
  startupMemoryBytes = 0
  peakMemoryBytes = 0

  readonly #threads: ShardThreads
  readonly #memory: MemoryGuard
  readonly #router: Router
  readonly #clients: ClientTable
  readonly #dispatcher: Dispatcher
  readonly #limits: ClientLimits
  readonly #migrationLinks: MigrationLinks
  readonly #rates: Rates
  readonly #reception: Reception
  readonly #log: Logger
  readonly #policy: DispatchPolicy
  readonly #shutdown: Shutdown
  readonly #slowCommands: SlowCommands
  readonly #keyspaceChannels = new KeyspaceChannels(this.channels)
  readonly #monitors = new Monitors(systemClock)
  readonly tracking = new Tracking(
    (id) => this.#clients.byId(id),
    (isActive, isBroadcasting) => {
      this.askShards(shardTracking, trackingArguments(isActive, isBroadcasting), 0, () => {})
      this.#listen()
    },
  )
  readonly #sessionHost: SessionHost = {
    subscriptions: this.channels,
    monitors: this.#monitors,
    tracking: this.tracking,
    requiresPassword: () => this.#policy.requiresPassword,
    unwatch: (session) => {
      unwatchOnShards(this.#router, session)
      this.#clients.touch()
    },
  }
  readonly #cron = new Cron(
    () => this.config.number('hz'),
    // The time goes to the shards even when no client does anything: their own periodic work goes by it.
    () => this.#clients.touch(),
    () => this.#periodic(),
  )
  #ended: () => void = () => {}
  /** Ends when the server has shut down. */
  readonly ended = new Promise<void>((resolve) => {
    this.#ended = resolve
  })

  constructor(
    readonly config: Configuration,
    log: Logger,
  ) {
    this.#log = log
    this.shardCount = config.shardCount()
    this.unixSocketPath = config.text('unixsocket')
    this.configFile = config.configFile
    this.slowlog = new Slowlog(config.number('slowlog-log-slower-than'), config.number('slowlog-max-len'))
    this.latency = new LatencyMonitor(systemClock, config.number('latency-monitor-threshold'))
    const databases = config.number('databases')
    this.#threads = startShardThreads({
      shardCount: this.shardCount,
      ringBytes: config.number('ring-size'),
      databases,
      renames: renameCommands(config),
      hasDeprecatedFunctions: config.flag('lua-enable-deprecated-api'),
      onLog: (level, message) => log[LOG_LEVELS[level] ?? 'debug'](message),
      onRunning: (shard, command) => this.functions.noteRunning(shard, command),
      onDeath: (lines) => this.#die(lines),
    })
    this.#memory = new MemoryGuard(
      this.#threads.memory,
      (shard, bytes, done) => this.#evict(shard, bytes, done),
      () => this.#clientBytes(),
      () => systemClock.nowMs(),
    )
    this.#clients = new ClientTable(systemClock, this.#threads.bell)
    const gate = this.shardCount === 1 ? null : new ReplyGate(this.#clients, this.#threads.memory)
    const { links, claims } = this.#threads
    this.#router = new Router(links, gate ?? this.#clients, databases, randomBytes(4).readUInt32LE(0), claims)
    this.#router.gate = gate
    this.#router.afterFlush = (done) => this.persistence.saveFlushed(done)
    this.#policy = openPolicy(() => this.#memory.refusesWrites())
    this.#dispatcher = new Dispatcher(
      this.#router,
      this,
      this.#policy,
      {
        protocolError: (connection, reason) => {
          this.network.protocolErrors++
          log.verbose(
            `Protocol error (${reason}) from client: id=${connection.session.id} addr=${connection.session.address}`,
          )
        },
        stalled: (connection) => this.#clients.stall(connection),
        paused: (connection) => this.#clients.pause(connection),
        slow: (connection, spec, durationUs, argv) =>
          this.#slowCommands.note(spec, durationUs, argv, connection.session),
      },
      this.#monitors,
      () => systemClock.monotonicUs(),
    )
    this.#clients.router = this.#router
    this.#clients.dispatcher = this.#dispatcher
    this.#migrationLinks = new MigrationLinks(() => this.#clients.touch())
    this.#router.migration = this.#migrationLinks
    const scripting = new Scripting({
      router: this.#router,
      memory: this.#threads.scriptMemory,
      commands: this.#dispatcher.main,
      config,
      state: this.#policy,
      monitors: this.#monitors,
      touch: () => this.#clients.touch(),
      makeSession: () => new Session(0, '', '', false, this.#clients.nowMs, this.#sessionHost),
      log: (level, message) => log[LOG_LEVELS[level] ?? 'debug'](message),
    })
    this.functions = scripting.functions
    this.scripts = scripting.registry
    const { slowlog, latency, scripts } = this
    this.#slowCommands = new SlowCommands(slowlog, latency, systemClock, scripts, (slot) => this.#clients.bySlot(slot))
    this.#router.scripts = scripting.registry
    this.#dispatcher.scripting = scripting
    this.durability = new Durability({
      config,
      clock: systemClock,
      log,
      policy: this.#policy,
      shards: new ShardRequests(this.#router, () => this.#clients.touch()),
      reports: this.#threads.memory,
      usedBytes: () => this.#memory.usedBytes,
      functions: this.functions,
      snapshotMemory: this.#threads.snapshotMemory,
      gsn: () => this.#router.gsn,
      gate,
    })
    this.persistence = this.durability.persistence
    this.appendLog = this.durability.appendLog
    this.backups = this.durability.backups
    this.functions.onChange = (commands) => this.appendLog.record(commands)
    if (gate !== null) this.#dispatcher.main.whenDurable = (done) => gate.whenDurable(done)
    const isBusy = () => scripting.refusal !== null
    this.#shutdown = new Shutdown(config, this.persistence, this.appendLog, log, isBusy, () => this.#close())
    this.#limits = new ClientLimits(this.#clients, config, log, this.#policy)
    this.#rates = new Rates(this.#clients, this.#dispatcher, this.#limits)
    this.network = this.#rates
    this.#reception = new Reception({
      config,
      clock: systemClock,
      log,
      clients: this.#clients,
      limits: this.#limits,
      rates: this.#rates,
      sessionHost: this.#sessionHost,
    })
    this.#clients.onNotice = (kind, number, bytes, offset, length) => {
      if (kind === Notice.event) this.#keyspaceChannels.publish(number, bytes, offset, length)
      else if (kind === Notice.slow) this.#slowCommands.noteOfShard(bytes, offset, length)
      else if (!scripting.line.onNotice(kind, number, bytes, offset, length))
        this.tracking.onNotice(kind, number, bytes, offset, length)
    }
    this.#clients.beforePublish = () => this.appendLog.requestSync()
    this.#clients.areShardsAtDisk = () => this.appendLog.isOn && config.text('appendfsync') === 'always'
    this.#clients.onTaken = () => {
      if (gate?.isOn === true) gate.release()
      this.tracking.broadcast()
    }
    this.#clients.onClosed = (connection) => {
      connection.session.unwatchAll()
      connection.session.endListening()
      connection.session.stopTracking()
      this.#memory.clientGone(connection.session.memoryCounted)
      this.#clients.touch()
    }
    this.shardSettings = new ShardSettingsLink(config, (argv, done) => this.askShards(shardSetting, argv, 0, done))
    this.#followSettings()
  }

  /** Listens, and begins the periodic work. Throws a ListenError. */
  async start(): Promise<void> {
    await this.#reception.listen()
    this.#cron.start()
    await new Promise<void>((resolve) => {
      // The first answer of every shard: from here on they serve.
      this.shardStatistics((shards) => {
        this.startupMemoryBytes = usedMemoryBytes(shards, 0)
        resolve()
      })
    })
  }

  #followSettings(): void {
    const { config } = this
    const policy = this.#policy
    const apply = (): undefined => {
      policy.requiresPassword = config.text('requirepass') !== ''
      policy.protoMaxBulkLen = config.number('proto-max-bulk-len')
      this.slowlog.slowerThanUs = config.number('slowlog-log-slower-than')
      this.slowlog.maxLength = config.number('slowlog-max-len')
      this.latency.thresholdMs = config.number('latency-monitor-threshold')
      this.#dispatcher.main.slowThresholdUs = Math.min(
        this.slowlog.slowerThanUs < 0 ? Number.POSITIVE_INFINITY : this.slowlog.slowerThanUs,
        this.latency.thresholdMs > 0 ? this.latency.thresholdMs * 1000 : Number.POSITIVE_INFINITY,
      )
      this.#clients.pauseOutputBytes = config.number('client-pause-output-bytes')
      this.#listen()
      this.#checkMemory()
      return undefined
    }
    apply()
    config.onChange(
      [
        'requirepass',
        'proto-max-bulk-len',
        'slowlog-log-slower-than',
        'slowlog-max-len',
        'latency-monitor-threshold',
        'client-pause-output-bytes',
        'notify-keyspace-events',
        'maxmemory',
        'maxmemory-policy',
      ],
      apply,
    )
    config.onChange('hz', () => void this.#cron.start())
  }

  /** Keys expire without anybody waiting for a reply. */
  #listen(): void {
    const wantsEvents = this.config.text('notify-keyspace-events') !== ''
    this.#router.isListening = wantsEvents || this.tracking.clientCount > 0
  }

  #periodic(): void {
    this.#checkMemory()
    this.#limits.check()
    this.#rates.sample()
    this.durability.check()
    if (this.#policy.pausedUntilMs !== 0 && this.#policy.pausedUntilMs <= this.#clients.nowMs) this.unpauseClients()
  }

  #checkMemory(): void {
    const memory = this.#memory
    memory.limitBytes = this.config.number('maxmemory')
    memory.check()
    if (memory.usedBytes > this.peakMemoryBytes) this.peakMemoryBytes = memory.usedBytes
  }

  #clientBytes(): number {
    let bytes = 0
    for (const { session } of this.#clients.connections()) bytes += session.countMemory()
    return bytes
  }

  #evict(shard: number, bytes: number, done: () => void): void {
    const target = this.#router.gather(1, done)
    this.#router.nextGsn()
    this.#router.send(shard, target, 0, shardEvict, 0, 0, [NO_BYTES, asciiBytes(String(bytes))])
    this.#clients.touch()
  }

  get evictionExceeded(): { totalMs: number; currentMs: number } {
    const { exceededMs, exceedingMs } = this.#memory
    return { totalMs: exceededMs + exceedingMs, currentMs: exceedingMs }
  }

  get migrationLinksKept(): number {
    return this.#migrationLinks.size
  }

  get mainCommands(): ShardStatistics['commands'] {
    return this.#dispatcher.statistics.snapshot()
  }

  get errorCounts(): Record<string, number> {
    return this.#dispatcher.statistics.errors
  }

  *sessions(): Iterable<SessionView> {
    for (const connection of this.#clients.connections()) yield connection.session
  }

  sessionById(id: number): SessionView | undefined {
    return this.#clients.byId(id)?.session
  }

  pauseClients(untilMs: number, mode: 'write' | 'all'): void {
    const policy = this.#policy
    const stands = policy.pausedUntilMs > this.#clients.nowMs
    // As in Redis: a pause in force is only made longer or stricter.
    if (!stands || mode === 'all') policy.pauseMode = mode
    policy.pausedUntilMs = stands ? Math.max(policy.pausedUntilMs, untilMs) : untilMs
    this.askShards(shardPauseExpiry, PAUSED, 0, () => {})
  }

  unpauseClients(): void {
    if (this.#policy.pausedUntilMs !== 0) this.askShards(shardPauseExpiry, NOT_PAUSED, 0, () => {})
    this.#policy.pausedUntilMs = 0
    this.#clients.wakePaused()
  }

  get timedClients(): number {
    return this.#router.blocked.timedCount
  }

  unblock(id: number, withError: boolean, done: (isUnblocked: boolean) => void): void {
    const slot = this.#clients.byId(id)?.slot
    if (slot === undefined) done(false)
    else this.#router.blocked.unblock(slot, withError, done)
  }

  askShards(
    command: CommandSpec,
    argv: readonly Uint8Array[],
    database: number,
    done: (replies: readonly Uint8Array[]) => void,
  ): void {
    const target = this.#router.gather(this.shardCount, done)
    this.#router.nextGsn()
    for (let shard = 0; shard < this.shardCount; shard++) {
      this.#router.send(shard, target, shard, command, database, 0, argv)
    }
    this.#clients.touch()
  }

  askShardOf(
    key: Uint8Array,
    command: CommandSpec,
    argv: readonly Uint8Array[],
    database: number,
    done: (reply: Uint8Array) => void,
  ): void {
    this.#router.nextGsn()
    const shard = this.#router.shardOf(key, 0, key.length)
    this.#router.ask(shard, { spec: command, argv, database, flags: 0 }, done, this.#router.actingOwner)
    this.#clients.touch()
  }

  shardStatistics(done: (shards: readonly ShardStatistics[]) => void): void {
    // What clients hold may have grown since it was counted last: what is reported is what is so now.
    if (this.#memory.limitBytes > 0) this.#memory.check()
    this.askShards(shardStatistics, [NO_BYTES], 0, (replies) => {
      done(
        replies.map(
          (reply) => JSON.parse(Buffer.from(bulkBody(reply, 0) ?? NO_BYTES).toString('utf8')) as ShardStatistics,
        ),
      )
    })
  }

  resetStatistics(): void {
    this.#dispatcher.statistics.reset()
    this.#rates.reset()
    this.askShards(shardResetStatistics, [NO_BYTES], 0, () => {})
  }

  changeReplicationId(): void {
    this.replicationId = randomBytes(20).toString('hex')
  }

  pausePeriodicWork(paused: boolean): void {
    this.#cron.isPaused = paused
  }

  shutdown(options: ShutdownOptions, failed: (errorText: string) => void): void {
    void this.end(options).then((isEnded) => {
      if (!isEnded) failed('ERR Errors trying to SHUTDOWN. Check logs.')
    })
  }

  abortShutdown(): boolean {
    return false
  }

  /** Ends the server, `ended` after it. @returns false when the last save failed, and it goes on */
  end(options: ShutdownOptions): Promise<boolean> {
    return this.#shutdown.begin(options)
  }

  async #close(): Promise<void> {
    this.#policy.isShuttingDown = true
    this.#cron.stop()
    this.#reception.close()
    for (const connection of [...this.#clients.connections()]) {
      connection.flush()
      connection.destroy()
    }
    this.#migrationLinks.close()
    await Promise.all([this.#threads.terminate(), this.durability.close()])
    this.#log.warning('Shardkeep is now ready to exit, bye bye...')
    this.#ended()
  }

  #die(reasons: readonly string[]): void {
    if (this.#policy.isShuttingDown) return
    for (const reason of reasons) this.#log.warning(reason)
    process.exit(1)
  }

  sleepMs(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  }

  log(level: 'debug' | 'verbose' | 'notice' | 'warning', message: string): void {
    this.#log[level](message)
  }
}
