/**
 * Thread entry of a shard: drains its request ring, does its periodic work in between, and sleeps when there is neither.
 *
 * Runs as a worker thread that never returns to its event loop: it blocks in `Atomics.wait`, and hears from the main thread
 * through its ring only.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { loadWithinDescriptorLimit } from '../src/load-modules.js'
import type { ShardBirth, ShardEvent } from '../src/shard/shard-loop.js'

const birth = workerData as ShardBirth
await loadWithinDescriptorLimit(birth.shardCount)
const { systemClock } = await import('../src/base/clock.js')
const { renameCommand } = await import('../src/commands/table.js')
const { ShardExecutor } = await import('../src/shard/executor.js')
const { runShard } = await import('../src/shard/shard-loop.js')

for (const rename of birth.renames) renameCommand(rename)

const port = parentPort as MessagePort
const post = (event: ShardEvent): void => port.postMessage(event)

const executor = new ShardExecutor({
  ...birth,
  gauges: new Float64Array(birth.gauges),
  trackedKeys: new Int32Array(birth.trackedKeys),
  clock: systemClock,
  events: {
    log: (level, message) => post({ log: { level, message } }),
    running: (command) => post({ running: command }),
  },
})

runShard(executor)
