/** Latency histograms: every latency in the right bucket, and percentiles no further off than a bucket is wide. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addHistogram,
  bucketBoundUs,
  emptyHistogram,
  HISTOGRAM_BUCKETS,
  histogramBucket,
  histogramCount,
  latencyAtPercentile,
} from '../../src/base/histogram.js'

function histogramOf(latencies: readonly number[]): number[] {
  const histogram = emptyHistogram()
  for (const latency of latencies) {
    const bucket = histogramBucket(latency)
    histogram[bucket] = (histogram[bucket] as number) + 1
  }
  return histogram
}

const latencyUs = fc.double({ min: 0, max: 1e9, noNaN: true })

describe('latency histograms', () => {
  it('put the bounds of Redis into the bucket that they end', () => {
    expect([0, 1, 1.024, 1.025, 2.048, 2.049, 4.096].map(histogramBucket)).toEqual([0, 0, 0, 1, 1, 2, 2])
    expect(Math.round(bucketBoundUs(5) * 1000)).toBe(32768)
  })

  it('count what is longer than the last bound, or shorter than nothing, all the same', () => {
    expect(histogramBucket(1e15)).toBe(HISTOGRAM_BUCKETS - 1)
    expect(histogramBucket(-1)).toBe(0)
  })

  it('put every latency between the bounds of its bucket', () => {
    fc.assert(
      fc.property(latencyUs, (latency) => {
        const bucket = histogramBucket(latency)
        expect(latency).toBeLessThanOrEqual(bucketBoundUs(bucket))
        if (bucket > 0) expect(latency).toBeGreaterThan(bucketBoundUs(bucket - 1))
      }),
    )
  })

  it('give percentiles in the bucket of the exact one', () => {
    const percent = fc.constantFrom(0, 1, 50, 90, 99, 99.9, 100)
    fc.assert(
      fc.property(fc.array(latencyUs, { minLength: 1, maxLength: 200 }), percent, (latencies, p) => {
        const sorted = [...latencies].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] as number
        expect(histogramBucket(latencyAtPercentile(histogramOf(latencies), p))).toBe(histogramBucket(exact))
      }),
    )
  })

  it('give percentiles that do not fall', () => {
    fc.assert(
      fc.property(fc.array(latencyUs, { minLength: 1 }), (latencies) => {
        const histogram = histogramOf(latencies)
        let before = 0
        for (const p of [0, 10, 50, 90, 99, 99.9, 100]) {
          const value = latencyAtPercentile(histogram, p)
          expect(value).toBeGreaterThanOrEqual(before)
          before = value
        }
      }),
    )
  })

  it('add up', () => {
    fc.assert(
      fc.property(fc.array(latencyUs), fc.array(latencyUs), (left, right) => {
        const sum = histogramOf(left)
        addHistogram(sum, histogramOf(right))
        expect(sum).toEqual(histogramOf([...left, ...right]))
        expect(histogramCount(sum)).toBe(left.length + right.length)
      }),
    )
  })

  it('give 0 when nothing was recorded', () => {
    expect(latencyAtPercentile(emptyHistogram(), 99)).toBe(0)
  })
})
