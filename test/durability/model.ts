/**
 * The data set as a test expects it, and how it is compared with what a server has.
 *
 * Only used by tests. A key is named with its database, `3/name`. What cannot be known is said with the value: when exactly
 * a key expires that was given a time to live, and which members a random command took that was never answered.
 */

/** When a key expires, in ms; a time to live is counted from a moment that lies between sending and answer. */
export interface Expiry {
  readonly fromMs: number
  readonly toMs: number
}

export type ModelValue =
  | { readonly type: 'string'; text: string }
  | { readonly type: 'list'; items: string[] }
  | { readonly type: 'hash'; readonly fields: Map<string, string> }
  | {
      readonly type: 'set'
      readonly members: Set<string>
      /** How many of the members are gone by a command whose choice is not known. */
      taken: number
    }
  | { readonly type: 'zset'; readonly scores: Map<string, number> }
  | { readonly type: 'stream'; entries: { readonly id: string | null; readonly text: string }[] }

export interface Entry {
  readonly value: ModelValue
  expiry: Expiry | null
}

/** When the state was read, in ms. */
export interface ReadTime {
  readonly fromMs: number
  readonly toMs: number
}

/** A server's clock stands still while it works on what it has read. */
const CLOCK_SLACK_MS = 300

export class Model {
  readonly entries: Map<string, Entry>
  /** Keys that were looked at to be changed, since it was emptied last. */
  readonly touched = new Set<string>()

  constructor(entries: Iterable<readonly [string, Entry]> = []) {
    this.entries = new Map(entries)
  }

  /** A copy of the keys that a part of the test owns. */
  copy(isWanted: (key: string) => boolean): Model {
    return new Model(structuredClone([...this.entries].filter(([key]) => isWanted(key))))
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  delete(key: string): boolean {
    this.touched.add(key)
    return this.entries.delete(key)
  }

  put(key: string, value: ModelValue, expiry: Expiry | null = null): void {
    this.touched.add(key)
    this.entries.set(key, { value, expiry })
  }

  entry(key: string): Entry | undefined {
    this.touched.add(key)
    return this.entries.get(key)
  }

  text(key: string): string | undefined {
    const value = this.entry(key)?.value
    return value?.type === 'string' ? value.text : undefined
  }

  /** Changes a text, and leaves its expiry. */
  setText(key: string, text: string): void {
    const value = this.entry(key)?.value
    if (value?.type === 'string') value.text = text
    else this.put(key, { type: 'string', text })
  }

  list(key: string): string[] {
    const value = this.entry(key)?.value
    if (value?.type === 'list') return value.items
    const made: ModelValue = { type: 'list', items: [] }
    this.put(key, made)
    return made.items
  }

  hash(key: string): Map<string, string> {
    const value = this.entry(key)?.value
    if (value?.type === 'hash') return value.fields
    const made = { type: 'hash', fields: new Map<string, string>() } as const
    this.put(key, made)
    return made.fields
  }

  set(key: string): Extract<ModelValue, { type: 'set' }> {
    const value = this.entry(key)?.value
    if (value?.type === 'set') return value
    const made: Extract<ModelValue, { type: 'set' }> = { type: 'set', members: new Set(), taken: 0 }
    this.put(key, made)
    return made
  }

  sortedSet(key: string): Map<string, number> {
    const value = this.entry(key)?.value
    if (value?.type === 'zset') return value.scores
    const made = { type: 'zset', scores: new Map<string, number>() } as const
    this.put(key, made)
    return made.scores
  }

  stream(key: string): Extract<ModelValue, { type: 'stream' }> {
    const value = this.entry(key)?.value
    if (value?.type === 'stream') return value
    const made: Extract<ModelValue, { type: 'stream' }> = { type: 'stream', entries: [] }
    this.put(key, made)
    return made
  }

  /** Takes away what holds nothing any more. A stream stays. */
  dropEmpty(key: string): void {
    const value = this.entries.get(key)?.value
    if (value !== undefined && value.type !== 'string' && value.type !== 'stream' && sizeOf(value) === 0) {
      this.entries.delete(key)
    }
  }
}

export function sizeOf(value: ModelValue): number {
  switch (value.type) {
    case 'string':
      return value.text.length
    case 'list':
      return value.items.length
    case 'hash':
      return value.fields.size
    case 'set':
      return value.members.size - value.taken
    case 'zset':
      return value.scores.size
    case 'stream':
      return value.entries.length
  }
}

/** Whether a key that is expected so may be what the server has. */
export function agrees(expected: Entry | undefined, actual: Entry | undefined, read: ReadTime): boolean {
  if (expected === undefined) return actual === undefined
  const { expiry } = expected
  if (actual === undefined) return expiry !== null && expiry.fromMs - CLOCK_SLACK_MS <= read.toMs
  if ((expiry === null) !== (actual.expiry === null)) return false
  if (expiry !== null && actual.expiry !== null) {
    const isInTime = expiry.fromMs <= actual.expiry.fromMs && actual.expiry.toMs <= expiry.toMs
    if (!isInTime || expiry.toMs + CLOCK_SLACK_MS < read.fromMs) return false
  }
  return isSame(expected.value, actual.value)
}

function isSame(expected: ModelValue, actual: ModelValue): boolean {
  if (expected.type === 'set' && actual.type === 'set') {
    if (sizeOf(expected) !== sizeOf(actual)) return false
    return [...actual.members].every((member) => expected.members.has(member))
  }
  if (expected.type === 'stream' && actual.type === 'stream') {
    if (expected.entries.length !== actual.entries.length) return false
    return expected.entries.every(({ id, text }, at) => {
      const there = actual.entries[at]
      return there?.text === text && (id === null || id === there.id)
    })
  }
  return textOf(expected) === textOf(actual)
}

/** A value in one text: the same for values that are the same. */
function textOf(value: ModelValue): string {
  switch (value.type) {
    case 'string':
      return `string ${JSON.stringify(value.text)}`
    case 'list':
      return `list ${JSON.stringify(value.items)}`
    case 'hash':
      return `hash ${JSON.stringify([...value.fields].sort(byName))}`
    case 'set':
      return `set without ${value.taken} of ${JSON.stringify([...value.members].sort())}`
    case 'zset':
      return `zset ${JSON.stringify([...value.scores].sort(byName))}`
    case 'stream':
      return `stream ${JSON.stringify(value.entries.map(({ id, text }) => `${id}: ${text}`))}`
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** For a person who looks for what is wrong. */
export function describeEntry(entry: Entry | undefined): string {
  if (entry === undefined) return 'absent'
  const { value, expiry } = entry
  return textOf(value) + (expiry === null ? '' : `, expires from ${expiry.fromMs} to ${expiry.toMs}`)
}
