/**
 * Hashes against a plain model: fields, values, times to live, both encodings and the ways between them, copies and
 * moves, active expiry. Limits are low, so that hashes grow out of their listpacks all the time.
 */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { ArenaFullError } from '../../../src/store/arena.js'
import { NO_REF } from '../../../src/store/arena-ref.js'
import type { Database } from '../../../src/store/database.js'
import type { Keyspace } from '../../../src/store/keyspace.js'
import { copyRecord, moveRecord } from '../../../src/store/move-record.js'
import { Encoding, NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace, peekText, START_MS, setText } from '../keyspaces.js'

interface ModelField {
  value: string
  timeMs: number
}
type ModelHash = Map<string, ModelField>

const KEYS = ['k', 'other', 'third']
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const noClock = (): number => 0

const key = fc.constantFrom(...KEYS)
const field = fc.oneof(
  fc.integer({ min: 0, max: 12 }).map(String),
  fc.constantFrom('', 'a', 'field', '9007199254740993', '-1', '007', 'a field with a name that is rather long'),
)
const value = fc.oneof(
  fc.string({ maxLength: 12, unit: 'binary-ascii' }),
  fc.integer().map(String),
  fc.constantFrom('', '0', '9223372036854775807', 'v'.repeat(21), 'w'.repeat(300)),
)
const timeMs = fc.integer({ min: 1, max: 200 })

type Step =
  | { do: 'set'; key: string; field: string; value: string; keepsTime: boolean }
  | { do: 'remove' | 'find' | 'persist'; key: string; field: string }
  | { do: 'expire'; key: string; field: string; inMs: number }
  | { do: 'wait'; ms: number }
  | { do: 'activeExpire' }
  | { do: 'copy' | 'move'; key: string; target: string }
  | { do: 'overwrite'; key: string }
  | { do: 'limits'; entries: number; bytes: number }
  | { do: 'expireKey'; key: string }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, field, value, keepsTime: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('remove', 'find', 'persist'), key, field }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('expire' as const), key, field, inMs: timeMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('activeExpire' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('copy', 'move'), key, target: key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overwrite' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expireKey' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limits' as const),
      entries: fc.constantFrom(0, 3, 6, 512),
      bytes: fc.constantFrom(5, 64),
    }),
  },
) as fc.Arbitrary<Step>

class Run {
  readonly keyspace: Keyspace = makeKeyspace()
  readonly db: Database = this.keyspace.database(0)
  readonly model = new Map<string, ModelHash>()

  /** Stands on a hash to change it, making it if it is missing. @returns whether it was made */
  openForWrite(name: string): boolean {
    const { hashes } = this.keyspace
    const bytes = bytesOf(name)
    if (this.db.findForWrite(bytes, 0, bytes.length)) {
      hashes.openForWrite(this.db)
      return false
    }
    hashes.create(this.db, bytes, 0, bytes.length)
    return true
  }

  isDue(at: ModelField): boolean {
    return at.timeMs !== NO_EXPIRY && this.keyspace.nowMs > at.timeMs
  }

  /** Takes what is past its time out of the model, for comparisons that must not depend on whether it has gone yet. */
  settleModel(): void {
    for (const [name, fields] of this.model) {
      for (const [at, known] of fields) if (this.isDue(known)) fields.delete(at)
      if (fields.size === 0) this.model.delete(name)
    }
  }

