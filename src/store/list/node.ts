/**
 * The byte layout of a node, a block of the arena that holds some elements of a large list.
 *
 * Used by the thread that owns the arena; constants only.
 *
 *   word 0   | previous node |                    or 0
 *        1   | next node |                        or 0
 *        2   | elements |
 *        3   | bytes of the contents |            before compression
 *        4   | form |
 *        5   | where the contents begin |         in bytes from the block's begin
 *            packed:      room, a listpack, room
 *            plain:       the bytes of the one element
 *            compressed:  their length in one word, then the contents as LZF
 *
 * Invariant: a listpack never lies elsewhere than between the header and the end of the block, with room on both sides,
 * so that either end of a list grows and shrinks without moving what is there.
 */

export const PREVIOUS = 0
export const NEXT = 1
export const ENTRIES = 2
export const BYTES = 3
export const FORM = 4
export const START = 5

export const NODE_HEADER_BYTES = 24

/** The word of a compressed node that says how many bytes of LZF follow. */
export const COMPRESSED_BYTES = 6
export const COMPRESSED_START_BYTES = 28

/** Two bits of a node's form: the contents are one element as it is; the contents are compressed. */
export const PLAIN = 1
export const COMPRESSED = 2
