/**
 * Counts latencies without keeping them, in the way of HdrHistogram.
 *
 * Runs in the load generator. Values are whole microseconds. Each power of two is split into 128 buckets, so that a
 * percentile is wrong by less than 1 %, and recording allocates nothing, so that the garbage collector of the generator
 * does not show up as latency of the server.
 */

const SUB_BUCKET_BITS = 7
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS
/** 2^31 µs, more than half an hour: nothing measured here comes near it. */
const VALUE_MAX_US = 0x7fff_ffff
const BUCKETS = (32 - SUB_BUCKET_BITS) * SUB_BUCKETS + SUB_BUCKETS

export interface LatencySummary {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0
  #maxUs = 0

  record(latencyUs: number): void {
    const value = latencyUs < 0 ? 0 : latencyUs > VALUE_MAX_US ? VALUE_MAX_US : latencyUs | 0
    const bucket = bucketOf(value)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total += 1
    if (value > this.#maxUs) this.#maxUs = value
  }

  /** The value that `percent` % of all recorded ones do not exceed, in milliseconds. */
  percentileMs(percent: number): number {
    const wanted = Math.ceil((percent / 100) * this.#total)
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0
      // The upper edge of the last bucket in use may lie above everything that was recorded.
      if (seen >= wanted && seen > 0) return Math.min(upperEdge(bucket), this.#maxUs) / 1000
    }
    return 0
  }

  summary(): LatencySummary {
    return {
      count: this.#total,
      p50Ms: this.percentileMs(50),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
      maxMs: this.#maxUs / 1000,
    }
  }
}

/** Values below 256 have a bucket each; above, the 8 leading bits choose it. */
function bucketOf(value: number): number {
  const shift = Math.max(0, 32 - Math.clz32(value) - SUB_BUCKET_BITS - 1)
  return shift * SUB_BUCKETS + (value >>> shift)
}

function upperEdge(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket
  const shift = (bucket >> SUB_BUCKET_BITS) - 1
  const leading = bucket - shift * SUB_BUCKETS
  return (leading + 1) * 2 ** shift - 1
}
