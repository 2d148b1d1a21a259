/** The latency histogram of the load generator against sorted samples. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../bench/histogram.js'

test('a percentile is the sample of that rank, to within a bucket of one percent', () => {
  const latencies = fc.array(fc.oneof(fc.nat(300), fc.nat(100_000), fc.nat(2_000_000_000)), {
    minLength: 1,
    maxLength: 300,
  })
  fc.assert(
    fc.property(latencies, fc.constantFrom(1, 50, 99, 99.9, 100), (samples, percent) => {
      const histogram = new Histogram()
      for (const sample of samples) histogram.record(sample)
      const sorted = [...samples].sort((a, b) => a - b)
      const exactMs = (sorted[Math.ceil((percent / 100) * samples.length) - 1] ?? 0) / 1000
      const measuredMs = histogram.percentileMs(percent)
      expect(measuredMs).toBeGreaterThanOrEqual(exactMs)
      expect(measuredMs).toBeLessThanOrEqual(exactMs * 1.01 + 0.001)
    }),
  )
})

test('the summary counts and keeps the maximum exactly', () => {
  const histogram = new Histogram()
  for (const latencyUs of [5, 70_001, 12]) histogram.record(latencyUs)
  expect(histogram.summary()).toEqual({ count: 3, p50Ms: 0.012, p99Ms: 70.001, p999Ms: 70.001, maxMs: 70.001 })
})
