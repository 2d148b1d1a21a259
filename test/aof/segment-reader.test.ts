/**
 * Files of the append-only log as they are read: in blocks of any size, cut off anywhere, and with any byte changed. What is read is
 * always a beginning of what was written, and the place of the damage is exact.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { Element, RecordKind, SegmentReader } from '../../src/aof/segment-reader.js'
import { record } from './segments.js'

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-segment-'))
const file = path.join(folder, 'segment')
afterAll(() => rmSync(folder, { recursive: true }))

const TEXT = [
  '#TS:1790000000\r\n',
  '#G:12\r\n',
  record('SELECT', '3'),
  record('SET', 'key', 'a value with\r\n#M:99\r\nin it'),
  '#M:12\r\n',
  '# a comment of somebody\r\n',
  '#G:9007199254740991\r\n',
  record('multi'),
  record('RPUSH', 'l', '', 'x'.repeat(300)),
  record('Exec'),
  record('ping'),
].join('')

/** What is read, element by element; the last one says how it ends. */
async function elementsOf(content: string | Buffer, blockBytes: number, isAsync = false): Promise<string[]> {
  writeFileSync(file, content)
  const reader = new SegmentReader(blockBytes)
  reader.open(file)
  const seen: string[] = []
  try {
    for (;;) {
      const element = reader.next()
      const range = `${reader.offset}-${reader.end}`
      switch (element) {
        case Element.record: {
          const words = Array.from({ length: reader.argc }, (_, i) =>
            Buffer.from(reader.bytes).toString(
              'latin1',
              reader.offsets[i],
              (reader.offsets[i] as number) + (reader.lengths[i] as number),
            ),
          )
          expect(Buffer.from(reader.copyRecord()).toString('latin1')).toBe(record(...words))
          seen.push(`${range} ${reader.kind} db${reader.database} ${reader.gsn} ${JSON.stringify(words)}`)
          break
        }
        case Element.number:
          seen.push(`${range} G ${reader.gsn}`)
          break
        case Element.mark:
          seen.push(`${range} M ${reader.mark}`)
          break
        case Element.time:
          seen.push(`${range} TS ${reader.seconds}`)
          break
        case Element.more:
          if (isAsync) await reader.fill()
          else reader.fillSync()
          break
        case Element.end:
          seen.push('end')
          return seen
        default:
          seen.push(`${element === Element.torn ? 'torn' : 'bad'} at ${reader.offset}`)
          return seen
      }
    }
  } finally {
    reader.close()
  }
}

describe('segment reader', () => {
  it('reads records, marks, numbers and times', async () => {
    const seen = await elementsOf(TEXT, 1024 * 1024)
    const contents = seen.map((line) => line.replace(/^\d+-\d+ /, ''))
    expect(contents).toEqual([
      'TS 1790000000',
      'G 12',
      `${RecordKind.select} db3 12 ["SELECT","3"]`,
      `${RecordKind.plain} db3 12 ${JSON.stringify(['SET', 'key', 'a value with\r\n#M:99\r\nin it'])}`,
      'M 12',
      'G 9007199254740991',
      `${RecordKind.multi} db3 9007199254740991 ["multi"]`,
      `${RecordKind.plain} db3 9007199254740991 ${JSON.stringify(['RPUSH', 'l', '', 'x'.repeat(300)])}`,
      `${RecordKind.exec} db3 9007199254740991 ["Exec"]`,
      `${RecordKind.plain} db3 9007199254740991 ["ping"]`,
      'end',
    ])
  })

  it('reads the same in blocks of any size', async () => {
    const whole = await elementsOf(TEXT, 1024 * 1024)
    for (let blockBytes = 1; blockBytes <= 400; blockBytes++) {
      expect(await elementsOf(TEXT, blockBytes, blockBytes % 2 === 0), `blocks of ${blockBytes}`).toEqual(whole)
    }
  })

  it('cut off at any byte, has what is whole and says where it is torn', async () => {
    const whole = (await elementsOf(TEXT, 1024 * 1024)).slice(0, -1)
    const ends = whole.map((line) => Number(/^\d+-(\d+)/.exec(line)?.[1]))
    for (let length = 0; length < TEXT.length; length++) {
      const expected = whole.filter((_, i) => (ends[i] as number) <= length)
      const seen = await elementsOf(Buffer.from(TEXT.slice(0, length), 'latin1'), 64)
      expect(seen.slice(0, -1), `cut off at ${length}`).toEqual(expected)
      const isAtEnd = length === 0 || ends.includes(length) || TEXT.slice(0, length).endsWith('somebody\r\n')
      expect(seen.at(-1)?.split(' ')[0], `cut off at ${length}`).toBe(isAtEnd ? 'end' : 'torn')
    }
  })

  it.each([
    ['*0\r\n', 0],
    ['*-1\r\n', 0],
    ['*1\n$4\r\nPING\r\n', 0],
    ['*1\r\n+4\r\nPING\r\n', 0],
    ['*1\r\n$3\r\nPING\r\n', 0],
    ['*1\r\n$-1\r\n', 0],
    ['PING\r\n', 0],
    [`${record('PING')}x`, record('PING').length],
    [`${record('PING')}#G:x\r\n`, record('PING').length],
    ['#M:99999999999999999999\r\n', 0],
    [`#${'x'.repeat(2000)}\r\n`, 0],
    ['*99999999999999\r\n', 0],
  ])('refuses %j', async (text, offset) => {
    expect((await elementsOf(text, 1024)).at(-1)).toBe(`bad at ${offset}`)
  })

  it('with any byte changed, reads what is in front of it as it was, and ends', async () => {
    const whole = await elementsOf(TEXT, 1024 * 1024)
    const change = fc.asyncProperty(fc.nat(TEXT.length - 1), fc.nat(255), async (at, byte) => {
      const changed = Buffer.from(TEXT, 'latin1')
      changed[at] = byte
      const seen = await elementsOf(changed, 100)
      const inFront = whole.filter((line) => Number(/^\d+-(\d+)/.exec(line)?.[1] ?? Number.POSITIVE_INFINITY) <= at)
      expect(seen.slice(0, inFront.length)).toEqual(inFront)
    })
    await fc.assert(change, { numRuns: 500 })
  })
})
