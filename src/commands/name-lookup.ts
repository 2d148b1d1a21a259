/**
 * Finds numbers by names in bytes, without making a string: an open-addressing table over a cheap hash of the lower-cased
 * bytes.
 *
 * Both threads. Names are few and fixed, so nobody can flood the table. Invariant: names are in lower case.
 */
export class NameLookup {
  readonly #slots: Int16Array
  readonly #mask: number
  readonly #names: Uint8Array[]
  readonly #ids: Int16Array

  /** @param ids not negative, by name in lower case */
  constructor(ids: ReadonlyMap<string, number>) {
    let size = 16
    while (size < ids.size * 4) size *= 2
    this.#slots = new Int16Array(size).fill(-1)
    this.#mask = size - 1
    this.#names = Array.from(ids.keys(), (name) => Buffer.from(name, 'latin1'))
    this.#ids = Int16Array.from(ids.values())
    this.#names.forEach((name, index) => {
      let slot = hashName(name, 0, name.length) & this.#mask
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask
      this.#slots[slot] = index
    })
  }

  /** The number that belongs to a name in any case, or -1. */
  find(bytes: Uint8Array, offset: number, length: number): number {
    let slot = hashName(bytes, offset, length) & this.#mask
    for (;;) {
      const index = this.#slots[slot] as number
      if (index === -1) return -1
      if (isName(this.#names[index] as Uint8Array, bytes, offset, length)) return this.#ids[index] as number
      slot = (slot + 1) & this.#mask
    }
  }
}

function hashName(bytes: Uint8Array, offset: number, length: number): number {
  let hash = length
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + ((bytes[offset + i] as number) | 0x20)) | 0
  return hash ^ (hash >>> 9)
}

function isName(name: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (name.length !== length) return false
  for (let i = 0; i < length; i++) {
    let c = bytes[offset + i] as number
    if (c >= 65 && c <= 90) c |= 0x20
    if (c !== name[i]) return false
  }
  return true
}
