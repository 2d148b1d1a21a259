/**
 * The text of DEBUG HTSTATS about one table: its size and how evenly its records are spread. For people; the shape is
 * Redis's, where a chain hangs on each slot; here a chain hangs on each bucket of twelve places.
 *
 * Runs in a shard worker.
 */
import type { TableSlots } from '../store/table-slots.js'

export function tableReport(
  title: string,
  { buckets, overflowBuckets, keys, bytes, chainLengths }: TableSlots,
): string {
  const lines = [`[${title}]`, 'Hash table 0 stats (main hash table):']
  if (keys === 0) {
    lines.push('No stats available for empty dictionaries')
  } else {
    const used = buckets - (chainLengths[0] ?? 0)
    lines.push(
      ` table size: ${buckets}`,
      ` number of elements: ${keys}`,
      ` different slots: ${used}`,
      ` max chain length: ${chainLengths.length - 1}`,
      ` avg chain length: ${(keys / used).toFixed(2)}`,
      ` overflow buckets: ${overflowBuckets}`,
      ` bytes: ${bytes}`,
      ' Chain length distribution:',
    )
    chainLengths.forEach((count, length) => {
      if (count > 0) lines.push(`   ${length}: ${count} (${((count / buckets) * 100).toFixed(2)}%)`)
    })
  }
  return `${lines.join('\n')}\n`
}
