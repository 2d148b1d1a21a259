/**
 * A file is loaded by several shards: each key is made by one of them, whatever its name and value stand in.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { keySlot, shardOfSlot } from '../../src/base/crc16.js'
import { fileHead } from '../../src/rdb/file-head.js'
import { SnapshotLoading } from '../../src/shard/snapshot-loading.js'
import type { Database } from '../../src/store/database.js'
import { Keyspace } from '../../src/store/keyspace.js'
import { RdbWriter } from '../../src/store/rdb/rdb-writer.js'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-loading-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const texts = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.nat().map(String),
  fc.nat(400).map((n) => `compressed${n} `.repeat(1 + (n % 40))),
)

function fileOf(strings: ReadonlyMap<string, string>): Uint8Array {
  const writer = new RdbWriter()
  for (const [name, value] of strings) {
    writer.byte(0)
    for (const text of [name, value]) writer.string(Buffer.from(text), 0, Buffer.byteLength(text))
  }
  writer.byte(0xff)
  const head = fileHead(10, [], [], [{ index: 0, keys: strings.size, expires: 0 }])
  return Buffer.concat([head, writer.take(), Buffer.alloc(8)])
}

function loaded(file: string, shard: number, shardCount: number): Map<string, string> {
  const keyspace = new Keyspace({ databases: 1, hashSeed: [1, 2], randomSeed: 3, arenaChunkBytes: 1 << 20 })
  const loading = new SnapshotLoading(keyspace, shard, shardCount)
  loading.open({ path: file, dueMs: 0, replaces: false })
  let report = loading.step(100)
  while (!report.isAtEnd && report.fault === undefined) report = loading.step(100)
  loading.close()
  expect(report.fault).toBeUndefined()
  const found = new Map<string, string>()
  const collect = (db: Database): boolean => {
    const text = (offset: number, length: number): string =>
      Buffer.from(db.bytes.buffer, db.bytes.byteOffset, db.bytes.length).toString('utf8', offset, offset + length)
    found.set(text(db.keyOffset, db.keyLength), text(db.valueOffset, db.valueLength))
    return true
  }
  keyspace.database(0).forEach(collect)
  return found
}

it(`each key is made by its shard, seed ${seed}`, () => {
  const file = path.join(folder, 'dump.rdb')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(texts, texts), { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      (pairs, shardCount) => {
        const strings = new Map(pairs)
        writeFileSync(file, fileOf(strings))
        for (let shard = 0; shard < shardCount; shard++) {
          const own = [...strings].filter(([name]) => {
            const bytes = Buffer.from(name)
            return shardOfSlot(keySlot(bytes, 0, bytes.length), shardCount) === shard
          })
          expect(loaded(file, shard, shardCount)).toEqual(new Map(own))
        }
      },
    ),
    { seed, numRuns: 100 },
  )
})
