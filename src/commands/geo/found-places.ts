/**
 * The places that a search has found, until they are replied or stored.
 *
 * Runs in a shard worker; one instance, whose arrays only grow. Invariant: places are numbered in the order in which they were
 * found, and `order` names them in the order in which they are to be seen.
 */
import { copyBytes } from '../../base/bytes.js'
import { sortFirst } from '../../base/partial-sort.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'

const PLACES_INITIAL = 256
const MEMBER_BYTES_INITIAL = 16 * 1024
/** Arrays that a large result has left behind are given up for smaller ones. */
const PLACES_KEPT_MAX = 64 * 1024

export class FoundPlaces {
  count = 0
  order = new Int32Array(PLACES_INITIAL)
  /** In metres. */
  distances = new Float64Array(PLACES_INITIAL)
  scores = new Float64Array(PLACES_INITIAL)
  longitudes = new Float64Array(PLACES_INITIAL)
  latitudes = new Float64Array(PLACES_INITIAL)
  /** Where each member begins in `members`; it ends where the next one begins. */
  memberStarts = new Int32Array(PLACES_INITIAL + 1)
  members = new Uint8Array(MEMBER_BYTES_INITIAL)

  clear(): void {
    this.count = 0
    if (this.order.length > PLACES_KEPT_MAX) this.resize(PLACES_INITIAL, MEMBER_BYTES_INITIAL)
  }

  /** Adds the element that `set` stands on. */
  add(set: SortedSet, distance: number, longitude: number, latitude: number): void {
    const { count } = this
    const start = this.memberStarts[count]!
    const end = start + set.memberLength
    if (count === this.order.length || end > this.members.length) {
      this.resize(count === this.order.length ? count * 2 : this.order.length, Math.max(this.members.length, end * 2))
    }
    this.order[count] = count
    this.distances[count] = distance
    this.scores[count] = set.score
    this.longitudes[count] = longitude
    this.latitudes[count] = latitude
    copyBytes(set.memberBytes, set.memberOffset, this.members, start, set.memberLength)
    this.memberStarts[count + 1] = end
    this.count++
  }

  /** Brings the nearest (or farthest) `wanted` places to the beginning of `order`. */
  sort(wanted: number, farthestFirst: boolean): void {
    const { distances } = this
    const order = this.order.subarray(0, this.count)
    const compare = farthestFirst
      ? (left: number, right: number) => comparison(distances[right]!, distances[left]!)
      : (left: number, right: number) => comparison(distances[left]!, distances[right]!)
    // Places at the same distance stay in the order in which they were found, but only where all are wanted: as in Redis.
    if (wanted === this.count) order.sort(compare)
    else sortFirst(order, wanted - 1, compare)
  }

  private resize(places: number, memberBytes: number): void {
    this.order = grown(this.order, new Int32Array(places))
    this.distances = grown(this.distances, new Float64Array(places))
    this.scores = grown(this.scores, new Float64Array(places))
    this.longitudes = grown(this.longitudes, new Float64Array(places))
    this.latitudes = grown(this.latitudes, new Float64Array(places))
    this.memberStarts = grown(this.memberStarts, new Int32Array(places + 1))
    this.members = grown(this.members, new Uint8Array(memberBytes))
  }
}

function comparison(left: number, right: number): number {
  if (left > right) return 1
  return left === right ? 0 : -1
}

/** `target` with as much of `source` as it has room for. */
function grown<T extends Int32Array | Float64Array | Uint8Array>(source: T, target: T): T {
  target.set(source.length > target.length ? source.subarray(0, target.length) : source)
  return target
}
