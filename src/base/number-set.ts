/**
 * A set of 32-bit numbers other than zero, in an open-addressing table: for choosing things without choosing one twice.
 *
 * Used by one thread. Invariant: at most as many numbers are added as the capacity says, so that half of the table is free.
 */

const SLOTS_MIN = 16
/** 2^32 divided by the golden ratio: neighbouring numbers are spread over the table. */
const SPREAD = 0x9e3779b1

export class NumberSet {
  private readonly slots: Int32Array
  private readonly mask: number

  constructor(capacity: number) {
    let size = SLOTS_MIN
    while (size < capacity * 2) size *= 2
    this.slots = new Int32Array(size)
    this.mask = size - 1
  }

  /** @returns false when it was there */
  add(n: number): boolean {
    let slot = (Math.imul(n, SPREAD) >>> 7) & this.mask
    while (this.slots[slot] !== 0) {
      if (this.slots[slot] === n) return false
      slot = (slot + 1) & this.mask
    }
    this.slots[slot] = n
    return true
  }
}
