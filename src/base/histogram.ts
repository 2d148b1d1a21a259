/**
 * Latency histograms with buckets of powers of two, in plain arrays of counts.
 *
 * Runs on every thread. A histogram is a plain array so that it survives a worker's message and JSON as it is, and so
 * that two of them are merged by addition. Invariant: a histogram has `HISTOGRAM_BUCKETS` elements, and each
 * latency is counted in exactly one.
 *
 *   bucket    0          1              2               k
 *   holds     0–1.024    1.024–2.048    2.048–4.096     (bound(k-1), bound(k)]  µs, bound(k) = 1.024 · 2^k
 *
 * The bounds are those of Redis's LATENCY HISTOGRAM, which counts nanoseconds in steps of 1024 · 2^k. Redis keeps two
 * significant digits in between; a factor of two is enough to see what a latency is, and costs one addition and no
 * search on the path of every command.
 */

/** The last bucket takes everything above 1.024 · 2^30 µs (18 minutes): no command lasts longer. */
export const HISTOGRAM_BUCKETS = 32

const BUCKET_ZERO_US = 1.024

/** A histogram of nothing. */
export function emptyHistogram(): number[] {
  return new Array<number>(HISTOGRAM_BUCKETS).fill(0)
}

/** The bucket that a latency in microseconds, with or without a fraction, is counted in. */
export function histogramBucket(microseconds: number): number {
  const steps = Math.ceil(microseconds / BUCKET_ZERO_US) - 1
  // A clock that was set back can give a negative latency; it counts as none.
  if (steps <= 0) return 0
  return steps >= 2 ** 30 ? HISTOGRAM_BUCKETS - 1 : 32 - Math.clz32(steps)
}

/** Adds the counts of `source` to `target`. */
export function addHistogram(target: number[], source: readonly number[]): void {
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    target[bucket] = (target[bucket] as number) + (source[bucket] ?? 0)
  }
}

/** The greatest latency that bucket `bucket` holds, in microseconds. */
export function bucketBoundUs(bucket: number): number {
  return BUCKET_ZERO_US * 2 ** bucket
}

/** How many latencies were recorded. */
export function histogramCount(histogram: readonly number[]): number {
  let count = 0
  for (const inBucket of histogram) count += inBucket
  return count
}

/**
 * The latency in microseconds that `percent` (0 to 100) of the recorded ones do not exceed; 0 when there are none.
 * Inside the bucket where it falls the latencies are taken to be spread evenly.
 */
export function latencyAtPercentile(histogram: readonly number[], percent: number): number {
  const total = histogramCount(histogram)
  if (total === 0) return 0
  // At least one latency lies at or below every percentile, also at 0.
  const wanted = Math.max(1, (percent / 100) * total)
  let below = 0
  for (let bucket = 0; bucket < histogram.length; bucket++) {
    const inBucket = histogram[bucket] as number
    if (inBucket > 0 && below + inBucket >= wanted) {
      const lower = bucket === 0 ? 0 : bucketBoundUs(bucket - 1)
      return lower + (bucketBoundUs(bucket) - lower) * ((wanted - below) / inBucket)
    }
    below += inBucket
  }
  return bucketBoundUs(histogram.length - 1)
}
