/**
 * Elements of a list as a reply, straight from the memory that they are kept in.
 *
 * Runs in a shard worker. The cursor of the lists is open on the list, which has that many elements.
 */
import type { ReplyWriter } from '../../resp/reply-writer.js'
import type { ListCursor } from '../../store/list/list-cursor.js'

/** An array of `count` elements, at least one, from the index on towards the tail or the head. */
export function replyElements(
  reply: ReplyWriter,
  cursor: ListCursor,
  index: number,
  count: number,
  towardsTail: boolean,
): void {
  reply.array(count)
  cursor.goTo(index)
  for (let i = 1; i < count; i++) {
    replyElement(reply, cursor)
    if (towardsTail) cursor.forward()
    else cursor.backward()
  }
  replyElement(reply, cursor)
}

/** The element that the cursor stands on, as a bulk string. */
export function replyElement(reply: ReplyWriter, cursor: ListCursor): void {
  cursor.readElement()
  const { listpack } = cursor
  reply.bulk(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
}
