/** The manifest of the append-only log: Redis's own, ours, and what Redis refuses, with its words. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  fileHead,
  formatManifest,
  type Manifest,
  ManifestError,
  manifestName,
  parseManifest,
  readManifest,
  writeManifest,
} from '../../src/aof/manifest.js'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-manifest-'))
afterAll(() => rmSync(folder, { recursive: true }))

const parse = (text: string): Manifest => parseManifest(Buffer.from(text, 'latin1'))

const OURS: Manifest = {
  shards: 2,
  complete: 1234,
  files: [
    { name: 'appendonly.aof.5.base.rdb', seq: 5, type: 'b', gsn: 1000 },
    { name: 'appendonly.aof.6.s0.incr.aof', seq: 6, type: 'i', shard: 0, gsn: 1000 },
    { name: 'a name with "quotes", ä and \n.aof', seq: 7, type: 'i', shard: 1, gsn: 1000 },
  ],
  history: [{ name: 'appendonly.aof.4.base.rdb', seq: 4, type: 'b', gsn: 10, untilMs: 1_790_000_000_000 }],
}

describe('manifest', () => {
  it('is read as it was written', () => {
    expect(parse(formatManifest(OURS))).toEqual(OURS)
  })

  it('of ours is one that Redis can read: what is new stands in comments or behind the words that it knows', () => {
    for (const line of formatManifest(OURS).trimEnd().split('\n')) {
      expect(line).toMatch(/^(#|file \S.* seq \d+ type [bi] )/)
    }
  })

  it('takes words of later versions, in any order, in quotes', () => {
    expect(parse('seq 3 type i color red file "x y.aof"\n').files).toEqual([{ name: 'x y.aof', seq: 3, type: 'i' }])
  })

  it.each([
    ['', 'Found an empty AOF manifest', 0],
    ['file a seq 1 type i', 'The AOF manifest file contains too long line', 0],
    [`file ${'a'.repeat(1024)} seq 1 type i\n`, 'The AOF manifest file contains too long line', 0],
    ['file a seq 1 type i\n\n', 'Invalid AOF manifest file format', 2],
    ['file a seq 1\n', 'Invalid AOF manifest file format', 1],
    ['file a seq 1 type i x\n', 'Invalid AOF manifest file format', 1],
    ['file a seq x type i\n', 'Invalid AOF manifest file format', 1],
    ['file "a seq 1 type i\n', 'Invalid AOF manifest file format', 1],
    ['file a/b seq 1 type i\n', "File can't be a path, just a filename", 1],
    ['file a seq 1 type x\n', 'Unknown AOF file type', 1],
    ['file a seq 1 type b\nfile b seq 2 type b\n', 'Found duplicate base file information', 2],
    ['file a seq 2 type i\nfile b seq 2 type i\n', 'Found a non-monotonic sequence number', 2],
  ])('refuses %j as Redis does', (text, reason, line) => {
    try {
      parse(text)
      expect.fail('it was read')
    } catch (error) {
      expect(error).toBeInstanceOf(ManifestError)
      expect(error).toMatchObject({ reason, line })
    }
  })

  it('is replaced as a whole, and is null where there is none', async () => {
    expect(await readManifest(folder, 'none.aof')).toBeNull()
    await writeManifest(folder, 'some.aof', { shards: 1, files: [], history: [] })
    await writeManifest(folder, 'some.aof', OURS)
    expect(await readManifest(folder, 'some.aof')).toEqual(OURS)
    expect(readdirSync(folder)).toEqual([manifestName('some.aof')])
  })

  it('of one shard has nothing but the lines of Redis: the files say the rest', async () => {
    const files: Manifest['files'] = [
      { name: 'one.aof.1.base.rdb', seq: 1, type: 'b', gsn: 70 },
      { name: 'one.aof.1.incr.aof', seq: 1, type: 'i', shard: 0, gsn: 70 },
      { name: 'one.aof.2.incr.aof', seq: 2, type: 'i', shard: 0, gsn: 4_000_000_000 },
      { name: 'one.aof.3.incr.aof', seq: 3, type: 'i', shard: 0, gsn: 4_000_000_000 },
    ]
    await writeManifest(folder, 'one.aof', { shards: 1, files, history: [] })
    expect(readFileSync(path.join(folder, 'one.aof.manifest'), 'latin1')).toBe(
      'file one.aof.1.base.rdb seq 1 type b\nfile one.aof.1.incr.aof seq 1 type i\n' +
        'file one.aof.2.incr.aof seq 2 type i\nfile one.aof.3.incr.aof seq 3 type i\n',
    )
    writeFileSync(path.join(folder, 'one.aof.1.incr.aof'), `${fileHead(70)}#M:71\r\n`)
    writeFileSync(path.join(folder, 'one.aof.2.incr.aof'), fileHead(4_000_000_000))
    // A file that another server has made, and one that is not there, go on with what was before.
    expect(await readManifest(folder, 'one.aof')).toEqual({ shards: 1, files, history: [] })
    writeFileSync(path.join(folder, 'one.aof.3.incr.aof'), '*1\r\n$4\r\nPING\r\n')
    expect(await readManifest(folder, 'one.aof')).toEqual({ shards: 1, files, history: [] })
    // Redis's file first: then all are Redis's.
    writeFileSync(path.join(folder, 'one.aof.1.incr.aof'), '*1\r\n$4\r\nPING\r\n')
    expect(await readManifest(folder, 'one.aof')).toMatchObject({ shards: 0 })
    // What must not be lost is said, even so.
    const complete: Manifest = { shards: 1, files, history: [], complete: 75 }
    expect(parse(formatManifest(complete))).toEqual(complete)
  })

  it.skipIf(!hasRedis7)('reads what Redis 7 has written, and writes the same', async () => {
    const redis = await startRedisOracle('--appendonly', 'yes', '--appendfilename', 'my file.aof')
    try {
      await redis.client.set('a', '1')
      const [, dir] = (await redis.client.config('GET', 'dir')) as [string, string]
      const inside = path.join(dir, 'appendonlydir')
      const manifest = await readManifest(inside, 'my file.aof')
      expect(manifest).toEqual({
        shards: 0,
        files: [
          { name: 'my file.aof.1.base.rdb', seq: 1, type: 'b' },
          { name: 'my file.aof.1.incr.aof', seq: 1, type: 'i' },
        ],
        history: [],
      })
      expect(formatManifest(manifest as Manifest)).toBe(
        readFileSync(path.join(inside, 'my file.aof.manifest'), 'latin1'),
      )
    } finally {
      await redis.stop()
    }
  })
})
