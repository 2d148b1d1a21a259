/**
 * Starts the shards' threads and the links to them. Main thread.
 *
 * A shard that dies takes the process down with its reason: without it part of the keyspace is gone, and whatever the
 * others answered would be wrong.
 */
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { ShardMemory } from './memory-guard.js'
import { Bell, createBellMemory } from './ring/bell.js'
import { createRingMemory } from './ring/byte-ring.js'
import { createClaimsMemory } from './ring/claims.js'
import { ShardLink } from './router/shard-link.js'
import { Gauge } from './shard/gauges.js'
import type { ShardBirth } from './shard/shard-loop.js'
import type { SlowCommand } from './shard/shard-options.js'

export interface ShardThreads {
  readonly links: readonly ShardLink[]
  /** Rings when a shard has replied. */
  readonly bell: Bell
  /** What each shard holds, as it reported last. */
  readonly memory: readonly ShardMemory[]
  /** See ring/claims.ts. */
  readonly claims: SharedArrayBuffer
  /** Ends all threads at once. */
  terminate(): Promise<void>
}

export interface ShardThreadsOptions {
  readonly shardCount: number
  readonly ringBytes: number
  readonly databases: number
  readonly onSlow: (event: SlowCommand) => void
  readonly onDeath: (shard: number, reason: string) => void
}

export function startShardThreads(options: ShardThreadsOptions): ShardThreads {
  const links: ShardLink[] = []
  const workers: Worker[] = []
  const memory: ShardMemory[] = []
  const bellMemory = createBellMemory()
  const claims = createClaimsMemory()
  const hashSeed = randomSeed64()
  let ending = false
  for (let shard = 0; shard < options.shardCount; shard++) {
    const requests = createRingMemory(options.ringBytes)
    const replies = createRingMemory(options.ringBytes, bellMemory)
    const gaugeMemory = new SharedArrayBuffer(Gauge.COUNT * 8)
    const birth: ShardBirth = {
      shard,
      shardCount: options.shardCount,
      requests,
      replies,
      claims,
      databases: options.databases,
      hashSeed,
      randomSeed: randomBytes(4).readUInt32LE(0),
      gauges: gaugeMemory,
    }
    const worker = new Worker(new URL('../workers/shard.js', import.meta.url), {
      workerData: birth,
      name: `shard-${shard}`,
    })
    worker.on('message', options.onSlow)
    worker.on('error', (error) => options.onDeath(shard, error.stack ?? String(error)))
    worker.on('exit', (code) => {
      if (!ending) options.onDeath(shard, `its thread ended with code ${code}`)
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
    terminate: async () => {
      ending = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

function memoryOf(gauges: Float64Array): ShardMemory {
  return {
    get usedBytes() {
      return gauges[Gauge.usedBytes] as number
    },
    get evictableKeys() {
      return gauges[Gauge.evictableKeys] as number
    },
  }
}

function randomSeed64(): readonly [number, number] {
  const seed = randomBytes(8)
  return [seed.readInt32LE(0), seed.readInt32LE(4)]
}
