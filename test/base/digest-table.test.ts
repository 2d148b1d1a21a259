/** Digests are found by their digits in any case, and nothing else is. */
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { DigestTable } from '../../src/base/digest-table.js'

function digestOf(i: number): Buffer {
  return Buffer.from(createHash('sha1').update(String(i)).digest('hex'), 'latin1')
}

it('finds what was added, in any case, until it is cleared', () => {
  const table = new DigestTable()
  for (let i = 0; i < 1000; i++) expect(table.add(digestOf(i))).toBe(i)
  expect(table.size).toBe(1000)
  for (let i = 0; i < 1000; i++) {
    const padded = Buffer.concat([Buffer.from('xx'), digestOf(i), Buffer.from('yy')])
    expect(table.find(padded, 2, 40)).toBe(i)
    expect(table.find(Buffer.from(digestOf(i).toString('latin1').toUpperCase()), 0, 40)).toBe(i)
  }
  for (let i = 1000; i < 2000; i++) expect(table.find(digestOf(i), 0, 40)).toBe(-1)
  expect(table.find(digestOf(1), 0, 39)).toBe(-1)
  expect(table.find(Buffer.alloc(40, 0xff), 0, 40)).toBe(-1)
  table.clear()
  expect(table.find(digestOf(1), 0, 40)).toBe(-1)
})
