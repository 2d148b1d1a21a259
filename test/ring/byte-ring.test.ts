/** The byte ring in one thread, against a plain queue. Two threads on it: see soak.test.ts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bell } from '../../src/ring/bell.js'
import {
  alignFrame,
  createRingMemory,
  FRAME_KIND_SHIFT,
  FRAME_LENGTH_MASK,
  RingConsumer,
  type RingMemory,
  RingProducer,
} from '../../src/ring/byte-ring.js'

const RING_BYTES = 16 * 1024
const FRAME_BYTES_MAX = RING_BYTES / 4
const KIND = 1

/** Indexes of the positions in a ring's control words, which a test sets to begin anywhere. */
const TAIL = 0
const HEAD = 16

function memoryFrom(position = 0): RingMemory {
  const memory = createRingMemory(RING_BYTES)
  const control = new Int32Array(memory.control)
  control[TAIL] = position
  control[HEAD] = position
  return memory
}

/** Writes a frame whose bytes are all `fill`; false when there is no room. */
function write(producer: RingProducer, bytes: number, fill: number): boolean {
  const offset = producer.reserve(bytes)
  if (offset < 0) return false
  producer.bytes.fill(fill, offset + 4, offset + bytes)
  producer.commit(offset, bytes, KIND)
  return true
}

/** Takes the next frame: its length and its fill, having seen that every byte is there. */
function read(consumer: RingConsumer): readonly [bytes: number, fill: number] | undefined {
  const offset = consumer.next()
  if (offset < 0) return undefined
  const header = consumer.words[offset >> 2] as number
  expect(header >>> FRAME_KIND_SHIFT).toBe(KIND)
  const bytes = header & FRAME_LENGTH_MASK
  const fill = consumer.bytes[offset + 4] as number
  for (let i = offset + 4; i < offset + bytes; i++) {
    if (consumer.bytes[i] !== fill) expect.fail(`byte ${i - offset} of a frame of ${bytes} has been overwritten`)
  }
  consumer.release(offset)
  return [bytes, fill]
}

