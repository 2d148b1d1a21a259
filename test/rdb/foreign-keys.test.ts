/**
 * Keys of other shards are passed over, and no others: in files of every form that a key can stand in.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { keySlot, shardOfSlot } from '../../src/base/crc16.js'
import { behindForeignKeys } from '../../src/rdb/foreign-keys.js'
import { RdbWriter } from '../../src/store/rdb/rdb-writer.js'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

interface Key {
  readonly name: Uint8Array
  readonly bytes: Uint8Array
  /** Whether it stands in a form that is not passed over. */
  readonly isOdd: boolean
}

const names = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 24 }).map((bytes) => Uint8Array.from(bytes, (byte) => 0x61 + (byte % 26))),
  fc.nat(9).map((n) => Buffer.from(`a{tag${n}}b`)),
  fc.nat(300).map((n) => Buffer.from('n'.repeat(60 + n))),
  fc.nat().map((n) => Buffer.from(String(n))),
)
const values = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(200).map((n) => Buffer.from('compressed '.repeat(n + 1))),
  fc.constantFrom('0', '-129', '40000', '-2000000000', '5000000000').map((text) => Buffer.from(text)),
  fc.constant(Buffer.alloc(20_000, 1)),
  fc.constant(Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * i * 31) & 0xff))),
)
const keys: fc.Arbitrary<Key> = fc
  .record({
    name: names,
    value: values,
    kind: fc.constantFrom('plain', 'expiry', 'idle', 'set'),
    type: fc.constantFrom(0, 11, 16, 17, 20),
  })
  .map(({ name, value, kind, type }) => {
    const writer = new RdbWriter()
    if (kind === 'expiry') {
      writer.byte(0xfc)
      writer.int64(1_800_000_000_000)
    } else if (kind === 'idle') {
      writer.byte(0xf8)
      writer.length(7)
    }
    writer.byte(kind === 'set' ? 2 : type)
    const before = writer.take()
    const title = new RdbWriter()
    title.string(name, 0, name.length)
    const titleBytes = title.take()
    const rest = new RdbWriter()
    if (kind === 'set') rest.length(1)
    rest.string(value, 0, value.length)
    const bytes = Buffer.concat([before, titleBytes, rest.take()])
    return { name, bytes, isOdd: kind === 'idle' || kind === 'set' || (titleBytes[0] as number) >= 0x80 }
  })

it(`keys of other shards are passed over up to the first that is not, seed ${seed}`, () => {
  fc.assert(
    fc.property(
      fc.array(keys, { maxLength: 12 }),
      fc.integer({ min: 2, max: 5 }),
      fc.nat(),
      fc.nat(),
      (all, shardCount, which, cut) => {
        const shard = which % shardCount
        // What stands behind the last key, so that its end may be looked at.
        const whole = Buffer.concat([Buffer.alloc(3, 0xaa), ...all.map(({ bytes }) => bytes), Buffer.alloc(9, 0xff)])
        const end = cut % 3 === 0 ? 3 + (cut % (whole.length - 2)) : whole.length
        const found = behindForeignKeys(whole, 3, end, shard, shardCount)
        const at = found < 0 ? ~found : found
        let behind = 3
        let i = 0
        for (; behind < at; i++) {
          const key = all[i] as Key
          expect(shardOfSlot(keySlot(key.name, 0, key.name.length), shardCount)).not.toBe(shard)
          behind += key.bytes.length
        }
        expect(at).toBe(behind)
        expect(at).toBeLessThanOrEqual(end)
        const next = all[i]
        if (next === undefined) {
          expect(found).toBeGreaterThanOrEqual(0)
          return
        }
        const isOwn = shardOfSlot(keySlot(next.name, 0, next.name.length), shardCount) === shard
        if (found < 0) expect(isOwn).toBe(true)
        // Where all of it lies in the range, only a key of its own or of another form ends the loop.
        if (behind + next.bytes.length + 20 <= end && !next.isOdd) expect(isOwn && found < 0).toBe(true)
      },
    ),
    { seed, numRuns: 2000 },
  )
})
