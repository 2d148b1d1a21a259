/** Parts of a gather come in any order, several in a frame or one in several frames. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TARGET_GATHER } from '../../src/ring/frames.js'
import { GatherTable } from '../../src/router/gather.js'

function accept(gathers: GatherTable, target: number, first: number, count: number, text: string): void {
  // Somewhere in a larger buffer that is overwritten afterwards, as a ring is.
  const bytes = Buffer.from(`....${text}....`, 'latin1')
  gathers.accept(target, first, count, bytes, 4, text.length)
  bytes.fill(0x21)
}

function textsOf(parts: readonly Uint8Array[]): string[] {
  return parts.map((part) => Buffer.from(part).toString('latin1'))
}

describe('a gather', () => {
  it('ends with its last part, once, with the parts in their places', () => {
    const gathers = new GatherTable()
    const ends: string[][] = []
    const target = gathers.open(3, (parts) => ends.push(textsOf(parts)))
    expect(target & TARGET_GATHER).not.toBe(0)
    accept(gathers, target, 2, 1, ':2\r\n')
    accept(gathers, target, 0, 1, ':0\r\n')
    expect(ends).toEqual([])
    expect(gathers.openCount).toBe(1)
    accept(gathers, target, 1, 1, ':1\r\n')
    expect(ends).toEqual([[':0\r\n', ':1\r\n', ':2\r\n']])
    expect(gathers.openCount).toBe(0)
  })

  it('splits a frame with several parts', () => {
    const gathers = new GatherTable()
    let ended: string[] = []
    const target = gathers.open(4, (parts) => {
      ended = textsOf(parts)
    })
    accept(gathers, target, 1, 3, '$2\r\nab\r\n*1\r\n$-1\r\n+OK\r\n')
    accept(gathers, target, 0, 1, '-ERR x\r\n')
    expect(ended).toEqual(['-ERR x\r\n', '$2\r\nab\r\n', '*1\r\n$-1\r\n', '+OK\r\n'])
  })

  it('puts parts together that come in pieces, mixed with others', () => {
    const gathers = new GatherTable()
    let ended: string[] = []
    const target = gathers.open(3, (parts) => {
      ended = textsOf(parts)
    })
    accept(gathers, target, 0, 0, '$6\r\nab')
    accept(gathers, target, 2, 0, '$3\r')
    accept(gathers, target, 0, 0, 'cd')
    accept(gathers, target, 1, 1, ':1\r\n')
    accept(gathers, target, 2, 1, '\nxyz\r\n')
    accept(gathers, target, 0, 0, 'ef\r\n')
    expect(ended).toEqual([])
    accept(gathers, target, 0, 1, '')
    expect(ended).toEqual(['$6\r\nabcdef\r\n', ':1\r\n', '$3\r\nxyz\r\n'])
  })

  it('may open another one when it ends, in its own place', () => {
    const gathers = new GatherTable()
    const order: string[] = []
    const first = gathers.open(1, () => {
      order.push('first')
      const second = gathers.open(1, () => order.push('second'))
      expect(second).toBe(first)
    })
    accept(gathers, first, 0, 1, ':1\r\n')
    accept(gathers, first, 0, 1, ':2\r\n')
    expect(order).toEqual(['first', 'second'])
  })

  it('refuses what nobody waits for', () => {
    const gathers = new GatherTable()
    expect(() => accept(gathers, 0 | TARGET_GATHER, 0, 1, ':1\r\n')).toThrow(/not open/)
    const target = gathers.open(2, () => {})
    accept(gathers, target, 0, 1, ':1\r\n')
    expect(() => accept(gathers, target, 0, 1, ':1\r\n')).toThrow(/twice/)
  })

  it('keeps many open at a time apart, however they are cut', () => {
    const partsArbitrary = fc.array(
      fc.array(fc.string({ maxLength: 30, unit: 'binary-ascii' }), { minLength: 1, maxLength: 6 }),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    fc.assert(
      fc.property(partsArbitrary, fc.infiniteStream(fc.nat(1000)), (gatherings, randoms) => {
        const random = (bound: number): number => (randoms.next().value as number) % bound
        const gathers = new GatherTable()
        const ended = gatherings.map((): string[] => [])
        const queues = gatherings.flatMap((bodies, g) => {
          const target = gathers.open(bodies.length, (parts) => {
            ended[g] = textsOf(parts)
          })
          const encoded = bodies.map((body) => `$${body.length}\r\n${body}\r\n`)
          // Each queue is what one shard sends: some parts one by one in pieces, or some together.
          const frames: { target: number; first: number; count: number; text: string }[][] = []
          for (let part = 0; part < encoded.length; ) {
            const together = 1 + random(encoded.length - part)
            const text = encoded.slice(part, part + together).join('')
            const cut = together === 1 ? random(text.length + 1) : 0
            const last = { target, first: part, count: together, text: text.slice(cut) }
            frames.push(cut === 0 ? [last] : [{ target, first: part, count: 0, text: text.slice(0, cut) }, last])
            part += together
          }
          return frames
        })
        while (queues.length > 0) {
          const i = random(queues.length)
          const frame = queues[i]?.shift()
          if (frame === undefined) queues.splice(i, 1)
          else accept(gathers, frame.target, frame.first, frame.count, frame.text)
        }
        expect(gathers.openCount).toBe(0)
        expect(ended).toEqual(gatherings.map((bodies) => bodies.map((body) => `$${body.length}\r\n${body}\r\n`)))
      }),
    )
  })
})
