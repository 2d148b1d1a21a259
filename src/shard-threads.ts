/**
 * Starts the shards' threads and the links to them. Main thread.
 *
 * A shard that dies takes the process down with its reason: without it part of the keyspace is gone, and whatever the
 * others answered would be wrong.
 */
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { systemClock } from './base/clock.js'
import type { Rename } from './commands/table.js'
import { textOfErrno } from './config/system-error.js'
import type { ShardMemory } from './memory-guard.js'
import { Bell, createBellMemory } from './ring/bell.js'
import { createRingMemory } from './ring/byte-ring.js'
import { createClaimsMemory } from './ring/claims.js'
import { createSnapshotMemory, type SnapshotMemory } from './ring/part-channel.js'
import { createScriptMemory, type ScriptMemory } from './ring/script-memory.js'
import { ShardLink } from './router/shard-link.js'
import { Gauge } from './shard/gauges.js'
import type { JournalWriteError } from './shard/journal.js'
import type { ShardBirth, ShardEvent } from './shard/shard-loop.js'

/** What each shard reports without being asked. */
export interface ShardReport extends ShardMemory {
  /** Modifications since the start, and how often it was emptied. */
  readonly changes: number
  readonly flushes: number
  /** Of its part of the append-only log, see shard/gauges.ts. */
  readonly logBytes: number
  readonly logRecords: number
  readonly logBufferBytes: number
  readonly logPosition: number
  readonly logMark: number
  readonly logErrno: number
}

export interface ShardThreads {
  readonly links: readonly ShardLink[]
  /** Rings when a shard has replied. */
  readonly bell: Bell
  /** What each shard holds, as it reported last. */
  readonly memory: readonly ShardReport[]
  /** See ring/claims.ts. */
  readonly claims: SharedArrayBuffer
  readonly scriptMemory: ScriptMemory
  readonly snapshotMemory: SnapshotMemory
  /** Ends all threads at once. */
  terminate(): Promise<void>
}

export interface ShardThreadsOptions {
  readonly shardCount: number
  readonly ringBytes: number
  readonly databases: number
  /** What clients and scripts call commands by, where it is not their name. */
  readonly renames: readonly Rename[]
  /** Of scripts, see ring/script-memory.ts. */
  readonly hasDeprecatedFunctions: boolean
  /** A script has something for the log. The level is the script's, see lua/script-host.ts. */
  readonly onLog: (level: number, message: string) => void
  /** A function runs there, and has for a while: the command that has called it. */
  readonly onRunning: (shard: number, command: readonly Uint8Array[]) => void
  /** @param lines why, for the log */
  readonly onDeath: (lines: readonly string[]) => void
}

export function startShardThreads(options: ShardThreadsOptions): ShardThreads {
  const links: ShardLink[] = []
  const workers: Worker[] = []
  const memory: ShardReport[] = []
  const bellMemory = createBellMemory()
  const claims = createClaimsMemory()
  const trackedKeys = new SharedArrayBuffer(4)
  const hashSeed = randomSeed64()
  let ending = false
  const scriptMemory = createScriptMemory(options.shardCount, systemClock.nowMs(), options.hasDeprecatedFunctions)
  const snapshotMemory = createSnapshotMemory(options.shardCount)
  const requestRings = Array.from({ length: options.shardCount }, () => createRingMemory(options.ringBytes))
  for (const [shard, requests] of requestRings.entries()) {
    const replies = createRingMemory(options.ringBytes, bellMemory)
    const gaugeMemory = new SharedArrayBuffer(Gauge.COUNT * 8)
    const birth: ShardBirth = {
      shard,
      shardCount: options.shardCount,
      requests,
      replies,
      claims,
      scriptMemory,
      bells: requestRings.map(({ bell }) => bell),
      databases: options.databases,
      renames: options.renames,
      hashSeed,
      randomSeed: randomBytes(4).readUInt32LE(0),
      gauges: gaugeMemory,
      trackedKeys,
      snapshotMemory,
    }
    const worker = new Worker(new URL('../workers/shard.js', import.meta.url), {
      workerData: birth,
      name: `shard-${shard}`,
    })
    worker.on('message', (event: ShardEvent) => {
      if ('running' in event) options.onRunning(shard, event.running)
      else options.onLog(event.log.level, event.log.message)
    })
    worker.on('error', (error) => {
      const line = died(shard, error.stack ?? String(error))
      options.onDeath((error as NodeJS.ErrnoException).code === 'AOF_NOT_WRITTEN' ? notWritten(error) : [line])
    })
    worker.on('exit', (code) => {
      if (!ending) options.onDeath([died(shard, `its thread ended with code ${code}`)])
    })
    workers.push(worker)
    memory.push(memoryOf(new Float64Array(gaugeMemory)))
    links.push(new ShardLink(shard, requests, replies))
  }
  return {
    links,
    bell: new Bell(bellMemory),
    memory,
    claims,
    scriptMemory,
    snapshotMemory,
    terminate: async () => {
      ending = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/** Redis's lines for a log that cannot be written under `appendfsync always`. What a thread throws keeps its fields only. */
function notWritten(error: Error): string[] {
  const { call, errno } = error as JournalWriteError
  const reason = textOfErrno(errno) ?? `error ${errno}`
  if (call === 'sync') {
    return [`Can't persist AOF for fsync error when the AOF fsync policy is 'always': ${reason}. Exiting...`]
  }
  return [
    `Error writing to the AOF file: ${reason}`,
    "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
  ]
}

function died(shard: number, reason: string): string {
  return `Shard ${shard} died, and the server with it: ${reason}`
}

function memoryOf(gauges: Float64Array): ShardReport {
  return {
    get usedBytes() {
      return gauges[Gauge.usedBytes] as number
    },
    get evictableKeys() {
      return gauges[Gauge.evictableKeys] as number
    },
    get changes() {
      return gauges[Gauge.changes] as number
    },
    get flushes() {
      return gauges[Gauge.flushes] as number
    },
    get logBytes() {
      return gauges[Gauge.logBytes] as number
    },
    get logRecords() {
      return gauges[Gauge.logRecords] as number
    },
    get logBufferBytes() {
      return gauges[Gauge.logBufferBytes] as number
    },
    get logPosition() {
      return gauges[Gauge.logPosition] as number
    },
    get logMark() {
      return gauges[Gauge.logMark] as number
    },
    get logErrno() {
      return gauges[Gauge.logErrno] as number
    },
  }
}

function randomSeed64(): readonly [number, number] {
  const seed = randomBytes(8)
  return [seed.readInt32LE(0), seed.readInt32LE(4)]
}
