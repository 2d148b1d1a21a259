/**
 * Registers of 6 bits in a row, the dense form of a HyperLogLog.
 *
 * Used by the thread that owns the arena. `start` is the place of the first register's byte. Registers are numbered from 0 to
 * 16383; the caller guarantees that they are there.
 */
import { REGISTERS } from './layout.js'

const MASK = 63

export function denseRegister(bytes: Uint8Array, start: number, index: number): number {
  const bit = index * 6
  const at = start + (bit >>> 3)
  const shift = bit & 7
  // A register that begins in the upper bits goes on in the next byte; the last one does not.
  const pair = shift > 2 ? bytes[at]! | (bytes[at + 1]! << 8) : bytes[at]!
  return (pair >>> shift) & MASK
}

export function setDenseRegister(bytes: Uint8Array, start: number, index: number, value: number): void {
  const bit = index * 6
  const at = start + (bit >>> 3)
  const shift = bit & 7
  bytes[at] = (bytes[at]! & ~(MASK << shift)) | (value << shift)
  if (shift > 2) bytes[at + 1] = (bytes[at + 1]! & ~(MASK >>> (8 - shift))) | (value >>> (8 - shift))
}

/** Raises a register to `value`. @returns false when it is that high already */
export function raiseDenseRegister(bytes: Uint8Array, start: number, index: number, value: number): boolean {
  if (denseRegister(bytes, start, index) >= value) return false
  setDenseRegister(bytes, start, index, value)
  return true
}

/** Writes all registers to `into`, one a byte, where they are higher than what is there: four from every three bytes. */
export function mergeDense(bytes: Uint8Array, start: number, into: Uint8Array): void {
  let at = start
  for (let i = 0; i < REGISTERS; i += 4) {
    const group = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    at += 3
    if (group === 0) continue
    const a = group & MASK
    const b = (group >>> 6) & MASK
    const c = (group >>> 12) & MASK
    const d = group >>> 18
    if (a > into[i]!) into[i] = a
    if (b > into[i + 1]!) into[i + 1] = b
    if (c > into[i + 2]!) into[i + 2] = c
    if (d > into[i + 3]!) into[i + 3] = d
  }
}
