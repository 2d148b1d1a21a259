/**
 * The limits of the protocol and of the data, in one place, each with its reason.
 *
 * Runs on every thread; constants only. Everything that a client can make grow must have a bound, and the bounds that a
 * client can see are those of Redis, because clients and their tests rely on them.
 */

/** Hash slots of the key space, fixed by the Redis Cluster specification. A power of two: a slot is a mask of CRC16. */
export const HASH_SLOTS = 16384

/**
 * The longest line that a connection may send without ending it: an inline command, or the count or length line of a
 * multibulk request. A longer one is a protocol error ("too big inline request", "too big mbulk count string",
 * "too big bulk count string"), because otherwise a client that never sends a newline would fill the memory.
 */
export const PROTO_INLINE_BYTES_MAX = 64 * 1024

/**
 * From this argument length on, Redis reads the rest of the argument into a buffer of its own instead of collecting it
 * in the query buffer. Below it one more copy costs less than the exception.
 */
export const PROTO_BIG_ARGUMENT_BYTES = 32 * 1024

/**
 * The most arguments a request may announce: request frames count them in 24 bits. Redis had 1024 * 1024 until it raised
 * that to the greatest int in version 7.
 */
export const PROTO_ARGUMENTS_MAX = 0x00ffffff

/**
 * How many arguments and how long an argument a client may send before it has authenticated: enough for AUTH and HELLO,
 * too little to fill the memory from outside.
 */
export const PROTO_UNAUTHENTICATED_ARGUMENTS_MAX = 10
export const PROTO_UNAUTHENTICATED_ARGUMENT_BYTES_MAX = 16384

/** Default of `proto-max-bulk-len`: the longest argument, and so the longest string value. */
export const PROTO_BULK_BYTES_MAX_DEFAULT = 512 * 1024 * 1024

/** The least that `proto-max-bulk-len` may be set to. */
export const PROTO_BULK_BYTES_MAX_LEAST = 1024 * 1024

/** Keys and values are arguments, so that they share the default limit of an argument. */
export const KEY_BYTES_MAX = PROTO_BULK_BYTES_MAX_DEFAULT
export const VALUE_BYTES_MAX = PROTO_BULK_BYTES_MAX_DEFAULT
