/**
 * Members as a reply: visitors that write each member as a bulk string, straight from where it lies.
 *
 * Runs in a shard worker. One object for the thread: whoever uses it does so to the end within one call.
 */
import type { ReplyWriter } from '../../resp/reply-writer.js'
import type { MemberVisitor } from '../../store/set/open-set.js'
import { scanOptions } from '../scan-options.js'
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

  /** The visitor that writes those members to the call's reply which the pattern of its scan matches. */
  of(call: ShardCall): this {
    this.call = call
    this.count = 0
    return this
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    const call = this.call!
    if (scanOptions.matches(call, bytes, offset, length)) {
      this.count++
      call.reply.bulk(bytes, offset, length)
    }
    return true
  }
}

export const membersReply = new MembersReply()
export const matchingMembersReply = new MatchingMembersReply()
