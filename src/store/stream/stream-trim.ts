/**
 * Trimming: which entries at the beginning of a stream go, for XADD and XTRIM; and what becomes of the references that
 * groups hold to entries that are deleted.
 *
 * Owned by one shard's thread. An approximate trim removes only whole nodes, which costs the same whatever they hold.
 *
 * Rules: https://redis.io/docs/latest/commands/xtrim/
 */
import { StreamId } from './stream-id.js'
import type { Streams } from './streams.js'

/** What a deletion does with the pending entries of groups. */
export const References = {
  /** They stay, and name an entry that is gone. */
  keep: 0,
  /** They go too. */
  remove: 1,
  /** An entry that a group has not got yet, or not acknowledged, is not deleted. */
  respect: 2,
} as const
export type References = (typeof References)[keyof typeof References]

export const TrimBy = { nothing: 0, length: 1, id: 2 } as const
export type TrimBy = (typeof TrimBy)[keyof typeof TrimBy]

/** What is to be trimmed; filled anew by every command. */
export class StreamTrim {
  by: TrimBy = TrimBy.nothing
  /** How many entries stay, when it is by length. */
  lengthMax = 0
  /** The least ID that stays, when it is by ID. */
  readonly idMin = new StreamId()
  isApproximate = false
  /** How many entries are removed at most, 0 for any number. */
  entriesMax = 0
  references: References = References.keep

  private readonly masterId = new StreamId()

  clear(): void {
    this.by = TrimBy.nothing
    this.isApproximate = false
    this.entriesMax = 0
    this.references = References.keep
  }

  /**
   * Trims the stream in hand.
   * @returns how many entries were removed
   * @throws ArenaFullError with some of them removed
   */
  apply(streams: Streams): number {
    if (this.by === TrimBy.nothing) return 0
    const { root } = streams
    const before = root.length
    try {
      this.trimNodes(streams)
    } finally {
      if (root.length !== before) streams.updateFirstId()
    }
    return before - root.length
  }

  private trimNodes(streams: Streams): void {
    const { root, entries } = streams
    const { nodes, node } = entries
    const before = root.length
    let more = nodes.first()
    while (more) {
      if (this.by === TrimBy.length && root.length <= this.lengthMax) return
      entries.openNode()
      const live = node.liveEntries
      if (this.entriesMax > 0 && before - root.length + live > this.entriesMax) return
      const isWhole = this.coversNode(streams, live)
      if (isWhole && (this.references !== References.respect || !isNeeded(streams))) {
        if (this.references === References.remove) forgetNode(streams)
        this.masterId.copy(node.masterId)
        entries.removeNode()
        root.length -= live
        more = nodes.seekCeiling(this.masterId)
        continue
      }
      if (!this.isApproximate) this.trimNode(streams)
      // Only entries that groups still need let a trim go on behind a node of which something stays.
      if (!isWhole) return
      more = nodes.next()
    }
  }

  /** Whether all entries of the node in hand are to go. */
  private coversNode(streams: Streams, live: number): boolean {
    if (this.by === TrimBy.length) return streams.root.length - live >= this.lengthMax
    const { node } = streams.entries
    node.openEntry(node.entryBefore(node.listpack.end))
    return node.entryId.compare(this.idMin) < 0
  }

  /** Deletes entries of the node in hand one by one, as far as the trim reaches. */
  private trimNode(streams: Streams): void {
    const { root, groups, entries } = streams
    const { node } = entries
    let at = node.firstEntryAt
    while (!node.listpack.isEnd(at)) {
      node.openEntry(at)
      if (this.by === TrimBy.length ? root.length <= this.lengthMax : node.entryId.compare(this.idMin) >= 0) return
      let next = node.nextEntryAt
      if (!node.isDeleted && (this.references !== References.respect || !groups.needsEntry(node.entryId))) {
        if (this.references === References.remove) groups.forgetEntry(node.entryId)
        if (node.liveEntries === 1) {
          entries.removeNode()
          root.length--
          return
        }
        const { totalBytes } = node.listpack
        node.deleteEntry(at)
        next += node.listpack.totalBytes - totalBytes
        root.length--
      }
      at = next
    }
  }
}

/** Whether a group still needs an entry of the node in hand. */
function isNeeded(streams: Streams): boolean {
  const { groups, entries } = streams
  const { node } = entries
  if (groups.groups.size === 0) return false
  for (let at = node.firstEntryAt; !node.listpack.isEnd(at); at = node.nextEntryAt) {
    node.openEntry(at)
    if (!node.isDeleted && groups.needsEntry(node.entryId)) return true
  }
  return false
}

/** Removes what groups hold of the entries of the node in hand. */
function forgetNode(streams: Streams): void {
  const { groups, entries } = streams
  const { node } = entries
  if (groups.groups.size === 0) return
  for (let at = node.firstEntryAt; !node.listpack.isEnd(at); at = node.nextEntryAt) {
    node.openEntry(at)
    if (!node.isDeleted) groups.forgetEntry(node.entryId)
  }
}
