/** Bounds of encoded replies. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bulkBody, headerNumber, isError, lineEnd, replyEnd } from '../../src/resp/reply-reader.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

describe('the reply reader', () => {
  it('finds the end of a line', () => {
    expect(lineEnd(bytesOf(':12\r\n:3\r\n'), 0)).toBe(5)
    expect(lineEnd(bytesOf(':12\r\n:3\r\n'), 5)).toBe(9)
    expect(() => lineEnd(bytesOf(':12'), 0)).toThrow()
  })

  it('reads the number behind a type', () => {
    for (const n of [0, 7, -1, 1234567890123, -987654321]) expect(headerNumber(bytesOf(`x:${n}\r\n`), 1)).toBe(n)
  })

  it('finds the end of every type of reply', () => {
    const replies = [
      '+OK\r\n',
      '-ERR no\r\n',
      ':12\r\n',
      '$0\r\n\r\n',
      '$5\r\na\r\nbc\r\n',
      '$-1\r\n',
      '*-1\r\n',
      '*0\r\n',
      '*2\r\n$1\r\na\r\n*1\r\n:1\r\n',
      '_\r\n',
      '#t\r\n',
      ',1.5\r\n',
      '(12345678901234567890\r\n',
      '=7\r\ntxt:abc\r\n',
      '!5\r\nERR x\r\n',
      '~1\r\n:1\r\n',
      '>2\r\n+a\r\n+b\r\n',
      '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n$1\r\nx\r\n',
      '*1\r\n*1\r\n*1\r\n*1\r\n_\r\n',
    ]
    const all = bytesOf(replies.join(''))
    let at = 0
    for (const reply of replies) {
      expect(replyEnd(all, at), JSON.stringify(reply)).toBe(at + reply.length)
      at += reply.length
    }
  })

  it('finds the end of whatever the writer writes', () => {
    const { value: valueArbitrary } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.maxSafeInteger(),
        fc.string({ unit: 'binary' }),
        fc.constant(null),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 4 }),
      ),
    }))
    const write = (writer: ReplyWriter, value: unknown): void => {
      if (typeof value === 'number') writer.integer(value)
      else if (typeof value === 'string') writer.bulkText(value)
      else if (typeof value === 'boolean') writer.boolean(value)
      else if (Array.isArray(value)) {
        writer.array(value.length)
        for (const element of value) write(writer, element)
      } else writer.nil()
    }
    fc.assert(
      fc.property(fc.array(valueArbitrary, { minLength: 1, maxLength: 5 }), fc.boolean(), (values, resp3) => {
        const writer = new ReplyWriter()
        writer.attachScratch()
        writer.resp3 = resp3
        const ends = values.map((value) => {
          write(writer, value)
          return writer.position - writer.start
        })
        const bytes = writer.take()
        let at = 0
        for (const end of ends) {
          at = replyEnd(bytes, at)
          expect(at).toBe(end)
        }
      }),
    )
  })

  it('takes the body out of a bulk string, and nothing out of a null of either protocol', () => {
    expect(bulkBody(bytesOf('+x\r\n$4\r\na\r\nb\r\n'), 4)).toEqual(bytesOf('a\r\nb'))
    expect(bulkBody(bytesOf('$0\r\n\r\n'), 0)).toEqual(bytesOf(''))
    for (const text of ['$-1\r\n', '_\r\n', ':1\r\n']) expect(bulkBody(bytesOf(text), 0)).toBeUndefined()
  })

  it('knows an error', () => {
    expect(isError(bytesOf('-ERR\r\n'))).toBe(true)
    expect(isError(bytesOf(':-1\r\n'))).toBe(false)
  })
})
