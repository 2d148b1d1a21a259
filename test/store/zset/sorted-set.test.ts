/** Sorted sets against a plain model, in both encodings, with the limits lowered so that sets change over on their way. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteSink, ByteSource } from '../../../src/base/byte-sink.js'
import { NO_REF } from '../../../src/store/arena-ref.js'
import type { Database } from '../../../src/store/database.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../../src/store/value-type.js'
import { LEAF_CAPACITY } from '../../../src/store/zset/score-node.js'
import { AddOption, AddResult, type SortedSet } from '../../../src/store/zset/sorted-set.js'
import { SortedSetResult } from '../../../src/store/zset/sorted-set-result.js'
import { makeKeyspace } from '../keyspaces.js'

const KEY = Buffer.from('key')

type Pair = [member: string, score: number]

/** The model: members with their scores, sorted when asked. */
class Model {
  readonly scores = new Map<string, number>()

  sorted(): Pair[] {
    return [...this.scores].sort((a, b) => a[1] - b[1] || Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])))
  }
}

function memberOf(set: SortedSet): string {
  return Buffer.from(set.memberBytes.subarray(set.memberOffset, set.memberOffset + set.memberLength)).toString()
}

function contents(set: SortedSet): Pair[] {
  const pairs: Pair[] = []
  if (set.count === 0) return pairs
  set.seek(0)
  do pairs.push([memberOf(set), set.score])
  while (set.next())
  return pairs
}

function reversed(set: SortedSet): Pair[] {
  const pairs: Pair[] = []
  if (set.count === 0) return pairs
  set.seek(set.count - 1)
  do pairs.push([memberOf(set), set.score])
  while (set.previous())
  return pairs
}

function openKey(db: Database): SortedSet {
  expect(db.peek(KEY, 0, KEY.length)).toBe(true)
  return db.keyspace.sortedSets.open(db)
}

function finish(work: Generator<undefined>): void {
  while (work.next().done !== true);
}

/** The bytes that the arena hands out for a database that once had a key. */
function usedAtRest(db: Database): number {
  db.create(KEY, 0, KEY.length, ValueType.zset, Encoding.raw, 0, NO_EXPIRY)
  db.remove()
  return db.keyspace.arena.usedBytes
}

const score = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, -(2 ** 62), 2 ** 63, 1e17, 1e300),
  fc.double({ noNaN: true }).map((n) => (n === 0 ? 0 : n)),
)
const member = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map((n) => `member:${n}`),
  fc.integer({ min: 0, max: 50 }).map(String),
  fc.constantFrom('', '-1', '9223372036854775807', 'x'.repeat(70), 'é', 'a', 'ab'),
)
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), member, score }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('increment' as const), member, score }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look' as const), member, score, equal: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), from: fc.nat(), count: fc.nat(12) }) },
)

describe.each([0, 8, 1000])('sorted sets with listpacks of up to %i elements', (entriesMax) => {
  it('do what a sorted map does', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
        const keyspace = makeKeyspace()
        keyspace.limits.zsetMaxListpackEntries = entriesMax
        const db = keyspace.database(0)
        const before = usedAtRest(db)
        const model = new Model()
        let set = keyspace.sortedSets.set
        set.create(db, KEY, 0, KEY.length, 1)
        for (const step of operations) {
          set = openKey(db)
          if (step.kind === 'cut') {
            const sorted = model.sorted()
            const from = sorted.length === 0 ? 0 : step.from % sorted.length
            const cut = sorted.slice(from, from + step.count)
            set.removeRanks(from, cut.length)
            for (const [name] of cut) model.scores.delete(name)
            continue
          }
          const name = Buffer.from(step.member)
          const known = model.scores.get(step.member)
          if (step.kind === 'add') {
            const result = set.add(name, 0, name.length, step.score, 0)
            const expected =
              known === undefined ? AddResult.added : known === step.score ? AddResult.unchanged : AddResult.updated
            expect(result).toBe(expected)
            if (known !== step.score) model.scores.set(step.member, step.score)
          } else if (step.kind === 'increment') {
            const sum = (known ?? 0) + step.score
            const result = set.add(name, 0, name.length, step.score, AddOption.increment)
            if (Number.isNaN(sum)) expect(result).toBe(AddResult.notANumber)
            else model.scores.set(step.member, sum)
          } else if (step.kind === 'remove') {
            expect(set.remove(name, 0, name.length)).toBe(model.scores.delete(step.member))
          } else {
            const sorted = model.sorted()
            expect(set.rankOf(name, 0, name.length)).toBe(sorted.findIndex(([other]) => other === step.member))
            const below = sorted.filter(([, s]) => s < step.score || (step.equal && s === step.score)).length
            expect(set.countBelowScore(step.score, step.equal)).toBe(below)
          }
        }
        set = openKey(db)
        const sorted = model.sorted()
        expect(contents(set)).toEqual(sorted.map(([name, s]) => [name, s + 0]))
        expect(reversed(set)).toEqual(sorted.reverse().map(([name, s]) => [name, s + 0]))
        expect(set.count).toBe(sorted.length)
        db.remove()
        expect(keyspace.arena.usedBytes).toBe(before)
      }),
      { numRuns: 120 },
    )
  })
})

