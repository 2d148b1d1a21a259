/**
 * A BullMQ worker in a process of its own: `node bullmq-worker.mjs PORT QUEUE HANG_AT`.
 *
 * Tells its parent of every job that it starts. It never ends the job that it starts as number HANG_AT, so that whoever
 * kills it then kills it in the middle of that job and of those that run beside it.
 */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'bullmq'

const [port, queue, hangAt] = process.argv.slice(2)
const JOB_MS = 10

let started = 0
const run = async (job) => {
  started += 1
  const hangs = started === Number(hangAt)
  process.send({ started: job.id, hangs })
  if (hangs) await new Promise(() => {})
  await delay(JOB_MS)
  return process.pid
}

const worker = new Worker(queue, run, {
  connection: { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null },
  concurrency: 4,
  // Short, so that the test sees soon what a lock that nobody renews leads to.
  lockDuration: 800,
  stalledInterval: 200,
  maxStalledCount: 100,
})
worker.on('error', (error) => {
  process.stderr.write(`${error.stack}\n`)
})
process.on('SIGTERM', () => worker.close().then(() => process.exit(0)))