  apply(at: Step): void {
    const { keyspace, db, model } = this
    const { hashes } = keyspace
    switch (at.do) {
      case 'set': {
        const isNew = this.openForWrite(at.key)
        const f = bytesOf(at.field)
        const v = bytesOf(at.value)
        const fields = model.get(at.key) ?? new Map<string, ModelField>()
        const known = fields.get(at.field)
        const wasThere = known !== undefined && !this.isDue(known)
        const dirty = keyspace.stats.dirty
        expect(hashes.set(f, 0, f.length, v, 0, v.length, at.keepsTime)).toBe(!wasThere)
        hashes.settle(isNew)
        expect(keyspace.stats.dirty).toBe(dirty + (isNew ? 0 : 1))
        fields.set(at.field, { value: at.value, timeMs: at.keepsTime && wasThere ? known.timeMs : NO_EXPIRY })
        model.set(at.key, fields)
        return
      }
      case 'remove':
      case 'find':
      case 'persist':
      case 'expire':
        this.applyToField(at)
        return
      case 'wait':
        keyspace.nowMs += at.ms
        return
      case 'activeExpire':
        keyspace.activeExpire(1, noClock)
        this.settleModel()
        expect(db.size).toBe(model.size)
        return
      case 'copy':
      case 'move': {
        this.settleModel()
        keyspace.activeExpire(1, noClock)
        const fields = model.get(at.key)
        if (fields === undefined || at.key === at.target) return
        const encoding = this.encodingOf(at.key)
        if (at.do === 'copy') copyRecord(db, bytesOf(at.key), db, bytesOf(at.target))
        else moveRecord(db, bytesOf(at.key), db, bytesOf(at.target))
        model.set(at.target, new Map([...fields].map(([name, known]) => [name, { ...known }])))
        if (at.do === 'move') model.delete(at.key)
        expect(this.encodingOf(at.target)).toBe(encoding)
        return
      }
      case 'overwrite':
        // A string takes the place of the hash, and goes.
        setText(db, at.key, 'a string', NO_EXPIRY)
        db.remove()
        model.delete(at.key)
        return
      case 'expireKey':
        if (peekText(db, at.key)) db.setExpire(keyspace.nowMs + 1_000_000)
        return
      case 'limits':
        keyspace.limits.hashMaxListpackEntries = at.entries
        keyspace.limits.hashMaxListpackValue = at.bytes
        return
    }
  }

  applyToField(at: Extract<Step, { field: string; do: 'remove' | 'find' | 'persist' | 'expire' }>): void {
    const { keyspace, db, model } = this
    const { hashes } = keyspace
    const name = bytesOf(at.key)
    const f = bytesOf(at.field)
    const fields = model.get(at.key)
    const known = fields?.get(at.field)
    if (!db.find(name, 0, name.length)) {
      this.settleModel()
      expect(model.has(at.key)).toBe(false)
      return
    }
    if (at.do === 'find') {
      const isThere = known !== undefined && !this.isDue(known)
      expect(hashes.findField(db, f, 0, f.length)).toBe(isThere)
      if (known === undefined) return
      if (!isThere) fields?.delete(at.field)
      else {
        expect(
          Buffer.from(hashes.valueBytes).toString(
            'latin1',
            hashes.valueOffset,
            hashes.valueOffset + hashes.valueLength,
          ),
        ).toBe(known.value)
        expect(hashes.expireAtMs).toBe(known.timeMs)
      }
      return
    }
    hashes.openForWrite(db)
    const isThere = known !== undefined && !this.isDue(known)
    expect(hashes.find(f, 0, f.length)).toBe(isThere)
    if (!isThere) {
      hashes.settleUnchanged()
      fields?.delete(at.field)
    } else {
      if (at.do === 'remove') {
        hashes.removeFound()
        fields?.delete(at.field)
      } else {
        known.timeMs = at.do === 'expire' ? keyspace.nowMs + at.inMs : NO_EXPIRY
        hashes.setFoundExpiry(known.timeMs)
      }
      hashes.settle(false)
    }
    if (fields?.size === 0) model.delete(at.key)
  }

  encodingOf(name: string): number {
    expect(peekText(this.db, name)).toBe(true)
    return this.db.encoding
  }

