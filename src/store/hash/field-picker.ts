/**
 * Random fields of a packed hash: the positions of all fields are looked up once, so that each pick takes constant time.
 *
 * Owned by one shard's thread. Invariant: the positions hold for as long as the hash is not changed.
 */
import type { Prng } from '../../base/prng.js'
import type { PackedHash } from './packed-hash.js'

export class FieldPicker {
  private positions = new Int32Array(512)
  private count = 0

  constructor(private readonly prng: Prng) {}

  begin(hash: PackedHash): void {
    this.count = hash.fieldCount
    if (this.count > this.positions.length) this.positions = new Int32Array(this.count * 2)
    hash.writePositions(this.positions)
  }

  /** The position of a uniformly chosen field. */
  pick(): number {
    return this.positions[this.prng.below(this.count)]!
  }
}
