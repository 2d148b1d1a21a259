/**
 * Thread entry of a shard: drains its request ring, does its periodic work in between, and sleeps when there is neither.
 *
 * Runs as a worker thread that never returns to its event loop: it blocks in `Atomics.wait`, and hears from the main thread
 * through its ring only.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../src/base/clock.js'
import { ShardExecutor } from '../src/shard/executor.js'
import { runShard, type ShardBirth } from '../src/shard/shard-loop.js'

const birth = workerData as ShardBirth
const port = parentPort as MessagePort

const executor = new ShardExecutor({
  ...birth,
  gauges: new Float64Array(birth.gauges),
  clock: systemClock,
  events: {
    slow: (event) => port.postMessage(event),
  },
})

runShard(executor)