  /** Compares everything, after what is past its time has gone. */
  check(): void {
    const { keyspace, db, model } = this
    const { hashes } = keyspace
    keyspace.activeExpire(1, noClock)
    this.settleModel()
    expect(db.size).toBe(model.size)
    let withTimes = 0
    for (const [name, fields] of model) {
      expect(peekText(db, name)).toBe(true)
      hashes.open(db)
      expect(hashes.length).toBe(fields.size)
      expect(hashes.liveLength).toBe(fields.size)
      const seen = new Map<string, ModelField>()
      const times: number[] = []
      hashes.rewind()
      while (hashes.nextLive()) {
        seen.set(textAt(hashes.fieldBytes, hashes.fieldOffset, hashes.fieldLength), {
          value: textAt(hashes.valueBytes, hashes.valueOffset, hashes.valueLength),
          timeMs: hashes.expireAtMs,
        })
        times.push(hashes.expireAtMs)
      }
      expect(seen).toEqual(fields)
      const hasTimes = times.some((ms) => ms !== NO_EXPIRY)
      if (hasTimes) withTimes++
      expect(db.hasFieldExpiry).toBe(hasTimes)
      if (db.encoding === Encoding.listpackEx) {
        // Those with a time come first, in its order.
        const sorted = times.map((ms) => (ms === NO_EXPIRY ? Number.POSITIVE_INFINITY : ms))
        expect(sorted).toEqual([...sorted].sort((a, b) => a - b))
      }
    }
    expect(db.fieldExpiresSize).toBe(withTimes)
  }
}

function textAt(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
}

describe('hashes', () => {
  it('are what a map of maps is, whatever happens to them, and give all memory back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const run = new Run()
        run.keyspace.limits.hashMaxListpackEntries = 6
        for (const at of steps) run.apply(at)
        run.check()
        for (const name of run.model.keys()) {
          expect(peekText(run.db, name)).toBe(true)
          run.db.remove()
        }
        expect(run.db.size).toBe(0)
        expect(run.db.fieldExpiresSize).toBe(0)
        expect(run.keyspace.arena.usedBytes).toBe(run.db.tableBytes)
      }),
      { numRuns: 400 },
    )
  })

  it('that are made in one go are those that are made field by field', () => {
    const { keyspace, db } = new Run()
    const { hashes } = keyspace
    const name = bytesOf('k')
    const pairs = ['a', '1', 'b', '-70000', 'c', 'x'.repeat(64), 'd', ''].map(bytesOf)
    expect(hashes.mayPut(4)).toBe(true)
    for (let i = 0; i < pairs.length; i += 2) {
      expect(hashes.put(pairs[i]!, 0, pairs[i]!.length, pairs[i + 1]!, 0, pairs[i + 1]!.length)).toBe(true)
    }
    hashes.createFromPut(db, name, 0, name.length)
    const atOnce = textAt(db.bytes, db.valueOffset, db.valueLength)
    db.remove()
    hashes.create(db, name, 0, name.length)
    for (let i = 0; i < pairs.length; i += 2) {
      hashes.set(pairs[i]!, 0, pairs[i]!.length, pairs[i + 1]!, 0, pairs[i + 1]!.length, false)
    }
    hashes.settle(true)
    expect(textAt(db.bytes, db.valueOffset, db.valueLength)).toBe(atOnce)
    expect(hashes.mayPut(513)).toBe(false)
    expect(hashes.mayPut(1)).toBe(true)
    expect(hashes.put(pairs[0]!, 0, 1, bytesOf('x'.repeat(65)), 0, 65)).toBe(false)
  })
})

/** A large hash in a table, its fields due at `timeOf`. */
function largeHash(keyspace: Keyspace, name: string, fields: number, timeOf: (i: number) => number): Database {
  const db = keyspace.database(0)
  const { hashes } = keyspace
  const bytes = bytesOf(name)
  hashes.createEmpty(db, bytes, 0, bytes.length, Encoding.hashtable, NO_EXPIRY)
  for (let i = 0; i < fields; i++) {
    const f = bytesOf(`field:${i}`)
    hashes.append(f, 0, f.length, f, 0, f.length, timeOf(i))
  }
  hashes.settle(true)
  return db
}

