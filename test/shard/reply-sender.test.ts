/** Replies on their way through a reply ring: grouping, wrapping, pieces, silence. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createRingMemory,
  FRAME_KIND_SHIFT,
  FRAME_LENGTH_MASK,
  RingConsumer,
  RingProducer,
} from '../../src/ring/byte-ring.js'
import {
  FrameKind,
  REPLY_BYTES,
  REPLY_COUNT_MASK,
  REPLY_PADDING_SHIFT,
  RequestFlag,
  TARGET_GATHER,
} from '../../src/ring/frames.js'
import { ReplySender } from '../../src/shard/reply-sender.js'

const RING_BYTES = 16 * 1024

interface Frame {
  readonly target: number
  readonly sequence: number
  readonly count: number
  readonly text: string
}

/** A sender and the other side of its ring. */
class Wire {
  readonly frames: Frame[] = []
  timesFull = 0
  readonly sender: ReplySender
  readonly #consumer: RingConsumer

  constructor() {
    const memory = createRingMemory(RING_BYTES)
    this.#consumer = new RingConsumer(memory)
    this.sender = new ReplySender(new RingProducer(memory), () => {
      this.timesFull++
      if (this.take() === 0) throw new Error('the ring is full, but holds no frame')
    })
  }

  reply(target: number, sequence: number, body: string, flags = 0): void {
    this.sender.begin(target, sequence, flags)
    this.sender.writer.bulkText(body)
    this.sender.end()
  }

  take(): number {
    const { words, bytes } = this.#consumer
    let taken = 0
    for (let offset = this.#consumer.next(); offset >= 0; offset = this.#consumer.next()) {
      const word = offset >> 2
      const header = words[word] as number
      expect(header >>> FRAME_KIND_SHIFT).toBe(FrameKind.reply)
      const countWord = words[word + 3] as number
      const end = offset + (header & FRAME_LENGTH_MASK) - (countWord >>> REPLY_PADDING_SHIFT)
      this.frames.push({
        target: words[word + 1] as number,
        sequence: words[word + 2] as number,
        count: countWord & REPLY_COUNT_MASK,
        text: Buffer.from(bytes.subarray(offset + REPLY_BYTES, end)).toString('latin1'),
      })
      this.#consumer.release(offset)
      taken++
    }
    this.#consumer.publishReleased()
    return taken
  }

  flush(): readonly Frame[] {
    this.sender.flush()
    this.take()
    return this.frames
  }
}

function bulk(body: string): string {
  return `$${body.length}\r\n${body}\r\n`
}

