/**
 * BullMQ workers that are killed in the middle of their jobs: others find those jobs stalled and run them again. No job
 * is lost, and none is run again once it has completed.
 *
 * The evidence is the queue's own stream of events, which its scripts write in the same step as they move a job.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { Arrivals, within } from './arrivals.js'

const WORKER = fileURLToPath(new URL('programs/bullmq-worker.mjs', import.meta.url))
const JOBS = 120
const NEVER = 0

interface StartedJob {
  readonly started: string
  readonly hangs: boolean
}

interface QueueEvent {
  readonly event: string
  readonly jobId: string
}

class WorkerProcess {
  readonly jobs = new Arrivals<StartedJob>()
  readonly #child: ChildProcess
  readonly #exited: Promise<NodeJS.Signals | null>
  #errors = ''

  constructor(port: number, queue: string, hangAt: number) {
    this.#child = fork(WORKER, [String(port), queue, String(hangAt)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child.on('message', (message) => this.jobs.add(message as StartedJob))
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString()
    })
    this.#exited = new Promise((resolve) => this.#child.once('exit', (_, signal) => resolve(signal)))
  }

  get errors(): string {
    return this.#errors
  }

  /** Resolves with the signal that ended the process, or with null where it ended by itself. */
  end(signal: NodeJS.Signals): Promise<NodeJS.Signals | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal)
    return within('the end of a worker', this.#exited)
  }
}

describe.each(SHARD_COUNTS)('BullMQ workers that are killed, on %i shard(s)', (shards) => {
  let server: TestServer
  const workers: WorkerProcess[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
    await server?.stop()
  })

  function startWorker(hangAt: number): WorkerProcess {
    const worker = new WorkerProcess(server.port, 'crash', hangAt)
    workers.push(worker)
    return worker
  }

  it('lose no job, and run none after its completion', async () => {
    const client = server.client()
    const queue = new Queue('crash', { connection: { host: '127.0.0.1', port: server.port } })
    const names = Array.from({ length: JOBS }, (_, number) => `job-${number}`)
    await queue.addBulk(names.map((jobId) => ({ name: 'work', data: {}, opts: { jobId } })))

    const killed = [startWorker(15), startWorker(25)]
    const interrupted: string[] = []
    for (const worker of killed) {
      await worker.jobs.until('the job to be killed in', (all) => all.some(({ hangs }) => hangs))
      expect(await worker.end('SIGKILL')).toBe('SIGKILL')
      interrupted.push(...worker.jobs.all.filter(({ hangs }) => hangs).map(({ started }) => started))
    }
    expect(await queue.getActiveCount()).toBeGreaterThanOrEqual(interrupted.length)
    const survivor = startWorker(NEVER)

    const completions = new Arrivals<string>()
    const events = await readEvents(server, 'bull:crash:events', (event) => {
      if (event.event === 'completed') completions.add(event.jobId)
    })
    await completions.count('completed jobs', JOBS).catch((error: Error) => {
      throw new Error(`${error.message}\n${workers.map((worker) => worker.errors).join('')}`)
    })
    expect(await survivor.end('SIGTERM')).toBe(null)
    await events.stop()

    expect(await queue.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed')).toEqual({
      waiting: 0,
      active: 0,
      delayed: 0,
      completed: JOBS,
      failed: 0,
    })
    const history = (await client.xrange('bull:crash:events', '-', '+')).map(([, fields]) => eventOf(fields))
    const stalled = history.filter(({ event }) => event === 'stalled').map(({ jobId }) => jobId)
    for (const jobId of interrupted) expect(stalled, 'jobs that stalled').toContain(jobId)
    for (const name of names) {
      const own = history.filter(({ jobId }) => jobId === name).map(({ event }) => event)
      expect(
        own.filter((event) => event === 'completed'),
        `${name}: ${own.join(' ')}`,
      ).toHaveLength(1)
      expect(own.at(-1), `${name}: ${own.join(' ')}`).toBe('completed')
    }
    await queue.close()
  })
})

function eventOf(fields: readonly string[]): QueueEvent {
  const at = (name: string): string => fields[fields.indexOf(name) + 1] ?? ''
  return { event: at('event'), jobId: at('jobId') }
}

/** Reads a stream from its beginning, and what is added to it, until it is stopped. */
async function readEvents(
  server: TestServer,
  key: string,
  take: (event: QueueEvent) => void,
): Promise<{ stop: () => Promise<void> }> {
  const client = server.client()
  let stopped = false
  const reading = (async () => {
    let last = '0'
    while (!stopped) {
      const streams = await client.xread('BLOCK', 100, 'STREAMS', key, last)
      for (const [id, fields] of streams?.[0]?.[1] ?? []) {
        take(eventOf(fields))
        last = id
      }
    }
  })()
  return {
    stop: () => {
      stopped = true
      return reading
    },
  }
}