test('active expiry removes what is due of a large hash, in portions, and nothing else', () => {
  const keyspace = makeKeyspace()
  const db = largeHash(keyspace, 'large', 5000, (i) => (i % 5 === 0 ? NO_EXPIRY : START_MS + i))
  expect(db.fieldExpiresSize).toBe(1)
  const { hashes } = keyspace
  for (const passedMs of [1, 100, 2500, 2501, 4998]) {
    keyspace.nowMs = START_MS + passedMs
    let passes = 0
    let before = -1
    while (keyspace.stats.expiredFields !== before) {
      before = keyspace.stats.expiredFields
      keyspace.activeExpire(1, noClock)
      passes++
      expect(passes).toBeLessThan(100)
    }
    peekText(db, 'large')
    hashes.open(db)
    let due = 0
    for (let i = 0; i < passedMs; i++) if (i % 5 !== 0) due++
    expect(hashes.length).toBe(5000 - due)
    expect(hashes.liveLength).toBe(hashes.length)
  }
  keyspace.nowMs = START_MS + 5000
  keyspace.activeExpire(1, noClock)
  expect(db.fieldExpiresSize).toBe(0)
  peekText(db, 'large')
  hashes.open(db)
  expect(hashes.length).toBe(1000)
  expect(keyspace.stats.dirty).toBe(1)
})

test('a sweep that is interrupted by changes misses no field', () => {
  const keyspace = makeKeyspace(7)
  const db = largeHash(keyspace, 'large', 3000, (i) => START_MS + 10 + (i % 50))
  const { hashes, prng } = keyspace
  for (let nowMs = START_MS; nowMs < START_MS + 200; nowMs++) {
    keyspace.nowMs = nowMs
    if (!peekText(db, 'large')) break
    hashes.open(db)
    let live = 0
    hashes.rewind()
    while (hashes.nextLive()) live++
    // It knows a time before which it need not look for what is due.
    expect(hashes.liveLength).toBe(live)
    hashes.expireSome(db, 20)
    // In between the table grows and shrinks, and times come and go.
    for (let i = 0; i < 40; i++) {
      if (!peekText(db, 'large')) break
      hashes.openForWrite(db)
      const f = bytesOf(`field:${prng.below(6000)}`)
      if (nowMs > START_MS + 60) {
        hashes.remove(f, 0, f.length)
      } else {
        hashes.set(f, 0, f.length, f, 0, f.length, true)
        if (hashes.find(f, 0, f.length)) hashes.setFoundExpiry(nowMs + 1 + prng.below(60))
      }
      hashes.settle(false)
    }
  }
  keyspace.nowMs = START_MS + 1000
  for (let i = 0; i < 2000 && peekText(db, 'large'); i++) hashes.expireSome(db, 20)
  const left = peekText(db, 'large')
  if (left) {
    hashes.open(db)
    hashes.rewind()
    while (hashes.next()) expect(hashes.expireAtMs).toBe(NO_EXPIRY)
  }
  expect(keyspace.stats.expiredFields).toBeGreaterThan(1000)
})

test('a time that is given while a sweep is under way is not forgotten at its end', () => {
  for (let chosen = 0; chosen < 40; chosen++) {
    const keyspace = makeKeyspace(chosen)
    const db = largeHash(keyspace, 'large', 400, (i) => (i === 399 ? START_MS + 1 : START_MS + 1000))
    const { hashes } = keyspace
    keyspace.nowMs = START_MS + 2
    peekText(db, 'large')
    hashes.expireSome(db, 200)
    hashes.openForWrite(db)
    const f = bytesOf(`field:${chosen}`)
    expect(hashes.find(f, 0, f.length)).toBe(true)
    hashes.setFoundExpiry(START_MS + 10)
    hashes.settle(false)
    while (hashes.expireSome(db, 20));
    expect(hashes.length).toBe(399)
    keyspace.nowMs = START_MS + 11
    hashes.open(db)
    expect(hashes.liveLength).toBe(398)
  }
})

