/**
 * Starts the shards' threads and the links to them. Main thread.
 *
 * A shard that dies takes the process down with its reason: without it part of the keyspace is gone, and whatever the
 * others answered would be wrong.
 */
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { Bell, createBellMemory } from './ring/bell.js'
import { createRingMemory } from './ring/byte-ring.js'
import { ShardLink } from './router/shard-link.js'
import type { SlowCommand } from './shard/executor.js'
import { Gauge, type ShardBirth } from './shard/shard-loop.js'

export interface ShardThreads {
  readonly links: readonly ShardLink[]
  /** Rings when a shard has replied. */
  readonly bell: Bell
  /** Bytes in use by keys, values and tables of all shards, as the shards reported last. */
  usedBytes(): number
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
  const gauges: Float64Array[] = []
  const bellMemory = createBellMemory()
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
    gauges.push(new Float64Array(gaugeMemory))
    links.push(new ShardLink(shard, requests, replies))
  }
  return {
    links,
    bell: new Bell(bellMemory),
    usedBytes: () => gauges.reduce((sum, gauge) => sum + (gauge[Gauge.usedBytes] as number), 0),
    terminate: async () => {
      ending = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

function randomSeed64(): readonly [number, number] {
  const seed = randomBytes(8)
  return [seed.readInt32LE(0), seed.readInt32LE(4)]
}
