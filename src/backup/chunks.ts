/**
 * Cuts a stream into chunks of one length, whatever its own pieces are.
 *
 * Any thread. No more than a chunk and a piece of the stream is in memory.
 */

export interface Chunk {
  /** The receiver's to keep. */
  readonly bytes: Buffer
  readonly isLast: boolean
}

/**
 * All chunks but the last have the length that `nextBytes` gives when they begin; the last has at least one byte, unless the
 * stream has none.
 */
export async function* chunksOf(content: AsyncIterable<Uint8Array>, nextBytes: () => number): AsyncGenerator<Chunk> {
  let pieces: Uint8Array[] = []
  let bytes = 0
  let chunkBytes = nextBytes()
  for await (let piece of content) {
    // One more than a chunk must be there before it is known not to be the last.
    while (bytes + piece.length > chunkBytes) {
      const taken = chunkBytes - bytes
      pieces.push(piece.subarray(0, taken))
      yield { bytes: Buffer.concat(pieces, chunkBytes), isLast: false }
      piece = piece.subarray(taken)
      pieces = []
      bytes = 0
      chunkBytes = nextBytes()
    }
    pieces.push(piece)
    bytes += piece.length
  }
  yield { bytes: Buffer.concat(pieces, bytes), isLast: true }
}
