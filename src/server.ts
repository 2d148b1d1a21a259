/**
 * The server: wires configuration, shards, router, dispatcher and network together, and is what command handlers ask about
 * the server (`ServerServices`).
 *
 * Runs on the main thread.
 */
import { randomBytes } from 'node:crypto'
import { asciiBytes } from './base/bytes.js'
import { systemClock } from './base/clock.js'
import { LatencyMonitor } from './base/latency-monitor.js'
import { Slowlog } from './base/slowlog.js'
import { shardEvict, shardResetStatistics, shardSetting, shardStatistics } from './commands/internal.js'
import { usedMemoryBytes } from './commands/memory-overhead.js'
import type { NetworkStatistics, ServerServices, SessionView, ShardStatistics } from './commands/server-services.js'
import type { CommandSpec } from './commands/spec.js'
import { categoriesOf, commands, fullNameOf, keyPositions, lookup, specs } from './commands/table.js'
import type { Configuration } from './config/configuration.js'
import { REDIS_VERSION, shardkeepVersion } from './config/version.js'
import type { Logger } from './log.js'
import { MemoryGuard } from './memory-guard.js'
import { ClientLimits } from './net/client-limits.js'
import { ClientTable } from './net/client-table.js'
import { Connection } from './net/connection.js'
import { Dispatcher, type DispatchPolicy } from './net/dispatcher.js'
import { type AcceptedSocket, Listener, type SocketHandlers } from './net/listener.js'
import { MigrationLinks } from './net/migration-links.js'
import { Rates } from './net/rates.js'
import { Session } from './net/session.js'
import { unwatchOnShards } from './net/transaction-commands.js'
import { bulkBody } from './resp/reply-reader.js'
import { Router } from './router/router.js'
import type { SlowCommand } from './shard/shard-options.js'
import { SHARD_SETTING_NAMES } from './shard/shard-settings.js'
import { type ShardThreads, startShardThreads } from './shard-threads.js'

const NO_BYTES = new Uint8Array(0)

