/**
 * Members as a reply: visitors that write each member as a bulk string, straight from where it lies.
 *
 * Runs in a shard worker. One object for the thread: whoever uses it does so to the end within one call.
 */
import { globMatches } from '../../base/glob.js'
import type { ReplyWriter } from '../../resp/reply-writer.js'
import type { MemberVisitor } from '../../store/set/open-set.js'
import type { ShardCall } from '../shard-call.js'

class MembersReply implements MemberVisitor {
  /** How many members were written since `to`. */
  count = 0
  private reply: ReplyWriter | null = null

  /** The visitor that writes to this reply. */
  to(reply: ReplyWriter): this {
    this.reply = reply
    this.count = 0
    return this
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    this.count++
    this.reply!.bulk(bytes, offset, length)
    return true
  }
}

class MatchingMembersReply implements MemberVisitor {
  count = 0
  private call: ShardCall | null = null
  private pattern = 0

  /** The visitor that writes those members to the call's reply which the glob pattern in its argument `pattern` matches. */
  of(call: ShardCall, pattern: number): this {
    this.call = call
    this.pattern = pattern
    this.count = 0
    return this
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    const call = this.call!
    const patternOffset = call.offsets[this.pattern] as number
    const patternLength = call.lengths[this.pattern] as number
    if (globMatches(call.bytes, patternOffset, patternLength, bytes, offset, length, false)) {
      this.count++
      call.reply.bulk(bytes, offset, length)
    }
    return true
  }
}

export const membersReply = new MembersReply()
export const matchingMembersReply = new MatchingMembersReply()