describe('large sorted sets', () => {
  it('keep their order through thousands of insertions, changes and removals in any order', () => {
    const keyspace = makeKeyspace(7)
    const db = keyspace.database(0)
    const before = usedAtRest(db)
    const model = new Model()
    keyspace.sortedSets.set.create(db, KEY, 0, KEY.length, 1)
    for (const phase of [
      { steps: 40_000, removes: 0.2 },
      { steps: 60_000, removes: 0.75 },
      { steps: 10_000, removes: 0.1 },
    ]) {
      for (let step = 0; step < phase.steps; step++) {
        const text = `m${keyspace.prng.below(30_000)}`
        const name = Buffer.from(text)
        const set = openKey(db)
        if (keyspace.prng.nextFloat() < phase.removes) {
          expect(set.remove(name, 0, name.length)).toBe(model.scores.delete(text))
        } else {
          const value = keyspace.prng.below(2000)
          set.add(name, 0, name.length, value, 0)
          model.scores.set(text, value)
        }
      }
      const set = openKey(db)
      const sorted = model.sorted()
      expect(contents(set)).toEqual(sorted)
      for (let i = 0; i < 200; i++) {
        const rank = keyspace.prng.below(sorted.length)
        const [text, value] = sorted[rank] as Pair
        const name = Buffer.from(text)
        expect(set.rankOf(name, 0, name.length)).toBe(rank)
        set.seek(rank)
        expect([memberOf(set), set.score]).toEqual([text, value])
        expect(set.countBelowScore(value, false)).toBe(sorted.findIndex(([, s]) => s === value))
      }
    }
    db.remove()
    // So large a value is given back by and by.
    while (keyspace.condemned.step(1000, () => 0));
    expect(keyspace.arena.usedBytes).toBe(before)
  })

  it('fill their nodes when elements come in order', () => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const set = keyspace.sortedSets.set
    set.create(db, KEY, 0, KEY.length, 100)
    for (let i = 0; i < 10_000; i++) {
      const name = Buffer.from(`${i}`)
      openKey(db).add(name, 0, name.length, i, 0)
    }
    const leaves = Math.ceil(10_000 / LEAF_CAPACITY)
    expect(openKey(db).tree.nodeBytes).toBeLessThan(leaves * 512 * 1.1)
  })

  it('find places by member where all scores are equal', () => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const names = Array.from({ length: 5000 }, () => `n${keyspace.prng.below(100_000)}`)
    const sorted = [...new Set(names)].sort()
    keyspace.sortedSets.set.create(db, KEY, 0, KEY.length, 1)
    for (const text of names) openKey(db).add(Buffer.from(text), 0, text.length, 0, 0)
    for (const text of [...names.slice(0, 500), 'n', 'n5', 'zz', '']) {
      const below = sorted.filter((other) => other < text).length
      const equal = sorted.includes(text) ? 1 : 0
      expect(openKey(db).countBelowMember(Buffer.from(text), 0, text.length, false)).toBe(below)
      expect(openKey(db).countBelowMember(Buffer.from(text), 0, text.length, true)).toBe(below + equal)
    }
  })

  it('go to another arena and back to memory in portions', () => {
    const keyspace = makeKeyspace()
    const other = makeKeyspace(2)
    const db = keyspace.database(0)
    const target = other.database(0)
    const before = usedAtRest(target)
    const sorted: Pair[] = []
    keyspace.sortedSets.set.create(db, KEY, 0, KEY.length, 1)
    for (let i = 0; i < 3000; i++) {
      sorted.push([`m${i}`, i >> 2])
      openKey(db).add(Buffer.from(`m${i}`), 0, `m${i}`.length, i >> 2, 0)
    }
    const { sortedSets } = other
    sortedSets.createEmpty(target, KEY, 0, KEY.length, Encoding.skiplist, NO_EXPIRY)
    for (let position = 0; position >= 0; ) {
      const sink = new ByteSink()
      openKey(db)
      position = keyspace.sortedSets.writeSome(db, sink, position, 700)
      openKey(target)
      sortedSets.readSome(target, new ByteSource(sink.written()), Number.POSITIVE_INFINITY)
    }
    const model = new Map(sorted)
    expect(new Map(contents(openKey(target)))).toEqual(model)
    expect(contents(openKey(target))).toEqual(contents(openKey(db)))
    let portions = 1
    openKey(target)
    while (!sortedSets.freeSome(target, 300)) {
      openKey(target)
      portions++
    }
    expect(portions).toBeGreaterThan(5)
    target.removeWithoutValue()
    expect(other.arena.usedBytes).toBe(before)
  })

  it('are as they were when there is no memory for one more element', () => {
    const keyspace = makeKeyspace(1, 4)
    keyspace.limits.zsetMaxListpackEntries = 0
    const db = keyspace.database(0)
    keyspace.sortedSets.set.create(db, KEY, 0, KEY.length, 1)
    const model = new Model()
    let refused = 0
    while (refused < 50) {
      const text = `member:${keyspace.prng.below(1_000_000)}`
      const value = keyspace.prng.below(50)
      try {
        openKey(db).add(Buffer.from(text), 0, text.length, value, 0)
        model.scores.set(text, value)
      } catch {
        refused++
      }
    }
    expect(contents(openKey(db))).toEqual(model.sorted())
  })
})