test('picks are uniform, over a listpack and over a table', () => {
  for (const fields of [7, 60]) {
    const keyspace = makeKeyspace(3)
    keyspace.limits.hashMaxListpackEntries = 10
    const db = keyspace.database(0)
    const { hashes } = keyspace
    hashes.create(db, bytesOf('k'), 0, 1)
    for (let i = 0; i < fields; i++) {
      const f = bytesOf(`f${i}`)
      hashes.set(f, 0, f.length, f, 0, f.length, false)
    }
    hashes.settle(true)
    peekText(db, 'k')
    hashes.open(db)
    expect(hashes.scansBySteps).toBe(fields > 10)
    const counts = new Map<string, number>()
    const picks = 500 * fields
    hashes.beginPicks()
    for (let i = 0; i < picks; i++) {
      hashes.pick()
      const text = textAt(hashes.fieldBytes, hashes.fieldOffset, hashes.fieldLength)
      counts.set(text, (counts.get(text) ?? 0) + 1)
    }
    let chiSquare = 0
    for (let i = 0; i < fields; i++) chiSquare += ((counts.get(`f${i}`) ?? 0) - 500) ** 2 / 500
    // Six standard deviations above the mean of the distribution.
    expect(chiSquare).toBeLessThan(fields + 6 * Math.sqrt(2 * fields))
  }
})

test('a hash that finds no memory stays as it was', () => {
  const keyspace = makeKeyspace(1, 2)
  const { hashes } = keyspace
  const db = largeHash(keyspace, 'k', 10, () => NO_EXPIRY)
  let added = 10
  expect(() => {
    for (;;) {
      peekText(db, 'k')
      hashes.openForWrite(db)
      const f = bytesOf(`field:${added}`)
      hashes.set(f, 0, f.length, bytesOf('v'.repeat(500)), 0, 500, false)
      hashes.settle(false)
      added++
    }
  }).toThrow('no memory')
  peekText(db, 'k')
  hashes.open(db)
  expect(hashes.length).toBe(added)
  for (let i = 0; i < added; i++) {
    const f = bytesOf(`field:${i}`)
    expect(hashes.find(f, 0, f.length)).toBe(true)
  }
})

test('a hash that finds no memory to grow out of its listpack stays as it was', () => {
  let failed = 0
  for (let freed = 0; freed < 200; freed += 8) {
    const keyspace = makeKeyspace(1, 1)
    const { hashes, arena, limits } = keyspace
    const db = keyspace.database(0)
    limits.hashMaxListpackEntries = 100
    hashes.create(db, bytesOf('k'), 0, 1)
    for (let i = 0; i < 100; i++) {
      const f = bytesOf(`field:${i}`)
      hashes.set(f, 0, f.length, f, 0, f.length, false)
    }
    hashes.settle(true)
    const blocks = []
    for (let ref = arena.tryAllocate(256); ref !== NO_REF; ref = arena.tryAllocate(256)) blocks.push(ref)
    for (const ref of blocks.splice(0, freed)) arena.free(ref)
    const before = arena.usedBytes
    const f = bytesOf('long')
    peekText(db, 'k')
    hashes.openForWrite(db)
    try {
      hashes.set(f, 0, f.length, bytesOf('v'.repeat(65)), 0, 65, false)
      continue
    } catch (error) {
      expect(error).toBeInstanceOf(ArenaFullError)
    }
    peekText(db, 'k')
    if (db.encoding === Encoding.listpack) {
      failed++
      expect(arena.usedBytes).toBe(before)
    }
    hashes.open(db)
    expect(hashes.length).toBe(100)
    expect(hashes.find(bytesOf('field:99'), 0, 8)).toBe(true)
  }
  expect(failed).toBeGreaterThan(5)
  expect(failed).toBeLessThan(25)
})
