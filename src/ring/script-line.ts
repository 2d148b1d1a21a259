/**
 * How a script asks the main thread: the request is a notice, the answer comes through a mailbox of the shard's own.
 *
 *   notice    0 command id | database   1 arguments | flags   then the arguments as in frames; or nothing: "go on"
 *   answer    the reply, encoded; in pieces, each of which but the first is asked for by such an empty notice
 */
export const LINE_HEADER_BYTES = 8

/** The parties of the mailbox. */
export const LINE_SHARD = 1
export const LINE_MAIN = 2
