/**
 * Whether random members are random: chi-square tests with fixed seeds, on every encoding and on both ways of choosing
 * several members. A limit of 6 standard deviations above the mean is passed by chance less than once in 10^6 seeds.
 */
import { expect, test } from 'vitest'
import type { Keyspace } from '../../../src/store/keyspace.js'
import type { MemberVisitor, OpenSet } from '../../../src/store/set/open-set.js'
import { visitPicks, visitSample } from '../../../src/store/set/set-sampling.js'
import { NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace } from '../keyspaces.js'

const KEY = Buffer.from('k')

class Tally implements MemberVisitor {
  readonly counts = new Map<string, number>()
  total = 0

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    const text = Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
    this.counts.set(text, (this.counts.get(text) ?? 0) + 1)
    this.total++
    return true
  }

  /** How many standard deviations chi-square is above what is expected of `members` equally likely ones. */
  deviation(members: number): number {
    const expected = this.total / members
    let chiSquare = (members - this.counts.size) * expected
    for (const count of this.counts.values()) chiSquare += (count - expected) ** 2 / expected
    const degrees = members - 1
    return (chiSquare - degrees) / Math.sqrt(2 * degrees)
  }
}

function makeSet(keyspace: Keyspace, texts: readonly string[]): OpenSet {
  const db = keyspace.database(0)
  const { sets } = keyspace
  for (const [i, text] of texts.entries()) {
    const bytes = Buffer.from(text)
    if (i === 0) sets.create(db, KEY, 0, 1, NO_EXPIRY, bytes, 0, bytes.length, 1)
    else sets.open(db).add(bytes, 0, bytes.length)
  }
  return sets.open(db)
}

const kinds: readonly [string, number, (i: number) => string][] = [
  ['intset', 100, (i) => String(i * 1000)],
  ['listpack', 100, (i) => `m${i}`],
  ['small hashtable', 150, (i) => `m${i}`],
  ['hashtable', 1777, (i) => `member ${i}`],
]

test.each(kinds)('each member of a %s is as likely as any other', (_, size, textOf) => {
  const keyspace = makeKeyspace(20)
  const set = makeSet(
    keyspace,
    Array.from({ length: size }, (_unused, i) => textOf(i)),
  )
  const picks = new Tally()
  visitPicks(set, size * 60, picks)
  expect(picks.deviation(size)).toBeLessThan(6)
  // As many commands with one pick each: what the set knows of its table must last from one to the next.
  const single = new Tally()
  for (let i = 0; i < size * 60; i++) {
    const other = keyspace.sets.source(0).open(keyspace.database(0))
    visitPicks(other, 1, single)
  }
  expect(single.deviation(size)).toBeLessThan(6)
  for (const part of [0.02, 0.2, 0.4, 0.9]) {
    const count = Math.max(2, Math.floor(size * part))
    const sample = new Tally()
    while (sample.total < size * 60) {
      const once = new Tally()
      visitSample(set, count, keyspace.prng, once)
      expect(once.counts.size).toBe(count)
      for (const text of once.counts.keys()) sample.member(Buffer.from(text), 0, text.length)
    }
    // Members of one sample exclude each other, which only makes chi-square smaller.
    expect(sample.deviation(size)).toBeLessThan(6)
  }
})

test('popping leaves each member as likely to stay as any other', () => {
  const size = 160
  const left = new Tally()
  for (let round = 0; round < 400; round++) {
    const keyspace = makeKeyspace(1000 + round)
    const set = makeSet(
      keyspace,
      Array.from({ length: size }, (_, i) => `m${i}`),
    )
    for (let i = 0; i < size - 40; i++) {
      set.pick()
      set.removePicked()
    }
    set.visit(left)
  }
  expect(left.total).toBe(400 * 40)
  expect(left.deviation(size)).toBeLessThan(6)
})
