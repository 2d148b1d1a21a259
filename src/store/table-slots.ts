/**
 * The shape of a table: how long its chains are, for DEBUG HTSTATS.
 *
 * Owned by the thread that owns the table. Looks at every bucket.
 */
import type { Table } from './table.js'

export interface TableSlots {
  readonly buckets: number
  readonly overflowBuckets: number
  readonly keys: number
  readonly bytes: number
  /** How many chains have 0, 1, 2... records. */
  readonly chainLengths: readonly number[]
}

export function slotsOf(table: Table): TableSlots {
  const chainLengths: number[] = []
  for (let bucket = 0; bucket < table.buckets; bucket++) {
    const count = table.openChain(bucket)
    while (chainLengths.length <= count) chainLengths.push(0)
    chainLengths[count]!++
  }
  const { buckets, overflowBuckets, size, bytes } = table
  return { buckets, overflowBuckets, keys: size, bytes, chainLengths }
}