describe('results', () => {
  it.each([5, 3000])('of %i elements become values in order, and leave nothing behind', (size) => {
    const keyspace = makeKeyspace(3)
    const db = keyspace.database(0)
    const before = usedAtRest(db)
    const model = new Model()
    const result = new SortedSetResult(keyspace)
    for (let i = 0; i < size; i++) {
      const text = `m${keyspace.prng.below(size * 2)}`
      const value = keyspace.prng.below(40) - 20
      const old = result.scoreOf(Buffer.from(text), 0, text.length)
      expect(old).toBe(model.scores.get(text) ?? Number.NaN)
      if (Number.isNaN(old)) result.add(Buffer.from(text), 0, text.length, value)
      else result.setScore(value)
      model.scores.set(text, value)
    }
    finish(result.arrange())
    expect(Array.from({ length: result.count }, (_, rank) => memberOf(result.stand(rank)))).toEqual(
      model.sorted().map(([name]) => name),
    )
    finish(result.build())
    result.storeAt(db, KEY, 0, KEY.length)
    result.release()
    const set = openKey(db)
    expect(set.isPacked).toBe(size < 100)
    expect(contents(set)).toEqual(model.sorted())
    expect(set.add(Buffer.from('one more'), 0, 8, 0.5, 0)).toBe(AddResult.added)
    db.remove()
    expect(keyspace.arena.usedBytes).toBe(before)
  })
})

it('a large result that is not stored goes in portions, and without memory for that at once', () => {
  for (const isFull of [false, true]) {
    const keyspace = makeKeyspace()
    keyspace.database(0)
    const made = (count: number): SortedSetResult => {
      const result = new SortedSetResult(keyspace)
      for (let i = 0; i < count; i++) {
        const name = Buffer.from(`member:${i}`)
        result.scoreOf(name, 0, name.length)
        result.add(name, 0, name.length, i)
      }
      return result
    }
    const { arena, condemned } = keyspace
    // The nursery's own table stays.
    made(5000).release()
    while (condemned.step(1, () => 0));
    const before = arena.usedBytes
    const result = made(5000)
    const filled = arena.usedBytes
    const { tryAllocate } = arena
    if (isFull) arena.tryAllocate = () => NO_REF
    result.release()
    arena.tryAllocate = tryAllocate
    expect(condemned.count).toBe(isFull ? 0 : 1)
    if (!isFull) expect(arena.usedBytes).toBeGreaterThanOrEqual(filled)
    while (condemned.step(1, () => 0));
    expect(arena.usedBytes).toBe(before)
    expect(keyspace.nursery.size).toBe(0)
    expect(keyspace.stats.dirty).toBe(0)
  }
})