describe('the reply sender', () => {
  it('sends nothing before it is told to, and nothing when there is nothing', () => {
    const wire = new Wire()
    expect(wire.flush()).toEqual([])
    wire.reply(1, 0, 'a')
    expect(wire.take()).toBe(0)
    expect(wire.flush()).toEqual([{ target: 1, sequence: 0, count: 1, text: bulk('a') }])
  })

  it('puts consecutive replies of one target into one frame', () => {
    const wire = new Wire()
    for (let i = 0; i < 64; i++) wire.reply(3, i, `v${i}`)
    const text = Array.from({ length: 64 }, (_, i) => bulk(`v${i}`)).join('')
    expect(wire.flush()).toEqual([{ target: 3, sequence: 0, count: 64, text }])
  })

  it('begins a frame for another target, a gap in the sequence, and after a flush', () => {
    const wire = new Wire()
    wire.reply(1, 0, 'a')
    wire.reply(2, 0, 'b')
    wire.reply(2, 2, 'c')
    wire.sender.flush()
    wire.reply(2, 3, 'd')
    wire.reply(5 | TARGET_GATHER, 4, 'e')
    expect(wire.flush().map(({ target, sequence, count }) => [target, sequence, count])).toEqual([
      [1, 0, 1],
      [2, 0, 1],
      [2, 2, 1],
      [2, 3, 1],
      [5 | TARGET_GATHER, 4, 1],
    ])
  })

  it('goes on over the end of the sequence numbers', () => {
    const wire = new Wire()
    wire.reply(1, 0x7fffffff, 'a')
    wire.reply(1, 0x80000000 | 0, 'b')
    expect(wire.flush()).toEqual([{ target: 1, sequence: 0x7fffffff, count: 2, text: bulk('a') + bulk('b') }])
  })

  it('cuts a reply that the ring cannot hold into pieces, behind the whole replies before it', () => {
    const wire = new Wire()
    const body = 'x'.repeat(100_000)
    wire.reply(1, 0, 'before')
    wire.reply(1, 1, body)
    wire.reply(1, 2, 'after')
    const frames = wire.flush()
    expect(frames[0]).toEqual({ target: 1, sequence: 0, count: 1, text: bulk('before') })
    const pieces = frames.slice(1, -1)
    expect(pieces.map(({ sequence }) => sequence)).toEqual(pieces.map(() => 1))
    expect(pieces.map(({ count }) => count)).toEqual(pieces.map((_, i) => (i === pieces.length - 1 ? 1 : 0)))
    expect(pieces.map(({ text }) => text).join('') === bulk(body)).toBe(true)
    expect(frames.at(-1)).toEqual({ target: 1, sequence: 2, count: 1, text: bulk('after') })
    expect(wire.timesFull).toBeGreaterThan(0)
  })

  it('streams a reply larger than it would keep whole', () => {
    const wire = new Wire()
    const body = 'y'.repeat(2_000_000)
    wire.reply(1, 7, body)
    const frames = wire.flush()
    expect(frames.map(({ text }) => text).join('') === bulk(body)).toBe(true)
    expect(frames.filter(({ count }) => count === 1)).toHaveLength(1)
    expect(frames.at(-1)?.count).toBe(1)
  })

  it('counts silent replies and sends nothing of them', () => {
    const wire = new Wire()
    wire.reply(1, 0, 'a')
    wire.reply(1, 1, 'b', RequestFlag.silent)
    wire.reply(1, 2, 'c'.repeat(500_000), RequestFlag.silent)
    wire.reply(1, 3, 'd')
    const frames = wire.flush()
    expect(frames.map(({ text }) => text).join('')).toBe(bulk('a') + bulk('d'))
    expect(frames.reduce((sum, { count }) => sum + count, 0)).toBe(4)
  })

  it('takes the protocol from each request', () => {
    const wire = new Wire()
    for (const [sequence, flags] of [
      [0, 0],
      [1, RequestFlag.resp3],
      [2, 0],
    ] as const) {
      wire.sender.begin(1, sequence, flags)
      wire.sender.writer.nil()
      wire.sender.end()
    }
    expect(wire.flush()[0]?.text).toBe('$-1\r\n_\r\n$-1\r\n')
  })

  it('loses, doubles and reorders nothing, whatever comes and whoever is slow', () => {
    const replyArbitrary = fc.record({
      target: fc.constantFrom(1, 2, 3 | TARGET_GATHER),
      bytes: fc.oneof(
        { weight: 6, arbitrary: fc.nat(200) },
        { weight: 3, arbitrary: fc.integer({ min: 1900, max: 4200 }) },
        { weight: 1, arbitrary: fc.integer({ min: 4200, max: 300_000 }) },
      ),
      silent: fc.nat(9).map((n) => n === 0),
      then: fc.constantFrom('go on', 'go on', 'flush', 'take'),
    })
    fc.assert(
      fc.property(fc.array(replyArbitrary, { maxLength: 80 }), (replies) => {
        const wire = new Wire()
        const next = new Map<number, number>()
        const expected = new Map<number, string>()
        replies.forEach(({ target, bytes, silent, then }, i) => {
          const sequence = next.get(target) ?? 0
          next.set(target, sequence + 1)
          const body = String.fromCharCode(97 + (i % 26)).repeat(bytes)
          wire.reply(target, sequence, body, silent ? RequestFlag.silent : 0)
          expected.set(target, (expected.get(target) ?? '') + (silent ? '' : bulk(body)))
          if (then === 'flush') wire.sender.flush()
          else if (then === 'take') wire.take()
        })
        const sequences = new Map<number, number>()
        const texts = new Map<number, string>()
        for (const { target, sequence, count, text } of wire.flush()) {
          expect(sequence).toBe(sequences.get(target) ?? 0)
          sequences.set(target, sequence + count)
          texts.set(target, (texts.get(target) ?? '') + text)
        }
        expect(sequences).toEqual(next)
        for (const [target, text] of expected) expect(texts.get(target) === text).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
