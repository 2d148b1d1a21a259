/**
 * BullMQ at its daily work: jobs that are added, delayed, repeated, ordered, limited and made of other jobs.
 *
 * A queue's keys have no hash tag unless its prefix brings one, so on four shards each of BullMQ's scripts has keys on
 * several of them, and builds the keys of jobs itself. What a crash leaves behind is in bullmq-crash.test.ts.
 */
import { type FlowJob, FlowProducer, type Job, Queue, QueueEvents, Worker } from 'bullmq'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { Arrivals } from './arrivals.js'

/** Each of two clocks shows whole milliseconds. */
const ROUNDING_MS = 2

interface Closable {
  close(): Promise<unknown>
}

describe.each(SHARD_COUNTS)('BullMQ on %i shard(s)', (shards) => {
  let server: TestServer
  let open: Closable[] = []
  let queues = 0

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterEach(async () => {
    for (const each of open.reverse()) await each.close()
    open = []
  })

  afterAll(async () => {
    await server?.stop()
  })

  function keep<T extends Closable>(closable: T): T {
    open.push(closable)
    return closable
  }

  const options = (prefix = 'bull') => ({
    connection: { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null },
    prefix,
  })

  function newQueue(prefix?: string): Queue {
    queues += 1
    return keep(new Queue(`queue-${queues}`, options(prefix)))
  }

  it.each(['bull', '{bull}'])('runs every job once under the prefix %s, and failed ones again', async (prefix) => {
    const queue = newQueue(prefix)
    const events = keep(new QueueEvents(queue.name, options(prefix)))
    const completed = new Arrivals<string>()
    const failed = new Arrivals<string>()
    events.on('completed', ({ jobId, returnvalue }) => completed.add(`${jobId}=${String(returnvalue)}`))
    events.on('failed', ({ jobId, failedReason }) => failed.add(`${jobId}: ${failedReason}`))
    await events.waitUntilReady()

    const numbers = Array.from({ length: 150 }, (_, number) => number)
    const jobOf = (number: number) => ({
      name: 'square',
      data: { number },
      opts: { jobId: `job-${number}`, attempts: number === 7 ? 2 : 3, backoff: { type: 'fixed', delay: 5 } },
    })
    await queue.addBulk(numbers.slice(0, 100).map(jobOf))
    const runs = new Map<number, number>()
    const worker = keep(
      new Worker(
        queue.name,
        async (job: Job<{ number: number }>) => {
          const { number } = job.data
          runs.set(number, (runs.get(number) ?? 0) + 1)
          await job.updateProgress(50)
          await job.log(`attempt ${job.attemptsMade}`)
          // Number 7 always fails, every other tenth at its first attempt.
          if (number === 7 || (number % 10 === 0 && job.attemptsMade === 0)) throw new Error('not this time')
          return number * number
        },
        { ...options(prefix), concurrency: 20 },
      ),
    )
    await worker.waitUntilReady()
    for (const number of numbers.slice(100)) {
      const { name, data, opts } = jobOf(number)
      await queue.add(name, data, opts)
    }

    await completed.count('completed jobs', numbers.length - 1)
    expect([...completed.all].sort()).toEqual(
      numbers
        .filter((number) => number !== 7)
        .map((number) => `job-${number}=${number * number}`)
        .sort(),
    )
    expect(await failed.count('failed jobs', 1)).toEqual(['job-7: not this time'])
    for (const number of numbers)
      expect(runs.get(number), `runs of ${number}`).toBe(number === 7 || number % 10 === 0 ? 2 : 1)
    const nothingLeft = { active: 0, delayed: 0, prioritized: 0, waiting: 0, 'waiting-children': 0 }
    expect(await queue.getJobCounts()).toEqual({ ...nothingLeft, completed: 149, failed: 1 })
    expect(await queue.getJobLogs('job-10')).toEqual({ count: 2, logs: ['attempt 0', 'attempt 1'] })
    const job = await queue.getJob('job-12')
    expect(job?.progress).toBe(50)
    expect(job?.returnvalue).toBe(144)

    await queue.obliterate()
    const client = server.client()
    expect(await client.keys(`${prefix}:${queue.name}:*`)).toEqual([])
  })

  it('runs delayed jobs when they are due, and one at once that is promoted', async () => {
    const queue = newQueue()
    const delaysMs = [400, 100, 300, 200]
    const addedMs = Date.now()
    // As of the same moment, however long it takes to add them.
    for (const delay of delaysMs) await queue.add('later', { delay }, { delay, timestamp: addedMs })
    const promoted = await queue.add('much later', { delay: 0 }, { delay: 3_600_000 })
    expect(await queue.getDelayedCount()).toBe(5)
    await promoted.promote()
    const ran = new Arrivals<{ delay: number; atMs: number }>()
    const run = async ({ data }: Job<{ delay: number }>): Promise<void> =>
      ran.add({ delay: data.delay, atMs: Date.now() })
    keep(new Worker(queue.name, run, options()))
    await ran.count('delayed jobs', 5)
    expect(ran.all.map(({ delay }) => delay)).toEqual([0, 100, 200, 300, 400])
    for (const { delay, atMs } of ran.all) expect(atMs - addedMs).toBeGreaterThanOrEqual(delay)
  })

  it('repeats the job of a scheduler as often as it says, and not once it is removed', async () => {
    const queue = newQueue()
    const ran = new Arrivals<{ name: string; id: string; atMs: number }>()
    const run = async ({ name, id = '' }: Job): Promise<void> => ran.add({ name, id, atMs: Date.now() })
    keep(new Worker(queue.name, run, options()))
    await queue.upsertJobScheduler('limited', { every: 50, limit: 4 }, { name: 'tick', data: {} })
    await queue.upsertJobScheduler('endless', { every: 60 }, { name: 'tock', data: {} })
    expect(await queue.getJobSchedulersCount()).toBe(2)
    await ran.until('four ticks and three tocks', (all) => {
      const named = (name: string) => all.filter((one) => one.name === name).length
      return named('tick') >= 4 && named('tock') >= 3
    })
    expect(await queue.removeJobScheduler('endless')).toBe(true)
    const tocks = ran.all.filter(({ name }) => name === 'tock').length
    // A marker that is due after the next tock would have been: when it has run, a tock would have run as well.
    await queue.add('marker', {}, { delay: 150 })
    await ran.until('the marker', (all) => all.some(({ name }) => name === 'marker'))
    const names = ran.all.map(({ name }) => name)
    expect(names.filter((name) => name === 'tick').length).toBe(4)
    // One that was already running when its scheduler was removed may have ended since.
    expect(names.filter((name) => name === 'tock').length).toBeLessThanOrEqual(tocks + 1)
    // The id of such a job ends with the time that it is due at.
    const ticks = ran.all
      .filter(({ name }) => name === 'tick')
      .map(({ id, atMs }) => ({ atMs, dueMs: Number(id.split(':').at(-1)) }))
    for (const { atMs, dueMs } of ticks) expect(atMs).toBeGreaterThanOrEqual(dueMs)
    for (const [place, { dueMs }] of ticks.slice(1).entries())
      expect(dueMs - (ticks[place]?.dueMs ?? Number.NaN)).toBeGreaterThanOrEqual(50)
  })

  it('takes jobs in the order of their priority, and in turn where it is the same', async () => {
    const queue = newQueue()
    const priorities = [3, 1, 2, 0, 3, 2, 1, 0, 2097151, 1, 2, 3]
    await queue.addBulk(
      priorities.map((priority, place) => ({ name: 'p', data: { priority, place }, opts: { priority } })),
    )
    const ran = new Arrivals<{ priority: number; place: number }>()
    keep(new Worker(queue.name, async ({ data }: Job) => ran.add(data), { ...options(), concurrency: 1 }))
    await ran.count('jobs', priorities.length)
    const wanted = priorities
      .map((priority, place) => ({ priority, place }))
      .sort((a, b) => a.priority - b.priority || a.place - b.place)
    expect(ran.all).toEqual(wanted)
  })

  it('starts no more jobs than its rate limit allows', async () => {
    const queue = newQueue()
    const limiter = { max: 5, duration: 400 }
    await queue.addBulk(Array.from({ length: 15 }, (_, place) => ({ name: 'limited', data: { place } })))
    const ran = new Arrivals<{ askedMs: number; startedMs: number }>()
    // BullMQ takes the time of `processedOn` before it asks the server for the job, the processor when it has it.
    const run = async ({ processedOn = Number.NaN }: Job): Promise<void> =>
      ran.add({ askedMs: processedOn, startedMs: Date.now() })
    // Two workers share the one limit of the queue.
    for (let i = 0; i < 2; i++) keep(new Worker(queue.name, run, { ...options(), limiter, concurrency: 10 }))
    await ran.count('limited jobs', 15)
    const askedMs = Math.min(...ran.all.map((one) => one.askedMs))
    const startedMs = ran.all.map((one) => one.startedMs).sort((a, b) => a - b)
    expect((startedMs[5] as number) - askedMs).toBeGreaterThanOrEqual(limiter.duration - ROUNDING_MS)
    expect((startedMs[10] as number) - askedMs).toBeGreaterThanOrEqual(2 * limiter.duration - ROUNDING_MS)
  })

  it('runs a parent after all of its children, over queues, with their results', async () => {
    const [sums, parts] = [newQueue(), newQueue()]
    const leaf = (value: number): FlowJob => ({ name: 'leaf', queueName: parts.name, data: { value } })
    const sum = (children: FlowJob[]): FlowJob => ({ name: 'sum', queueName: sums.name, data: {}, children })
    const done = new Arrivals<{ name: string; result: number }>()
    const finish = (name: string, result: number): number => {
      done.add({ name, result })
      return result
    }
    keep(new Worker(parts.name, async ({ data }: Job) => finish('leaf', data.value), { ...options(), concurrency: 3 }))
    const addChildren = async (job: Job): Promise<number> => {
      const values = Object.values(await job.getChildrenValues<number>())
      return finish(
        'sum',
        values.reduce((total, value) => total + value, 0),
      )
    }
    keep(new Worker(sums.name, addChildren, options()))
    const flows = keep(new FlowProducer(options()))
    const tree = await flows.add(sum([sum([leaf(1), leaf(2), leaf(3)]), sum([leaf(10), leaf(20)]), leaf(100)]))
    await done.count('jobs of the flow', 9)
    expect(done.all.at(-1)).toEqual({ name: 'sum', result: 136 })
    expect(
      done.all
        .filter(({ name }) => name === 'sum')
        .map(({ result }) => result)
        .sort((a, b) => a - b),
    ).toEqual([6, 30, 136])
    expect(await tree.job.getDependenciesCount()).toMatchObject({ processed: 3, unprocessed: 0 })
  })

  it('drops a duplicate, holds jobs while paused, and retries all failed jobs together', async () => {
    const queue = newQueue()
    let broken = true
    const ran = new Arrivals<string>()
    const worker = keep(
      new Worker(
        queue.name,
        async ({ name }: Job) => {
          if (broken) throw new Error('broken')
          ran.add(name)
        },
        options(),
      ),
    )
    const failures = new Arrivals<string>()
    worker.on('failed', (job) => failures.add(String(job?.name)))
    await queue.pause()
    await queue.addBulk(['a', 'b', 'c'].map((name) => ({ name, data: {} })))
    const first = await queue.add('once', {}, { deduplication: { id: 'only' } })
    const second = await queue.add('once', {}, { deduplication: { id: 'only' } })
    expect(second.id).toBe(first.id)
    expect(await queue.isPaused()).toBe(true)
    expect(await queue.getJobCounts('waiting', 'active')).toEqual({ waiting: 4, active: 0 })
    expect(failures.all).toEqual([])
    await queue.resume()
    await failures.count('failures', 4)
    broken = false
    await queue.retryJobs({ state: 'failed' })
    await ran.count('retried jobs', 4)
    expect([...ran.all].sort()).toEqual(['a', 'b', 'c', 'once'])
  })
})
