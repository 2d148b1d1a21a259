/**
 * How far a group has come in the history of its stream, as far as that can be known.
 *
 * Owned by one shard's thread. "Entries read" of an ID is how many entries were ever added up to it. Entries that were
 * deleted between others make it unknown; entries that were trimmed at the front do not.
 *
 * Rules: those of Redis 7.0, https://redis.io/docs/latest/commands/xinfo-groups/#consumer-group-lag
 */
import { NOT_KNOWN, type StreamGroups } from './stream-groups.js'
import { StreamId } from './stream-id.js'
import type { StreamRoot } from './stream-root.js'

const maxDeletedId = new StreamId()
const firstId = new StreamId()
const lastDeliveredId = new StreamId()

/** Whether an entry may have been deleted from `start` on, so that what follows cannot be counted. */
export function mayHaveGaps(root: StreamRoot, start: StreamId): boolean {
  root.readMaxDeletedId(maxDeletedId)
  if (root.length === 0 || maxDeletedId.isMin) return false
  if (root.readFirstId(firstId).compare(maxDeletedId) > 0) return false
  return start.compare(maxDeletedId) <= 0
}

/** How many entries were ever added up to this ID, or `NOT_KNOWN`. */
export function entriesAddedUpTo(root: StreamRoot, id: StreamId): number {
  const { entriesAdded, length } = root
  if (entriesAdded === 0) return 0
  const order = root.compareToLastId(id)
  if (length === 0 && order <= 0) return entriesAdded
  if (order === 0) return entriesAdded
  if (order > 0) return NOT_KNOWN
  root.readFirstId(firstId)
  root.readMaxDeletedId(maxDeletedId)
  if (maxDeletedId.isMin || maxDeletedId.compare(firstId) < 0) {
    const fromFirst = id.compare(firstId)
    if (fromFirst < 0) return entriesAdded - length
    if (fromFirst === 0) return entriesAdded - length + 1
  }
  return NOT_KNOWN
}

/** How many entries the group in hand has still to get; NaN where that is not known, as it may well be negative. */
export function lagOf(root: StreamRoot, groups: StreamGroups): number {
  const { entriesAdded } = root
  if (entriesAdded === 0) return 0
  const { entriesRead } = groups
  groups.readLastId(lastDeliveredId)
  if (entriesRead !== NOT_KNOWN && !mayHaveGaps(root, lastDeliveredId)) return entriesAdded - entriesRead
  const estimated = entriesAddedUpTo(root, lastDeliveredId)
  return estimated === NOT_KNOWN ? Number.NaN : entriesAdded - estimated
}

/** The group in hand has got one more entry, with this ID, which is greater than what it got before. */
export function advance(root: StreamRoot, groups: StreamGroups, id: StreamId): void {
  if (groups.entriesRead !== NOT_KNOWN && !mayHaveGaps(root, id)) groups.entriesRead++
  else if (root.entriesAdded > 0) groups.entriesRead = entriesAddedUpTo(root, id)
  groups.setLastId(id)
}
