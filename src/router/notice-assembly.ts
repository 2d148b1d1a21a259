/**
 * Takes the notices of shards from their reply rings, puts together those that come in pieces, and passes them on. Main
 * thread. Invariant: the pieces of one notice come one behind the other on the ring of their shard.
 */
import { copyOf, joinBytes } from '../base/bytes.js'
import { NOTICE_GOES_ON, TARGET_NOTICE } from '../ring/frames.js'

export interface NoticeSink {
  /** A shard tells something that answers nothing, see `Notice` in frames.ts. The bytes may be overwritten on return. */
  notice(kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void
}

export class NoticeAssembly {
  readonly #sink: NoticeSink
  readonly #piecesOfShard: Uint8Array[][]

  constructor(sink: NoticeSink, shardCount: number) {
    this.#sink = sink
    this.#piecesOfShard = Array.from({ length: shardCount }, () => [])
  }

  accept(shard: number, target: number, number: number, bytes: Uint8Array, offset: number, length: number): void {
    const kind = target & ~(TARGET_NOTICE | NOTICE_GOES_ON)
    const pieces = this.#piecesOfShard[shard] as Uint8Array[]
    if ((target & NOTICE_GOES_ON) !== 0) {
      pieces.push(copyOf(bytes, offset, length))
      return
    }
    if (pieces.length === 0) {
      this.#sink.notice(kind, number, bytes, offset, length)
      return
    }
    const whole = joinBytes([...pieces, bytes.subarray(offset, offset + length)])
    pieces.length = 0
    this.#sink.notice(kind, number, whole, 0, whole.length)
  }
}
