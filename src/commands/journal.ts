/**
 * Commands that the main thread sends to shards for the append-only log. Clients cannot call them.
 */
import { internal } from './internal.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

const US_PER_MS = 1000

/**
 * `shard.journal descriptor always times`: from here on records go to this file, the descriptor of which is open for
 * appending; -1 for none. `always` and `times` are 0 or 1. Replies with 0 when the last file cannot be left.
 */
function open(call: ShardCall): void {
  const isOpen = call.self.journal.open({
    descriptor: call.integer(1),
    syncsAlways: call.integer(2) !== 0,
    hasTimes: call.integer(3) !== 0,
  })
  call.reply.integer(isOpen ? 1 : 0)
}

/** `shard.journal-settings always times`: the file stays. */
function change(call: ShardCall): void {
  call.self.journal.change(call.integer(1) !== 0, call.integer(2) !== 0)
  call.reply.ok()
}

/** `shard.mark`: the log says with this batch how far it is complete. Replied to when it does. */
function mark(call: ShardCall): void {
  call.self.journal.requestMark()
  call.reply.ok()
}

/**
 * `shard.record count argument ... [count argument ...]`: the log gets commands that the main thread has executed, as one
 * operation. Replied to when it has them.
 */
function record(call: ShardCall): void {
  const { effects } = call
  if (effects.isRecording) {
    for (let i = 1; i < call.argc; ) {
      const count = call.integer(i)
      effects.begin(call.text(i + 1), count)
      for (let j = 2; j <= count; j++) call.effectArgument(i + j)
      i += count + 1
    }
  }
  call.reply.ok()
}

/** `shard.empty`: no key is left, and nobody is told. */
function empty(call: ShardCall): void {
  call.keyspace.clear()
  call.reply.ok()
}

/** `shard.journal-delay us`: so long is waited before anything is written. */
function delay(call: ShardCall): void {
  call.self.journal.delayWrites(call.integer(1) / US_PER_MS)
  call.reply.ok()
}

export const shardJournal = internal('journal', 4, [], open)
export const shardJournalSettings = internal('journal-settings', 3, [], change)
export const shardMark = internal('mark', 1, [], mark)
export const shardRecord = internal('record', -3, [], record)

/** It is sent on behalf of a lock of all keys. */
export const shardEmpty: CommandSpec = { ...internal('empty', 1, [], empty), looksAtKeyspace: true }
export const shardJournalDelay = internal('journal-delay', 2, [], delay)

export const journalCommands: readonly CommandSpec[] = [
  shardJournal,
  shardJournalSettings,
  shardMark,
  shardRecord,
  shardEmpty,
  shardJournalDelay,
]
