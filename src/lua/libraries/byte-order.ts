/** The bytes of numbers, in either order. Runs wherever scripts run. */

/** The four bytes of a word in the other order. */
export function swapBytes(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24)
}

const number = new DataView(new ArrayBuffer(8))

/** The IEEE 754 bytes of a float (4) or a double (8). */
export function writeFloat(bytes: Uint8Array, at: number, size: 4 | 8, value: number, isLittle: boolean): void {
  if (size === 4) number.setFloat32(0, value, isLittle)
  else number.setFloat64(0, value, isLittle)
  for (let i = 0; i < size; i++) bytes[at + i] = number.getUint8(i)
}

export function readFloat(bytes: Uint8Array, at: number, size: 4 | 8, isLittle: boolean): number {
  for (let i = 0; i < size; i++) number.setUint8(i, bytes[at + i] as number)
  return size === 4 ? number.getFloat32(0, isLittle) : number.getFloat64(0, isLittle)
}

/** `size` bytes as an unsigned integer, exact up to six of them. */
export function readUnsigned(bytes: Uint8Array, at: number, size: number, isLittle: boolean): number {
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[isLittle ? at + size - 1 - i : at + i] as number)
  return value
}
