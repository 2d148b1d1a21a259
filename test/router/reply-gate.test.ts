/** Replies that wait until what they answer is on the disk of every shard: src/router/reply-gate.ts. */
import { beforeEach, describe, expect, it } from 'vitest'
import { MADE_HERE, ReplyGate } from '../../src/router/reply-gate.js'
import type { ReplySink } from '../../src/router/reply-sink.js'

const BYTES = Uint8Array.of(1)

let gate: ReplyGate
let progress: { logPosition: number; logMark: number }[]
let delivered: number[]

beforeEach(() => {
  delivered = []
  progress = [
    { logPosition: 0, logMark: 0 },
    { logPosition: 0, logMark: 0 },
  ]
  const sink: ReplySink = {
    reply: (_slot, sequence) => delivered.push(sequence),
    notice: () => {},
    blocked: () => {},
    failed: () => {},
    released: () => {},
  }
  gate = new ReplyGate(sink, progress)
})

function reply(source: number, sequence: number): void {
  gate.source = source
  gate.reply(0, sequence, 1, BYTES, 0, 1)
  gate.source = MADE_HERE
}

function report(shard: number, logPosition: number, logMark: number): void {
  progress[shard] = { logPosition, logMark }
}

describe('ReplyGate', () => {
  it('lets everything through while it is off', () => {
    gate.lastWriteGsn = 7
    reply(0, 1)
    gate.whenDurable(() => delivered.push(2))
    expect(delivered).toEqual([1, 2])
  })

  it('keeps a reply until all shards have what its shard had reached', () => {
    gate.turnOn(0)
    gate.settled()
    gate.lastWriteGsn = 7
    report(0, 5, 5)
    reply(0, 1)
    gate.release()
    expect(delivered).toEqual([])
    report(1, 4, 4)
    gate.release()
    expect(delivered).toEqual([])
    report(1, 5, 5)
    gate.release()
    expect(delivered).toEqual([1])
  })

  it('keeps what was made here until all shards have all writes, whatever the last source had reached', () => {
    gate.turnOn(0)
    gate.settled()
    report(0, 5, 5)
    report(1, 5, 5)
    gate.lastWriteGsn = 6
    reply(MADE_HERE, 1)
    gate.whenDurable(() => delivered.push(2))
    gate.release()
    expect(delivered).toEqual([])
    report(0, 9, 6)
    report(1, 9, 6)
    gate.release()
    expect(delivered).toEqual([1, 2])
  })

  it('does not trust marks of the time before it was on, and keeps what was written then', () => {
    gate.lastWriteGsn = 2
    report(0, 5, 5)
    report(1, 5, 5)
    // Number 5 was written when nobody counted.
    gate.turnOn(5)
    reply(0, 1)
    gate.release()
    expect(delivered).toEqual([])
    gate.settled()
    expect(delivered).toEqual([1])
  })

  it('keeps nothing when it is turned off', () => {
    gate.turnOn(3)
    reply(0, 1)
    gate.whenDurable(() => delivered.push(2))
    gate.turnOff()
    expect(delivered).toEqual([1, 2])
    reply(0, 3)
    expect(delivered).toEqual([1, 2, 3])
  })
})
