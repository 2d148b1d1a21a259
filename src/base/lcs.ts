/**
 * The longest common subsequence of two byte ranges, as the LCS command computes it.
 *
 * Runs on shard threads. The work is the product of the two lengths, whatever the bytes are, so that the caller has to
 * bound it with `lcsTableBytes` first. Invariant: of several longest subsequences the one that Redis finds is chosen, and
 * the matched ranges come in its order, from the end of both ranges to their beginning.
 *
 * Redis keeps the whole table of lengths (4 bytes a cell). Going back through it needs only to know whether the cell
 * above was greater than the cell to the left, so that one row of lengths and one bit a cell are enough here.
 */

/** A stretch of bytes that both ranges have; the ends are inclusive, as the LCS command replies them. */
export interface LcsMatch {
  readonly leftStart: number
  readonly leftEnd: number
  readonly rightStart: number
  readonly rightEnd: number
  readonly length: number
}

export interface Lcs {
  /** The common subsequence itself. */
  readonly bytes: Uint8Array
  readonly matches: readonly LcsMatch[]
}

/** The size of the table that Redis would allocate: it refuses when that exceeds `proto-max-bulk-len`. */
export function lcsTableBytes(leftLength: number, rightLength: number): number {
  return (leftLength + 1) * (rightLength + 1) * Uint32Array.BYTES_PER_ELEMENT
}

/** The length of the longest common subsequence, in memory proportional to the right range. */
export function lcsLength(
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
): number {
  const row = new Uint32Array(rightLength + 1)
  for (let i = 0; i < leftLength; i++) {
    const byte = left[leftOffset + i]!
    let diagonal = 0
    let toTheLeft = 0
    for (let j = 1; j <= rightLength; j++) {
      const above = row[j]!
      if (byte === right[rightOffset + j - 1]) toTheLeft = diagonal + 1
      else if (above > toTheLeft) toTheLeft = above
      row[j] = toTheLeft
      diagonal = above
    }
  }
  return row[rightLength]!
}

/** The longest common subsequence with the ranges that it consists of. */
export function longestCommonSubsequence(
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
): Lcs {
  const row = new Uint32Array(rightLength + 1)
  // Each row begins with a byte of its own, so that a cell is found without a multiplication of bits above 2^31.
  const rowBytes = (rightLength >>> 3) + 1
  const aboveIsGreater = new Uint8Array(leftLength * rowBytes)
  for (let i = 0; i < leftLength; i++) {
    const byte = left[leftOffset + i]!
    const rowStart = i * rowBytes
    let diagonal = 0
    let toTheLeft = 0
    for (let j = 0; j < rightLength; j++) {
      const above = row[j + 1]!
      if (byte === right[rightOffset + j]) {
        toTheLeft = diagonal + 1
      } else if (above > toTheLeft) {
        toTheLeft = above
        aboveIsGreater[rowStart + (j >>> 3)]! |= 1 << (j & 7)
      }
      row[j + 1] = toTheLeft
      diagonal = above
    }
  }

  const bytes = new Uint8Array(row[rightLength]!)
  const matches: LcsMatch[] = []
  let unwritten = bytes.length
  let i = leftLength
  let j = rightLength
  let matched = 0
  const endMatch = (): void => {
    if (matched === 0) return
    matches.push({
      leftStart: i,
      leftEnd: i + matched - 1,
      rightStart: j,
      rightEnd: j + matched - 1,
      length: matched,
    })
    matched = 0
  }
  while (i > 0 && j > 0) {
    const byte = left[leftOffset + i - 1]!
    if (byte === right[rightOffset + j - 1]) {
      bytes[--unwritten] = byte
      matched++
      i--
      j--
    } else {
      endMatch()
      const column = j - 1
      const goesUp = aboveIsGreater[(i - 1) * rowBytes + (column >>> 3)]! & (1 << (column & 7))
      if (goesUp) i--
      else j--
    }
  }
  endMatch()
  return { bytes, matches }
}