describe('a byte ring', () => {
  it('refuses sizes that it cannot work with', () => {
    for (const bytes of [0, 8192, 16384 + 4, 24 * 1024, 64 * 1024 * 1024])
      expect(() => createRingMemory(bytes)).toThrow()
    expect(createRingMemory(32 * 1024 * 1024).data.byteLength).toBe(32 * 1024 * 1024)
  })

  it('aligns frames to words', () => {
    expect([0, 1, 4, 5, 8].map(alignFrame)).toEqual([0, 4, 4, 8, 8])
  })

  it('shows frames only when they are published', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const consumer = new RingConsumer(memory)
    expect(producer.publish()).toBe(false)
    write(producer, 12, 1)
    expect(producer.unpublishedBytes).toBe(12)
    expect(consumer.isEmpty).toBe(true)
    expect(consumer.next()).toBe(-1)
    producer.publish()
    expect(producer.unpublishedBytes).toBe(0)
    expect(consumer.isEmpty).toBe(false)
    expect(read(consumer)).toEqual([12, 1])
    expect(read(consumer)).toBeUndefined()
  })

  it('shows the same frame until it is released', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const consumer = new RingConsumer(memory)
    write(producer, 8, 1)
    write(producer, 8, 2)
    producer.publish()
    expect(consumer.next()).toBe(0)
    expect(consumer.next()).toBe(0)
    consumer.release(0)
    expect(consumer.next()).toBe(8)
  })

  it('takes nothing for a frame that is reserved and not committed', () => {
    const producer = new RingProducer(memoryFrom())
    expect(producer.reserve(100)).toBe(0)
    expect(producer.reserve(200)).toBe(0)
    expect(producer.used).toBe(0)
    producer.commit(0, 60, KIND)
    expect(producer.used).toBe(60)
  })

  it('is full when every byte is taken, and has room again only after a release was published', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const consumer = new RingConsumer(memory)
    for (let i = 0; i < 4; i++) expect(write(producer, FRAME_BYTES_MAX, i)).toBe(true)
    expect(producer.used).toBe(RING_BYTES)
    expect(producer.reserve(4)).toBe(-1)
    producer.publish()
    expect(read(consumer)).toEqual([FRAME_BYTES_MAX, 0])
    expect(producer.reserve(4)).toBe(-1)
    consumer.publishReleased()
    expect(producer.reserve(FRAME_BYTES_MAX)).toBe(0)
  })

  it('places the largest frame wherever a drained ring stands', () => {
    for (let at = 0; at < RING_BYTES; at += 4) {
      const producer = new RingProducer(memoryFrom(at))
      expect(write(producer, FRAME_BYTES_MAX, 1)).toBe(true)
    }
  })

  it('tells how much room is contiguous behind a reserved place', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const consumer = new RingConsumer(memory)
    expect(producer.contiguous(producer.reserve(8))).toBe(RING_BYTES)
    for (let i = 0; i < 3; i++) write(producer, FRAME_BYTES_MAX, i)
    producer.publish()
    expect(producer.contiguous(producer.reserve(8))).toBe(FRAME_BYTES_MAX)
    read(consumer)
    consumer.publishReleased()
    write(producer, FRAME_BYTES_MAX, 3)
    expect(producer.contiguous(producer.reserve(8))).toBe(FRAME_BYTES_MAX)
  })

  it('wakes a consumer that has announced its sleep, once, and not for a quiet publication', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const bell = new Bell(memory.bell)
    write(producer, 8, 1)
    expect(producer.publish()).toBe(false)
    bell.announce()
    expect(producer.publish()).toBe(false)
    write(producer, 8, 2)
    producer.publishQuietly()
    expect(producer.unpublishedBytes).toBe(0)
    expect(producer.publish()).toBe(true)
    write(producer, 8, 3)
    expect(producer.publish()).toBe(false)
  })

  it('does not sleep when there is a frame, nor past its time when there is none', () => {
    const memory = memoryFrom()
    const producer = new RingProducer(memory)
    const consumer = new RingConsumer(memory)
    const startedMs = performance.now()
    consumer.sleep(20)
    expect(performance.now() - startedMs).toBeGreaterThan(15)
    write(producer, 8, 1)
    producer.publish()
    consumer.sleep(60_000)
    expect(read(consumer)).toEqual([8, 1])
  })

  it('hands over every frame in order, at any position, also where positions wrap at 2^31 and 2^32', () => {
    const eventArbitrary = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          words: fc.oneof(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 2, max: FRAME_BYTES_MAX / 4 })),
        }),
      },
      { weight: 2, arbitrary: fc.constant('publish' as const) },
      { weight: 3, arbitrary: fc.constant('read' as const) },
      { weight: 1, arbitrary: fc.constant('release' as const) },
    )
    const startArbitrary = fc.oneof(
      fc.constant(0),
      fc.integer({ min: -RING_BYTES / 4, max: 0 }).map((words) => words * 4),
      fc.integer({ min: 0, max: RING_BYTES / 4 }).map((words) => (0x7fffffff & ~3) - words * 4),
    )
    fc.assert(
      fc.property(startArbitrary, fc.array(eventArbitrary, { maxLength: 200 }), (start, events) => {
        const memory = memoryFrom(start | 0)
        const producer = new RingProducer(memory)
        const consumer = new RingConsumer(memory)
        const written: [number, number][] = []
        let visible = 0
        let taken = 0
        for (const event of events) {
          if (event === 'publish') {
            producer.publish()
            visible = written.length
          } else if (event === 'release') {
            consumer.publishReleased()
          } else if (event === 'read') {
            expect(read(consumer)).toEqual(taken < visible ? written[taken] : undefined)
            if (taken < visible) taken++
          } else {
            const fill = written.length & 0xff
            if (write(producer, event.words * 4, fill)) written.push([event.words * 4, fill])
            else expect(producer.used + 2 * event.words * 4).toBeGreaterThan(RING_BYTES / 2)
          }
          expect(producer.used).toBeLessThanOrEqual(RING_BYTES)
        }
        producer.publish()
        for (; taken < written.length; taken++) expect(read(consumer)).toEqual(written[taken])
        expect(consumer.isEmpty).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
