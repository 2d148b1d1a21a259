/**
 * The bucket of a table: one cache line with twelve references to records.
 *
 *   | 12 references | 12 tags of 8 bits | overflow bucket |        64 bytes
 *
 * Used by the thread that owns the arena; functions over the words of a chunk, in which the bucket begins at `at`.
 *
 * Invariants: a tag is eight bits of the hash of the record's key, never 0; a tag of 0 marks an unused place. The used
 * places come first. Tags are compared four at a time: see `matchingTags`.
 */

export const BUCKET_WORDS = 16
export const BUCKET_BYTES = 64
export const PLACES = 12

/** The words of the tags, four in each, and the word of the overflow bucket's reference. */
export const TAGS = PLACES
export const TAG_WORDS = 3
export const OVERFLOW = 15

/** Four tags of 1, and the high bits of four tags. */
const LOW_BITS = 0x01010101
const HIGH_BITS = 0x80808080 | 0

/** The tag of a key with this hash. Its bits are those that choose a bucket last. */
export function tagOf(hash: number): number {
  const tag = hash >>> 24
  return tag === 0 ? 1 : tag
}

/** Four times the same tag. */
export function tagPattern(tag: number): number {
  return Math.imul(tag, LOW_BITS)
}

/**
 * Which of a word's four tags are those of the pattern: the high bit of the byte is set, see `firstMatch`. The lowest
 * match is exact; one above it may be wrong.
 */
export function matchingTags(tags: number, pattern: number): number {
  const difference = tags ^ pattern
  return (difference - LOW_BITS) & ~difference & HIGH_BITS
}

/** The first of the matches, 0 to 3. `matches & (matches - 1)` are the others. */
export function firstMatch(matches: number): number {
  return (31 - Math.clz32(matches & -matches)) >>> 3
}

/** The first unused place, or `PLACES`. */
export function firstUnused(words: Int32Array, at: number): number {
  for (let i = 0; i < TAG_WORDS; i++) {
    const unused = matchingTags(words[at + TAGS + i]!, 0)
    if (unused !== 0) return (i << 2) + firstMatch(unused)
  }
  return PLACES
}

export function tagAt(words: Int32Array, at: number, place: number): number {
  return (words[at + TAGS + (place >>> 2)]! >>> ((place & 3) << 3)) & 0xff
}

export function setPlace(words: Int32Array, at: number, place: number, ref: number, tag: number): void {
  const shift = (place & 3) << 3
  const tags = at + TAGS + (place >>> 2)
  words[at + place] = ref
  words[tags] = (words[tags]! & ~(0xff << shift)) | (tag << shift)
}

/** Makes all places unused and takes the overflow bucket away. */
export function clearBucket(words: Int32Array, at: number): void {
  for (let i = 0; i < BUCKET_WORDS; i++) words[at + i] = 0
}
