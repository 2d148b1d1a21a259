/** The list that SORT stores: it takes the place of what stands under its key in one step, or leaves that as it was. */
import { expect, test } from 'vitest'
import { ByteStrings } from '../../../src/commands/sort/byte-strings.js'
import { storeList } from '../../../src/commands/sort/sort-elements.js'
import { ArenaFullError } from '../../../src/store/arena.js'
import { NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace, peekText, setText, valueTextOf } from '../keyspaces.js'
import { elementsOf } from './list-model.js'

const KEY = Buffer.from('list')

function elements(count: number, text: string): ByteStrings {
  const strings = new ByteStrings()
  const bytes = Buffer.from(text)
  for (let i = 0; i < count; i++) strings.add(bytes, 0, bytes.length)
  return strings
}

test.each([1, 20, 3000])('%i elements take the place of a string, as one modification', (count) => {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  setText(db, 'list', 'before', keyspace.nowMs + 1000)
  const modified: string[] = []
  keyspace.onModified = (at) => {
    if (at !== keyspace.nursery) modified.push('list')
  }
  const { dirty } = keyspace.stats
  storeList(db, KEY, elements(count, 'element'))
  expect(keyspace.stats.dirty).toBe(dirty + 1)
  expect(modified).toEqual(['list'])
  expect(peekText(db, 'list')).toBe(true)
  expect(db.expireAtMs()).toBe(NO_EXPIRY)
  expect(elementsOf(db)).toEqual(new Array<string>(count).fill('element'))
  expect(keyspace.nursery.size).toBe(0)
  db.remove()
  expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes + keyspace.nursery.tableBytes)
})

test('without memory for it the key stays as it was, and nothing else is left', () => {
  const keyspace = makeKeyspace(1, 1)
  const db = keyspace.database(0)
  setText(db, 'list', 'before', NO_EXPIRY)
  const { dirty } = keyspace.stats
  expect(() => storeList(db, KEY, elements(100, 'x'.repeat(9000)))).toThrow(ArenaFullError)
  expect(keyspace.stats.dirty).toBe(dirty)
  expect(peekText(db, 'list')).toBe(true)
  expect(valueTextOf(db)).toBe('before')
  expect(keyspace.nursery.size).toBe(0)
  db.remove()
  expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes + keyspace.nursery.tableBytes)
})
