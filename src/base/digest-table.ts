/**
 * What is known by SHA1 digests: a number for each digest, found by the 40 hexadecimal digits as they come in a command.
 *
 * Main thread and shard workers, each with its own. Looking one up makes no string and no object.
 *
 * Invariant: digests are kept in lower case; they are looked up in any case, as Redis does.
 */

export const DIGEST_DIGITS = 40

const SLOTS_INITIAL = 64

export class DigestTable {
  /** 1 + the place of the digest in `#digits`, 0 for a free slot. */
  #slots = new Int32Array(SLOTS_INITIAL)
  #digits = new Uint8Array((SLOTS_INITIAL / 2) * DIGEST_DIGITS)
  #count = 0
  /** The number that was found last: who calls a script mostly calls it again. */
  #last = 0

  get size(): number {
    return this.#count
  }

  /** The number of a digest, or -1. Numbers count up from 0 in the order in which digests were added. */
  find(bytes: Uint8Array, offset: number, length: number): number {
    if (length !== DIGEST_DIGITS) return -1
    if (this.#last < this.#count && this.#isAt(this.#last, bytes, offset)) return this.#last
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hashOf(bytes, offset) & mask; ; slot = (slot + 1) & mask) {
      const found = (slots[slot] as number) - 1
      if (found < 0) return -1
      if (this.#isAt(found, bytes, offset)) {
        this.#last = found
        return found
      }
    }
  }

  /** Adds a digest of 40 lower-case digits that is not there yet, and returns its number. */
  add(digest: Uint8Array): number {
    const place = this.#count++
    if (this.#count * 2 > this.#slots.length) this.#grow()
    this.#digits.set(digest, place * DIGEST_DIGITS)
    this.#insert(place)
    return place
  }

  clear(): void {
    this.#slots = new Int32Array(SLOTS_INITIAL)
    this.#digits = new Uint8Array((SLOTS_INITIAL / 2) * DIGEST_DIGITS)
    this.#count = 0
  }

  #isAt(place: number, bytes: Uint8Array, offset: number): boolean {
    const digits = this.#digits
    const from = place * DIGEST_DIGITS
    for (let i = 0; i < DIGEST_DIGITS; i++) {
      let c = bytes[offset + i] as number
      if (c >= 65 && c <= 90) c |= 0x20
      if (c !== digits[from + i]) return false
    }
    return true
  }

  #insert(place: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hashOf(this.#digits, place * DIGEST_DIGITS) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = place + 1
  }

  #grow(): void {
    const digits = new Uint8Array(this.#digits.length * 2)
    digits.set(this.#digits)
    this.#digits = digits
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let place = 0; place < this.#count - 1; place++) this.#insert(place)
  }
}

/** Of the first eight digits, which are as random as a hash can be. Bits that tell cases apart are left out. */
function hashOf(bytes: Uint8Array, offset: number): number {
  let hash = 0
  for (let i = 0; i < 8; i++) {
    const c = bytes[offset + i] as number
    hash = (hash << 4) | ((c & 15) + (c >>> 6) * 9)
  }
  return hash ^ (hash >>> 16)
}
