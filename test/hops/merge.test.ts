/** Partial replies of several shards become one. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MergePolicy } from '../../src/commands/spec.js'
import { mergeReplies } from '../../src/hops/merge.js'

function merged(policy: MergePolicy, parts: readonly string[], partOfKey: readonly number[] = []): string {
  const encoded = parts.map((part) => Buffer.from(part, 'latin1'))
  return Buffer.from(mergeReplies(policy, encoded, partOfKey)).toString('latin1')
}

describe('merging', () => {
  it('adds', () => {
    expect(merged('sum', [':0\r\n', ':12\r\n', ':30\r\n'])).toBe(':42\r\n')
  })

  it('passes on one success for all', () => {
    expect(merged('all_succeeded', ['+OK\r\n', '+OK\r\n'])).toBe('+OK\r\n')
  })

  it('joins arrays', () => {
    expect(merged('concat', ['*2\r\n$1\r\na\r\n$1\r\nb\r\n', '*0\r\n', '*1\r\n*1\r\n:1\r\n'])).toBe(
      '*3\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n:1\r\n',
    )
    expect(merged('concat', ['*0\r\n', '*0\r\n'])).toBe('*0\r\n')
  })

  it('answers with an error of any part, the first one of several', () => {
    for (const policy of ['sum', 'all_succeeded', 'concat', 'array_by_key'] as const) {
      expect(merged(policy, ['*1\r\n:1\r\n', '-ERR one\r\n', '-ERR two\r\n'], [0, 1, 2])).toBe('-ERR one\r\n')
    }
  })

  it('puts elements back to their keys, nulls of both protocols and nested ones among them', () => {
    const first = '*3\r\n$2\r\na1\r\n$-1\r\n$2\r\na3\r\n'
    const second = '*2\r\n_\r\n*2\r\n:1\r\n:2\r\n'
    expect(merged('array_by_key', [first, second], [0, 1, 0, 1, 0])).toBe(
      '*5\r\n$2\r\na1\r\n_\r\n$-1\r\n*2\r\n:1\r\n:2\r\n$2\r\na3\r\n',
    )
  })

  it('undoes any distribution of keys over shards', () => {
    const keysArbitrary = fc.array(
      fc.record({ shard: fc.nat(4), value: fc.option(fc.string({ unit: 'binary-ascii' })) }),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(keysArbitrary, (keys) => {
        const encode = (value: string | null): string =>
          value === null ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`
        const shards = [...new Set(keys.map(({ shard }) => shard))]
        const parts = shards.map((shard) => {
          const own = keys.filter((key) => key.shard === shard)
          return `*${own.length}\r\n${own.map(({ value }) => encode(value)).join('')}`
        })
        const partOfKey = keys.map(({ shard }) => shards.indexOf(shard))
        const whole = `*${keys.length}\r\n${keys.map(({ value }) => encode(value)).join('')}`
        expect(merged('array_by_key', parts, partOfKey)).toBe(whole)
      }),
    )
  })
})
