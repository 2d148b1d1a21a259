/** What the tests of lists share: a list of a keyspace beside a plain array, with checks of everything that must hold. */
import { expect } from 'vitest'
import { NO_REF } from '../../../src/store/arena-ref.js'
import type { Database } from '../../../src/store/database.js'
import type { Keyspace } from '../../../src/store/keyspace.js'
import { Chain } from '../../../src/store/list/chain.js'
import type { ListCursor } from '../../../src/store/list/list-cursor.js'
import { BYTES, COMPRESSED, ENTRIES, FORM, PLAIN } from '../../../src/store/list/node.js'
import { checkListpack } from '../../../src/store/listpack-entry.js'
import { Encoding } from '../../../src/store/value-type.js'
import { peekText, textRange } from '../keyspaces.js'

export function elementText(cursor: ListCursor): string {
  cursor.readElement()
  const { valueBytes, valueOffset, valueLength } = cursor.listpack
  return Buffer.from(valueBytes.buffer, valueBytes.byteOffset + valueOffset, valueLength).toString('latin1')
}

/** All elements of the list in hand. */
export function elementsOf(db: Database): string[] {
  const { cursor } = db.keyspace.lists
  cursor.open(db)
  const texts: string[] = []
  if (cursor.length === 0) return texts
  cursor.goTo(0)
  do {
    if (texts.length > cursor.length) throw new Error('a list without an end')
    texts.push(elementText(cursor))
  } while (cursor.forward())
  return texts
}

/** The forms of the nodes of the list in hand, in their order; none for a list that is one record. */
export function nodeForms(db: Database): number[] {
  if (db.encoding === Encoding.listpack) return []
  const chain = new Chain(db.keyspace.arena)
  chain.open(db)
  const forms: number[] = []
  for (let node = chain.head; node !== NO_REF; node = chain.next(node)) forms.push(chain.field(node, FORM))
  return forms
}

/** How many elements the nodes of the list in hand have. */
export function nodeEntries(db: Database): number[] {
  const chain = new Chain(db.keyspace.arena)
  chain.open(db)
  const entries: number[] = []
  for (let node = chain.head; node !== NO_REF; node = chain.next(node)) entries.push(chain.field(node, ENTRIES))
  return entries
}

/** One key's list and the array that it must be equal to. */
export class ModelledList {
  model: string[] = []
  readonly db: Database

  constructor(
    readonly keyspace: Keyspace,
    readonly key = 'list',
  ) {
    this.db = keyspace.database(0)
  }

  private find(): boolean {
    return peekText(this.db, this.key)
  }

  push(atHead: boolean, text: string): void {
    const { lists } = this.keyspace
    const bytes = Buffer.from(text, 'latin1')
    if (this.find()) {
      lists.push(this.db, atHead, bytes, 0, bytes.length)
    } else {
      const key = textRange(this.key)
      lists.createWith(this.db, key.buffer, key.offset, key.length, bytes, 0, bytes.length)
    }
    if (atHead) this.model.unshift(text)
    else this.model.push(text)
  }

  pop(fromHead: boolean, count: number): void {
    if (!this.find()) return
    this.keyspace.lists.pop(this.db, fromHead, count)
    if (fromHead) this.model.splice(0, count)
    else this.model.splice(Math.max(0, this.model.length - count))
  }

  trim(index: number, count: number): void {
    if (!this.find()) return
    this.keyspace.lists.trim(this.db, index, count)
    this.model = this.model.slice(index, index + count)
  }

  insert(index: number, isBehind: boolean, text: string): void {
    if (!this.find()) return
    const { lists } = this.keyspace
    const bytes = Buffer.from(text, 'latin1')
    lists.cursor.open(this.db)
    lists.cursor.goTo(index)
    lists.insert(this.db, isBehind, bytes, 0, bytes.length)
    this.model.splice(isBehind ? index + 1 : index, 0, text)
  }

  set(index: number, text: string): void {
    if (!this.find()) return
    const { lists } = this.keyspace
    const bytes = Buffer.from(text, 'latin1')
    lists.cursor.open(this.db)
    lists.cursor.goTo(index)
    lists.set(this.db, bytes, 0, bytes.length)
    this.model[index] = text
  }

  removeEqual(text: string, countMax: number, fromHead: boolean): void {
    if (!this.find()) return
    const bytes = Buffer.from(text, 'latin1')
    const removed = this.keyspace.lists.removeEqual(this.db, bytes, 0, bytes.length, countMax, fromHead)
    let rest = countMax
    const kept = (element: string): boolean => element !== text || rest-- <= 0
    const before = this.model.length
    this.model = fromHead ? this.model.filter(kept) : this.model.reverse().filter(kept).reverse()
    expect(removed).toBe(before - this.model.length)
  }

  /** Everything that must hold of the list, from both ends and by index. */
  check(): void {
    const { db, model } = this
    const { lists } = this.keyspace
    expect(this.find()).toBe(model.length > 0)
    if (model.length === 0) return
    expect(lists.length(db)).toBe(model.length)
    expect(elementsOf(db)).toEqual(model)
    const { cursor } = lists
    cursor.open(db)
    cursor.goTo(model.length - 1)
    const reversed: string[] = []
    do {
      if (reversed.length > cursor.length) throw new Error('a list without an end')
      reversed.push(elementText(cursor))
    } while (cursor.backward())
    expect(reversed.reverse()).toEqual(model)
    for (let index = 0; index < model.length; index += 1 + (model.length >>> 4)) {
      cursor.goTo(index)
      expect(elementText(cursor)).toBe(model[index])
    }
    if (db.encoding === Encoding.listpack) {
      expect(checkListpack(db.bytes, db.valueOffset, db.valueLength)).toBe(model.length)
    } else {
      this.checkChain()
    }
  }

  private checkChain(): void {
    const chain = new Chain(this.keyspace.arena)
    const { db } = this
    const { cursor } = this.keyspace.lists
    const { listpack } = cursor
    chain.open(db)
    cursor.open(db)
    let nodes = 0
    let elements = 0
    let previous = NO_REF
    for (let node = chain.head; node !== NO_REF; node = chain.next(node)) {
      expect(chain.previous(node)).toBe(previous)
      const entries = chain.field(node, ENTRIES)
      cursor.enter(node)
      if ((chain.field(node, FORM) & PLAIN) !== 0) expect(entries).toBe(1)
      else expect(checkListpack(listpack.bytes, listpack.base, chain.field(node, BYTES))).toBe(entries)
      nodes++
      elements += entries
      previous = node
    }
    expect(chain.tail).toBe(previous)
    expect(chain.nodes).toBe(nodes)
    expect(chain.elements).toBe(elements)
    const depth = this.keyspace.limits.listCompressDepth
    const forms = nodeForms(db)
    for (let i = 0; i < Math.min(depth, forms.length); i++) {
      expect(forms[i]! & COMPRESSED).toBe(0)
      expect(forms[forms.length - 1 - i]! & COMPRESSED).toBe(0)
    }
  }
}