export class Server implements ServerServices {
  readonly version = shardkeepVersion()
  readonly redisVersion = REDIS_VERSION
  readonly runId = randomBytes(20).toString('hex')
  replicationId = randomBytes(20).toString('hex')
  readonly startedAtMs = Date.now()
  readonly clock = systemClock
  readonly shardCount: number
  readonly port: number
  readonly unixSocketPath: string
  readonly executable = process.argv[1] ?? process.execPath
  readonly configFile: string
  readonly commandTable = { commands, fullNameOf, categoriesOf, keyPositions, lookup }
  readonly network: NetworkStatistics
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  lastSaveAtMs = this.startedAtMs
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
  readonly #log: Logger
  readonly #policy: DispatchPolicy
  #listener: Listener | null = null
  #cron: NodeJS.Timeout | null = null
  #cronPaused = false
  #nextClientId = 1
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
    this.port = config.number('port')
    this.unixSocketPath = config.text('unixsocket')
    this.configFile = config.configFile
    this.slowlog = new Slowlog(config.number('slowlog-log-slower-than'), config.number('slowlog-max-len'))
    this.latency = new LatencyMonitor(systemClock, config.number('latency-monitor-threshold'))
    const databases = config.number('databases')
    this.#threads = startShardThreads({
      shardCount: this.shardCount,
      ringBytes: config.number('ring-size'),
      databases,
      onSlow: (event) => this.#slowOnShard(event),
      onDeath: (shard, reason) => this.#die(`Shard ${shard} died, and the server with it: ${reason}`),
    })
    this.#memory = new MemoryGuard(
      this.#threads.memory,
      (shard, bytes, done) => this.#evict(shard, bytes, done),
      () => this.#clientBytes(),
      () => systemClock.nowMs(),
    )
    this.#clients = new ClientTable(systemClock, this.#threads.bell)
    this.#router = new Router(
      this.#threads.links,
      this.#clients,
      databases,
      randomBytes(4).readUInt32LE(0),
      this.#threads.claims,
    )
    this.#policy = {
      requiresPassword: false,
      protoMaxBulkLen: 0,
      isOutOfMemory: () => this.#memory.refusesWrites(),
      pausedUntilMs: 0,
      pauseMode: 'all',
      isShuttingDown: false,
    }
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
        slow: (connection, spec, durationUs, argv) => this.#noteSlow(spec, durationUs, argv, connection.session),
      },
      () => systemClock.monotonicUs(),
    )
    this.#clients.router = this.#router
    this.#clients.dispatcher = this.#dispatcher
    this.#migrationLinks = new MigrationLinks(() => this.#clients.touch())
    this.#router.migration = this.#migrationLinks
    this.#limits = new ClientLimits(this.#clients, config, log, this.#policy)
    this.#rates = new Rates(this.#clients, this.#dispatcher, this.#limits)
    this.network = this.#rates
    this.#clients.onClosed = (connection) => {
      connection.session.unwatchAll()
      this.#memory.clientGone(connection.session.totalMemoryBytes)
      this.#clients.touch()
    }
    this.#followSettings()
  }

  /** Listens, and begins the periodic work. Throws a ListenError. */
  async start(): Promise<void> {
    const { config } = this
    const listener = new Listener(
      {
        addresses: config.words('bind'),
        port: this.port,
        unixSocket: this.unixSocketPath === '' ? '' : config.path('unixsocket'),
        unixSocketMode: config.number('unixsocketperm'),
        backlog: config.number('tcp-backlog'),
      },
      (address, isUnixSocket) => this.#limits.admit(address, isUnixSocket),
      (accepted) => this.#accept(accepted),
      (message) => this.#log.warning(message),
    )
    await listener.listen()
    this.#listener = listener
    this.#scheduleCron()
    await new Promise<void>((resolve) => {
      // The first answer of every shard: from here on they serve.
      this.shardStatistics((shards) => {
        this.startupMemoryBytes = usedMemoryBytes(shards, 0)
        resolve()
      })
    })
  }

  #accept({ socket, fd, address, localAddress, isUnixSocket }: AcceptedSocket): SocketHandlers {
    const keepAliveS = this.config.number('tcp-keepalive')
    if (!isUnixSocket && keepAliveS > 0) socket.setKeepAlive(true, keepAliveS * 1000)
    const clients = this.#clients
    const session = new Session(
      this.#nextClientId++,
      address,
      localAddress,
      isUnixSocket,
      systemClock.nowMs(),
      () => this.#policy.requiresPassword,
      (unwatching) => {
        unwatchOnShards(this.#router, unwatching)
        clients.touch()
      },
    )
    const connection = new Connection(clients.takeSlot(), socket, fd, clients, session)
    clients.add(connection)
    this.#rates.connectionsReceived++
    return {
      data: (bytes, length) => clients.receive(connection, bytes, length),
      ended: () => connection.endInput(),
      closing: () => connection.destroy(),
    }
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
        'maxmemory',
        'maxmemory-policy',
      ],
      apply,
    )
    for (const name of SHARD_SETTING_NAMES) {
      const send = (): undefined => {
        const value = config.get([name]).get(name) ?? ''
        this.askShards(shardSetting, [NO_BYTES, asciiBytes(name), asciiBytes(value)], 0, () => {})
        return undefined
      }
      send()
      config.onChange(name, send)
    }
    config.onChange(['port', 'bind'], () => 'The addresses of a running server cannot be changed.')
    config.onChange('hz', () => {
      this.#scheduleCron()
      return undefined
    })
  }

  #scheduleCron(): void {
    if (this.#cron !== null) clearInterval(this.#cron)
    this.#cron = setInterval(() => this.#periodic(), 1000 / this.config.number('hz'))
  }

  #periodic(): void {
    // The time goes to the shards even when no client does anything: their own periodic work goes by it.
    this.#clients.touch()
    if (this.#cronPaused) return
    this.#checkMemory()
    this.#limits.check()
    this.#rates.sample()
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
    for (const session of this.sessions()) bytes += session.totalMemoryBytes
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

  #slowOnShard(event: SlowCommand): void {
    const spec = specs[event.id] as CommandSpec
    const session = this.#clients.bySlot(event.target)?.session
    this.#noteSlow(spec, event.durationUs, event.argv, session)
  }

  #noteSlow(spec: CommandSpec, durationUs: number, argv: readonly string[], session: SessionView | undefined): void {
    if (spec.internal === true) return
    this.latency.record(spec.flags.includes('fast') ? 'fast-command' : 'command', durationUs / 1000)
    if (spec.flags.includes('skip_slowlog') || !this.slowlog.isSlow(durationUs)) return
    this.slowlog.add(
      Math.floor(systemClock.nowMs() / 1000),
      Math.round(durationUs),
      argv,
      session?.address ?? '',
      session?.name ?? '',
    )
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
  }

  unpauseClients(): void {
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
    this.#cronPaused = paused
  }

  shutdown(
    options: { save: boolean | undefined; now: boolean; force: boolean },
    failed: (errorText: string) => void,
  ): void {
    if (options.save === true && !options.force) {
      this.#log.warning('Saving is not possible yet, so SHUTDOWN SAVE is refused.')
      failed('ERR Errors trying to SHUTDOWN. Check logs.')
      return
    }
    void this.end()
  }

  abortShutdown(): boolean {
    return false
  }

  /** Closes everything in order; `ended` ends after it. */
  async end(): Promise<void> {
    if (this.#policy.isShuttingDown) return
    this.#policy.isShuttingDown = true
    this.#log.warning('User requested shutdown...')
    if (this.config.savePoints().length > 0) {
      this.#log.notice('Save points are configured, but saving to disk is not available yet: nothing was saved.')
    }
    if (this.#cron !== null) clearInterval(this.#cron)
    this.#listener?.close()
    for (const connection of [...this.#clients.connections()]) {
      connection.flush()
      connection.destroy()
    }
    this.#migrationLinks.close()
    await this.#threads.terminate()
    this.#log.warning('Shardkeep is now ready to exit, bye bye...')
    this.#ended()
  }

  #die(reason: string): void {
    if (this.#policy.isShuttingDown) return
    this.#log.warning(reason)
    process.exit(1)
  }

  sleepMs(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  }

  log(level: 'debug' | 'verbose' | 'notice' | 'warning', message: string): void {
    this.#log[level](message)
  }
}
