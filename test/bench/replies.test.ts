/** The benchmark's own reading of replies: what it gets wrong, it would call an error of the server. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Reply, ReplyCounter, ReplyError, ReplyReader } from '../../bench/load/replies.js'

const WIRE = Buffer.from('+OK\r\n:-12\r\n$-1\r\n$0\r\n\r\n$5\r\na\r\nbc\r\n-ERR no\r\n')
const FLAT: readonly Reply[] = ['OK', -12, null, Buffer.alloc(0), Buffer.from('a\r\nbc'), new ReplyError('ERR no')]
const NESTED_WIRE = Buffer.concat([Buffer.from('*3\r\n*2\r\n:1\r\n$2\r\nxy\r\n*0\r\n*-1\r\n'), WIRE])
const NESTED: readonly Reply[] = [[[1, Buffer.from('xy')], [], null], ...FLAT]

/** Cuts `bytes` at the given shares of its length. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
}

test('replies cut anywhere are read whole', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 20 }), (cuts) => {
      const reader = new ReplyReader()
      const replies: Reply[] = []
      for (const piece of pieces(NESTED_WIRE, cuts)) {
        reader.feed(piece)
        for (let reply = reader.take(); reply !== undefined; reply = reader.take()) replies.push(reply)
      }
      expect(replies).toEqual(NESTED)
    }),
  )
})

test('replies cut anywhere are counted once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 20 }), (cuts) => {
      const counter = new ReplyCounter()
      const counts = pieces(WIRE, cuts).map((piece) => counter.count(piece))
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(FLAT.length)
      expect(counter.errors).toBe(1)
    }),
  )
})
