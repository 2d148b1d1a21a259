/**
 * What of a log holds after a crash: every operation up to the cut and none above it, wherever the files end, in whatever order
 * their records stand; and a log that is damaged in the middle is not taken for one that ends there.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type Manifest, readManifest } from '../../src/aof/manifest.js'
import { operationsOf } from '../../src/aof/ordered-units.js'
import { applyRecovery, chainsOf, LogDamageError, type LogScan, scanLog } from '../../src/aof/recovery.js'
import { APPEND_FILE_NAME, type Piece, record, segmentOf, writeLog } from './segments.js'

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-recovery-'))
afterAll(() => rmSync(folder, { recursive: true }))

const set = (key: string): string => record('SET', key, 'value')

/** Two shards. The second has a unit of several records, and an operation that had to wait. */
const FIRST: readonly Piece[] = [
  { gsn: 1, records: [set('a')] },
  { gsn: 3, records: [set('b')] },
  { mark: 3 },
  { gsn: 6, records: [record('SELECT', '2') + set('c')] },
  { mark: 6 },
  { gsn: 8, records: [set('d')] },
  { mark: 8 },
]
const SECOND: readonly Piece[] = [
  { gsn: 2, records: [set('p'), set('q')] },
  { mark: 2 },
  { gsn: 7, records: [set('r')] },
  { mark: 3 },
  { gsn: 4, records: [set('s')] },
  { mark: 7 },
  { gsn: 9, records: [record('SELECT', '1') + set('t'), set('u')] },
  { mark: 9 },
]

/** The numbers of the operations that a log gives. */
async function numbersIn(manifest: Manifest, cut: number): Promise<number[]> {
  const numbers: number[] = []
  for await (const { gsn, units } of operationsOf(folder, chainsOf(manifest), 0, cut)) {
    numbers.push(...units.map(() => gsn))
  }
  return numbers
}

/** The pieces of a file that ends at `length`. */
function wholePieces(pieces: readonly Piece[], length: number): Piece[] {
  const { ends } = segmentOf(pieces)
  return pieces.filter((_, i) => (ends[i] as number) <= length)
}

function lastMark(pieces: readonly Piece[]): number {
  return pieces.reduce((last, piece) => ('mark' in piece ? piece.mark : last), 0)
}

function numbersOf(pieces: readonly Piece[]): number[] {
  return pieces.flatMap((piece) => ('gsn' in piece ? [piece.gsn] : []))
}

/** Recovers what is in the folder and checks that what is left is exactly what has to be. */
async function check(manifest: Manifest, cut: number, expected: readonly number[], what: string): Promise<LogScan> {
  const scan = await scanLog(folder, manifest)
  expect(scan.cut, what).toBe(cut)
  expect(await numbersIn(manifest, cut), what).toEqual(expected)
  const kept = await applyRecovery(folder, APPEND_FILE_NAME, manifest, scan)
  if (scan.excess.length > 0) expect(await readManifest(folder, APPEND_FILE_NAME), what).toEqual(kept)
  const again = await scanLog(folder, kept)
  expect({ cut: again.cut, excess: again.excess }, what).toEqual({ cut, excess: [] })
  expect(await numbersIn(kept, Number.MAX_SAFE_INTEGER), what).toEqual(expected)
  return scan
}

