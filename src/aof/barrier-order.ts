/**
 * The order in which the parts of one operation are executed again on other shards than those that have logged them.
 *
 * Main thread, and tools. A command on the whole keyspace (FLUSHALL, SWAPDB) was executed by every shard at one place among its
 * own commands, and stands in the log of each that it has changed. Executed again it must be one command: behind everything that
 * was in front of it on any of these shards. A shard that does not have it had nothing that it could change, so what that shard
 * did comes behind.
 */

import { findRecordId, specs } from '../commands/table.js'
import type { Unit } from './ordered-units.js'
import { Element, RecordKind, SegmentReader } from './segment-reader.js'

/** Something to execute: records, the first in this database. */
export interface Portion {
  readonly bytes: Uint8Array
  readonly database: number
  readonly file: string
}

interface Piece extends Portion {
  readonly isBarrier: boolean
}

/** @param units those of one operation, each shard's in its order */
export function barrierOrder(units: readonly Unit[]): readonly Portion[] {
  if (units.length === 1) return units
  const shards = new Map<number, Piece[]>()
  let hasBarrier = false
  for (const unit of units) {
    const pieces = shards.get(unit.shard) ?? []
    shards.set(unit.shard, pieces)
    for (const piece of piecesOf(unit)) {
      pieces.push(piece)
      if (piece.isBarrier) hasBarrier = true
    }
  }
  if (!hasBarrier) return units
  const ordered: Portion[] = []
  const queues = [...shards.values()]
  for (;;) {
    const withBarrier = queues.filter((pieces) => pieces.some(({ isBarrier }) => isBarrier))
    if (withBarrier.length === 0) break
    let barrier: Portion | undefined
    for (const pieces of withBarrier) {
      const at = pieces.findIndex(({ isBarrier }) => isBarrier)
      ordered.push(...pieces.splice(0, at))
      barrier = pieces.shift()
    }
    ordered.push(barrier as Portion)
  }
  return ordered.concat(...queues)
}

/** The unit, cut at commands on the whole keyspace. */
function piecesOf({ bytes, database, file }: Unit): Piece[] {
  const pieces: Piece[] = []
  const reader = new SegmentReader()
  reader.openBytes(bytes, 0, bytes.length)
  reader.database = database
  let from = 0
  let databaseFrom = database
  const end = (to: number): void => {
    if (to > from) pieces.push({ bytes: bytes.subarray(from, to), database: databaseFrom, file, isBarrier: false })
  }
  while (reader.next() === Element.record) {
    if (reader.kind !== RecordKind.plain || !isOnKeyspace(reader)) continue
    end(reader.offset)
    pieces.push({
      bytes: bytes.subarray(reader.offset, reader.end),
      database: reader.database,
      file,
      isBarrier: true,
    })
    from = reader.end
    databaseFrom = reader.database
  }
  end(bytes.length)
  return pieces
}

function isOnKeyspace({ bytes, offsets, lengths, argc }: SegmentReader): boolean {
  const id = findRecordId(bytes, offsets, lengths, argc)
  return id >= 0 && specs[id]?.route?.on === 'shards'
}
