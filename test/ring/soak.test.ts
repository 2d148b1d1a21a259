/**
 * Two real threads on two rings for some seconds: frames go to a worker and come back. No byte may be lost or changed, and no
 * wake-up lost: both sides sleep without an end of their own, and a watchdog looks whether anything moves.
 */
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { Bell } from '../../src/ring/bell.js'
import { createRingMemory, FRAME_LENGTH_MASK, RingConsumer, RingProducer } from '../../src/ring/byte-ring.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const dist = path.resolve(here, '../..', process.env.SHARDKEEP_DIST ?? 'dist')

const SOAK_MS = 3000
/** Nothing moved for this long: somebody sleeps who should have been woken. */
const STUCK_MS = 10_000
const WAIT_MS = 60_000
const RING_BYTES = 16 * 1024
const KIND = 1
const LAST_FRAME_BYTES = 8
/** A header, the frame's number, its seed, and at least one word made from it. */
const FRAME_WORDS_MIN = 4

/** Writes frame `number`, as long and with the contents that its seed says. */
function fill(words: Int32Array, at: number, length: number, number: number, seed: number): void {
  words[at + 1] = number
  words[at + 2] = seed
  for (let i = 3; i < length; i++) words[at + i] = Math.imul(seed + i, 0x9e3779b1)
}

/** What is wrong with a frame that came back, or undefined. */
function faultIn(words: Int32Array, at: number, length: number, number: number): string | undefined {
  if (words[at + 1] !== number) return `frame ${words[at + 1]} came in the place of ${number}`
  const seed = words[at + 2] as number
  for (let i = 3; i < length; i++) {
    if (words[at + i] !== Math.imul(seed + i, 0x9e3779b1)) return `word ${i} of frame ${number} has changed`
  }
  return undefined
}

it('carries every frame there and back, and wakes whoever sleeps', { timeout: SOAK_MS + 3 * STUCK_MS }, async () => {
  const seed = (Math.random() * 2 ** 31) | 0
  console.log(`seed ${seed}`)
  const random = new Prng(seed)
  const requestMemory = createRingMemory(RING_BYTES)
  const replyMemory = createRingMemory(RING_BYTES)
  const worker = new Worker(path.join(here, 'echo-worker.mjs'), {
    workerData: {
      module: pathToFileURL(path.join(dist, 'src/ring/byte-ring.js')).href,
      requests: requestMemory,
      replies: replyMemory,
    },
  })
  let failure: Error | undefined
  worker.on('error', (error) => {
    failure = error
  })
  const producer = new RingProducer(requestMemory)
  const consumer = new RingConsumer(replyMemory)
  const bell = new Bell(replyMemory.bell)
  let sent = 0
  let received = 0
  let timesFull = 0
  let timesAsleep = 0

  const take = (): number => {
    let frames = 0
    for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
      const at = offset >> 2
      const length = ((consumer.words[at] as number) & FRAME_LENGTH_MASK) >> 2
      const fault = length * 4 === LAST_FRAME_BYTES ? undefined : faultIn(consumer.words, at, length, received)
      if (fault !== undefined) expect.fail(fault)
      consumer.release(offset)
      received++
      frames++
      // Now and then room is given back late, so that the worker has to wait for it.
      if (random.below(8) === 0) consumer.publishReleased()
    }
    consumer.publishReleased()
    return frames
  }
  /** Sleeps until the worker has replied. */
  const sleep = async (): Promise<void> => {
    bell.announce()
    const wait = consumer.isEmpty ? bell.waitAsync(WAIT_MS) : undefined
    if (wait === undefined) {
      bell.cancel()
      return
    }
    timesAsleep++
    let watchdog: NodeJS.Timeout | undefined
    const stuck = new Promise<'stuck'>((resolve) => {
      watchdog = setTimeout(() => resolve('stuck'), STUCK_MS)
    })
    const end = await Promise.race([wait, stuck])
    clearTimeout(watchdog)
    if (failure !== undefined) throw failure
    if (end === 'stuck') expect.fail(`nothing moves: ${sent} frames sent, ${received} came back (seed ${seed})`)
  }

  try {
    const endsAtMs = performance.now() + SOAK_MS
    while (performance.now() < endsAtMs) {
      for (let burst = 1 + random.below(random.below(4) === 0 ? 200 : 8); burst > 0; burst--) {
        const length =
          FRAME_WORDS_MIN + random.below(random.below(5) === 0 ? producer.frameBytesMax / 4 - FRAME_WORDS_MIN : 30)
        const offset = producer.reserve(length * 4)
        if (offset < 0) {
          timesFull++
          break
        }
        fill(producer.words, offset >> 2, length, sent, random.nextUint32() | 0)
        producer.commit(offset, length * 4, KIND)
        sent++
        if (random.below(20) === 0) producer.publish()
      }
      producer.publish()
      // Sometimes this side goes on at once, sometimes it waits for one reply or for all: both rings run full and empty.
      const patience = random.below(3)
      if (patience === 1 && received < sent && take() === 0) await sleep()
      while (patience === 2 && received < sent) if (take() === 0) await sleep()
      if (producer.used > RING_BYTES / 2) while (received < sent) if (take() === 0) await sleep()
    }
    let last = producer.reserve(LAST_FRAME_BYTES)
    while (last < 0) {
      if (take() === 0) await sleep()
      last = producer.reserve(LAST_FRAME_BYTES)
    }
    producer.commit(last, LAST_FRAME_BYTES, KIND)
    producer.publish()
    sent++
    while (received < sent) if (take() === 0) await sleep()
    expect(consumer.isEmpty).toBe(true)
    expect(producer.used).toBe(0)
    console.log(`${sent} frames; ${timesFull} times full, ${timesAsleep} times asleep`)
    expect(timesFull).toBeGreaterThan(0)
    expect(timesAsleep).toBeGreaterThan(0)
  } finally {
    await worker.terminate()
  }
})
