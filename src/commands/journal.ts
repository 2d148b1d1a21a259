/**
 * Commands that the main thread sends to shards for the append-only log. Clients cannot call them.
 */
import { internal } from './internal.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

/**
 * `shard.journal descriptor always times`: from here on records go to this file, the descriptor of which is open for
 * appending; -1 for none. `always` and `times` are 0 or 1.
 */
function open(call: ShardCall): void {
  call.self.journal.open({
    descriptor: call.integer(1),
    syncsAlways: call.integer(2) !== 0,
    hasTimes: call.integer(3) !== 0,
  })
  call.reply.ok()
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

/** `shard.record argument ...`: the log gets a command that the main thread has executed. */
function record(call: ShardCall): void {
  const { effects } = call
  if (effects.isRecording) {
    effects.begin(call.text(1), call.argc - 1)
    for (let i = 2; i < call.argc; i++) call.effectArgument(i)
  }
  call.reply.ok()
}

export const shardJournal = internal('journal', 4, [], open)
export const shardJournalSettings = internal('journal-settings', 3, [], change)
export const shardMark = internal('mark', 1, [], mark)
export const shardRecord = internal('record', -2, [], record)

export const journalCommands: readonly CommandSpec[] = [shardJournal, shardJournalSettings, shardMark, shardRecord]