describe('recovery', () => {
  it('gives a whole log in the order of its numbers', async () => {
    const manifest = writeLog(folder, [segmentOf(FIRST).text, segmentOf(SECOND).text])
    await check(manifest, 8, [1, 2, 3, 4, 6, 7, 8], 'whole')
  })

  it('finds the cut wherever either file ends', async () => {
    const texts = [segmentOf(FIRST).text, segmentOf(SECOND).text] as const
    for (const torn of [0, 1] as const) {
      for (let length = 0; length <= texts[torn].length; length++) {
        const lengths = torn === 0 ? [length, texts[1].length] : [texts[0].length, length]
        const manifest = writeLog(folder, [texts[0].slice(0, lengths[0]), texts[1].slice(0, lengths[1])])
        const pieces = [wholePieces(FIRST, lengths[0] as number), wholePieces(SECOND, lengths[1] as number)]
        const cut = Math.min(...pieces.map(lastMark))
        const expected = pieces
          .flatMap(numbersOf)
          .filter((gsn) => gsn <= cut)
          .sort((a, b) => a - b)
        await check(manifest, cut, expected, `shard ${torn} ends at ${length}`)
      }
    }
    // Each place is a few files that are synced.
  }, 120_000)

  it('keeps the database and the number of what comes behind something that is dropped', async () => {
    const pieces: Piece[] = [
      { gsn: 5, records: [set('kept')] },
      { gsn: 9, records: [record('SELECT', '7') + set('dropped')] },
      { gsn: 6, records: [set('in database 7')] },
      { mark: 6 },
    ]
    const manifest = writeLog(folder, [segmentOf(pieces).text, segmentOf([{ mark: 6 }]).text])
    const scan = await check(manifest, 6, [5, 6], 'a record that had to wait')
    expect(scan.excess).toMatchObject([{ records: 1, truncateAt: undefined }])
    const text = readFileSync(path.join(folder, manifest.files[0]?.name as string), 'latin1')
    expect(text).toBe(`#G:5\r\n${set('kept')}#G:6\r\n${record('SELECT', '7')}${set('in database 7')}#M:6\r\n`)
  })

  it('goes on from a cut that an earlier recovery has found, though no mark says it any more', async () => {
    const manifest = writeLog(folder, [
      segmentOf([{ gsn: 1, records: [set('a')] }, { mark: 1 }, { gsn: 5, records: [set('b')] }, { mark: 5 }]).text,
      segmentOf([{ gsn: 2, records: [set('c')] }, { mark: 4 }]).text,
    ])
    await check(manifest, 4, [1, 2], 'first')
    const kept = (await readManifest(folder, APPEND_FILE_NAME)) as Manifest
    expect(kept.complete).toBe(4)
    // The next crash comes before any shard has written a mark again.
    await check(kept, 4, [1, 2], 'second')
  })

  it('knows that the base is complete, and follows the files of a shard from one to the next', async () => {
    const written = writeLog(folder, [
      segmentOf([{ gsn: 12, records: [set('a')] }, { mark: 12 }]).text,
      '',
      segmentOf([{ gsn: 14, records: [set('b')] }, { mark: 15 }]).text,
      segmentOf([{ gsn: 13, records: [set('c')] }, { mark: 14 }]).text,
    ])
    const files = written.files.map((file, i) => ({ ...file, shard: i % 2, gsn: 10 }))
    const base = { name: 'appendonly.aof.1.base.rdb', seq: 1, type: 'b' as const, gsn: 10 }
    await check({ shards: 2, files: [base, ...files], history: [] }, 14, [12, 13, 14], 'chains')
    const torn = { shards: 2, files: [base, ...files.slice(0, 2)], history: [] }
    await check(torn, 10, [], 'nothing but the base')
  })

  it('refuses damage in front of something that can be read, and says where it is', async () => {
    const { text, ends } = segmentOf(FIRST)
    const other = segmentOf([{ mark: 100 }]).text
    const lastMarkAt = text.lastIndexOf('#M')
    for (let at = 0; at < lastMarkAt; at++) {
      const damaged = Buffer.from(text, 'latin1')
      damaged[at] = 0
      const manifest = writeLog(folder, [damaged, other])
      const what = `a zero at ${at}`
      try {
        const { cut, segments } = await scanLog(folder, manifest)
        // A zero inside of a value cannot be told from a value with a zero in it.
        expect({ cut, damage: segments[0]?.damage }, what).toEqual({ cut: 8, damage: null })
        expect(text.slice(Math.max(0, at - 5), at + 6), what).toMatch(/[a-z]|SET|SELECT|[0-9]/)
      } catch (error) {
        if (!(error instanceof LogDamageError)) throw error
        const { offset, goesOnAt } = error.damage
        const from = ends.findLast((end) => end <= at) ?? 0
        expect(offset, what).toBeGreaterThanOrEqual(from)
        expect(offset, what).toBeLessThanOrEqual(at)
        expect(text.slice(goesOnAt, goesOnAt + 3), what).toBe('#M:')
      }
    }
  })

  it('takes damage behind the last mark for the end, and keeps what is in front of it when it is to be repaired', async () => {
    const { text, ends } = segmentOf(FIRST)
    const name = writeLog(folder, [text, segmentOf([{ mark: 100 }]).text]).files[0]?.name as string
    const manifest = (await readManifest(folder, APPEND_FILE_NAME)) as Manifest
    writeFileSync(path.join(folder, name), `${text}#G:9\r\n*3\r\n$3\r\nSET\0\0\0\0\0\0`)
    await check(manifest, 8, [1, 3, 6, 8], 'zeros at the end')
    const broken = Buffer.from(text, 'latin1')
    broken[ends[2] as number] = 0
    writeFileSync(path.join(folder, name), broken)
    await expect(scanLog(folder, manifest)).rejects.toThrow(`Bad file format reading the append only file ${name}`)
    const scan = await scanLog(folder, manifest, true)
    expect(scan.cut).toBe(3)
    await applyRecovery(folder, APPEND_FILE_NAME, manifest, scan)
    expect(await numbersIn(manifest, 100)).toEqual([1, 3])
  })

  it('gives every operation that it keeps, whatever the order in which marks let it stand', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.array(fc.nat(40), { maxLength: 12 }), { minLength: 1, maxLength: 3 }),
      fc.infiniteStream(fc.nat(3)),
      async (delays, marks) => {
        // Operation i of a shard is written when those that delay it are: a mark may only stand where nothing older comes.
        let gsn = 0
        const shards: Piece[][] = delays.map((ofShard) => {
          const order = ofShard.map((delay) => ({ gsn: ++gsn, at: gsn + delay })).sort((a, b) => a.at - b.at)
          return order.flatMap(({ gsn: number }, i) => {
            const oldestToCome = Math.min(...order.slice(i + 1).map((later) => later.gsn), 1000)
            const piece: Piece = { gsn: number, records: [set(`k${number}`)] }
            const [wantsMark] = marks.take(1)
            return wantsMark === 0 ? [piece] : [piece, { mark: oldestToCome - 1 }]
          })
        })
        const manifest = writeLog(
          folder,
          shards.map((pieces) => segmentOf(pieces).text),
        )
        const cut = Math.min(...shards.map(lastMark))
        const expected = shards
          .flatMap(numbersOf)
          .filter((number) => number <= cut)
          .sort((a, b) => a - b)
        await check(manifest, cut, expected, JSON.stringify(shards))
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })
})
