/**
 * The frames that travel in the rings: layouts and flag bits. Both threads.
 *
 * Request (main → shard), 8 words, then the arguments, each a length word and its bytes padded to 4:
 *
 *   0  length | kind            4  GSN, low word
 *   1  target (connection slot  5  GSN, high word
 *      or gather, see below)    6  arguments that follow | flags << 24
 *   2  sequence in the target   7  origin | lock owner << 8
 *   3  command id | db << 16
 *
 * The top bit of word 5 says that more frames of this number follow for this shard: the operation is not whole yet.
 *
 * A park frame carries the ticket of its client (see claims.ts) in word 4.
 *
 * The origin says whose command it is, for clients that do not want to hear of changes of their own (CLIENT TRACKING with
 * NOLOOP); 0 stands for all others.
 *
 * Argument 0, the command's name, does not travel: the command id says it.
 *
 * Reply (shard → main), 4 words, then RESP bytes padded to 4:
 *
 *   0  length | kind            2  sequence of the first reply
 *   1  target                   3  replies in this frame (0: more of this reply follows) | padding << 24
 *
 * A target is a connection's slot; or with the top bit set a gather (partial replies that the router merges); or with the
 * bit below it the slot of a connection whose client may be blocked by the command. Both bits make a notice, which answers
 * nothing: the bits below are what it is about (`Notice`), word 2 is a number that belongs to it (a database, a slot), and the
 * payload is bytes. A notice that is larger than a frame may be comes in pieces, all but the last with `NOTICE_GOES_ON`.
 */

export const FrameKind = {
  /** Execute a command. */
  command: 1,
  /** The clock of the frames that follow: words 1 and 2 hold milliseconds (low, high). */
  time: 2,
  /**
   * A piece of a frame that is larger than the ring allows. Word 1 has the whole frame's length in words; the bytes follow.
   * Pieces of one frame come one behind the other, with nothing between.
   */
  piece: 3,
  /** Locks the keys among the arguments; replied to when all are held. Word 3 has the database. */
  lock: 4,
  /** Gives back all that the lock owner in word 7 holds. */
  unlock: 5,
  /** A reply. */
  reply: 6,
  /** A command that has found nothing already, whose client waits on this shard from now on. There is no reply. */
  park: 7,
  /** In the place of a reply: the client waits. The payload is the deadline, in ms (float64, Infinity for none). */
  parked: 8,
  /** Nothing is to be done: this shard has got all frames of the operation of this number. */
  through: 9,
} as const

export const REQUEST_WORDS = 8
export const REQUEST_BYTES = REQUEST_WORDS * 4
export const PIECE_HEADER_BYTES = 8
export const REPLY_WORDS = 4
export const REPLY_BYTES = REPLY_WORDS * 4

export const RequestFlag = {
  resp3: 1,
  /** Execute, but answer with an empty reply (CLIENT REPLY OFF and SKIP). */
  silent: 2,
  /** Leave access clocks alone (CLIENT NO-TOUCH). */
  noTouch: 4,
  /** Of a lock frame: locks the whole shard instead of keys. */
  lockAll: 8,
  /** Of a script's frame: its lock owner holds all shards, and the others attend (see shard/attendance.ts). */
  attended: 8,
  /** Pass over when the transaction's watch was found broken (see `shard.begin`). */
  conditional: 16,
  /** A further part of a command that is counted with its first part. */
  part: 32,
  /** A blocking command may wait for its keys. */
  mayBlock: 64,
  /** A command of a transaction that is not over: clients that wait are served by the `shard.serve` behind it. */
  within: 128,
} as const

/** In word 5: see above. */
export const GSN_GOES_ON = 0x80000000 | 0
const GSN_HIGH_MASK = 0x7fffffff
const TWO_TO_32 = 4294967296

/** The sequence number of the request frame that begins at `word`. */
export function gsnOf(words: Int32Array, word: number): number {
  return gsnOfWords(words[word + 4] as number, words[word + 5] as number)
}

export function gsnOfWords(low: number, high: number): number {
  return (low >>> 0) + (high & GSN_HIGH_MASK) * TWO_TO_32
}

export const TARGET_GATHER = 0x80000000 | 0
export const TARGET_BLOCKING = 0x40000000

export const TARGET_NOTICE = TARGET_GATHER | TARGET_BLOCKING
export const NOTICE_GOES_ON = 0x100

/** What a shard tells the main thread of its own accord. */
export const Notice = {
  /** A keyspace event: see `encodeEvent`. The payload is the event's name, a zero byte and the key. */
  event: 1,
  /** A key that clients may have cached has changed: see `encodeChange`. The payload is the clients' ids, then the key. */
  changed: 2,
  /** All keys of a database have gone, and clients may have cached some. There is no payload. */
  allChanged: 3,
  /** A script has the main thread run a command. The number is the shard; the payload see shard/main-thread-line.ts. */
  scriptCommand: 4,
  /** A script has called a command, and somebody monitors. The payload is as that of `scriptCommand`, with the name as argument 1. */
  scriptShown: 5,
  /** A command took at least the slow log's or the latency monitor's threshold. The payload see slow-command.ts. */
  slow: 6,
} as const

/** Above the numbers of databases, which have 16 bits in a frame. */
const EVENT_FOR_KEYSPACE = 1 << 16
const EVENT_FOR_KEYEVENT = 1 << 17

/**
 * The number of a notice of a keyspace event.
 * @param forKeyspace whether it is for the channel of its key, `__keyspace@<db>__:<key>`
 * @param forKeyevent whether it is for the channel of its name, `__keyevent@<db>__:<event>`
 */
export function encodeEvent(database: number, forKeyspace: boolean, forKeyevent: boolean): number {
  return database | (forKeyspace ? EVENT_FOR_KEYSPACE : 0) | (forKeyevent ? EVENT_FOR_KEYEVENT : 0)
}

export function eventDatabase(number: number): number {
  return number & ~(EVENT_FOR_KEYSPACE | EVENT_FOR_KEYEVENT)
}

export function eventIsForKeyspace(number: number): boolean {
  return (number & EVENT_FOR_KEYSPACE) !== 0
}

export function eventIsForKeyevent(number: number): boolean {
  return (number & EVENT_FOR_KEYEVENT) !== 0
}

/** Bytes of a client's id in a notice of a change: a double, low byte first. */
export const CHANGE_ID_BYTES = 8
const CHANGE_CLIENTS_MASK = 0x007fffff
const CHANGE_MODIFIED = 0x00800000
const CHANGE_ORIGIN_SHIFT = 24

/**
 * The number of a notice of a change.
 * @param clients how many clients are known to have read the key
 * @param isModified whether the key was modified, and not just forgotten
 * @param origin that of the command which did it, 0 for nobody's
 */
export function encodeChange(clients: number, isModified: boolean, origin: number): number {
  return (origin << CHANGE_ORIGIN_SHIFT) | (isModified ? CHANGE_MODIFIED : 0) | clients
}

export function changeClients(number: number): number {
  return number & CHANGE_CLIENTS_MASK
}

export function changeIsModified(number: number): boolean {
  return (number & CHANGE_MODIFIED) !== 0
}

export function changeOrigin(number: number): number {
  return number >>> CHANGE_ORIGIN_SHIFT
}

export const REPLY_COUNT_MASK = 0x00ffffff
export const REPLY_PADDING_SHIFT = 24

export const ORIGIN_MASK = 0xff
export const LOCK_OWNER_SHIFT = 8
