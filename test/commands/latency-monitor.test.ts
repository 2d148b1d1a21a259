/** The latency monitor's series, their analysis and their graph. */
import { describe, expect, test } from 'vitest'
import { analyseLatency, LatencyMonitor } from '../../src/base/latency-monitor.js'
import { latencyGraph } from '../../src/commands/latency-graph.js'

/** A clock that stands still until it is set. */
class SetClock {
  second = 1700000000
  nowMs(): number {
    return this.second * 1000
  }
  nowUs(): number {
    return this.second * 1e6
  }
  monotonicUs(): number {
    return this.second * 1e6
  }
}

function monitor(thresholdMs = 1): { clock: SetClock; latency: LatencyMonitor } {
  const clock = new SetClock()
  return { clock, latency: new LatencyMonitor(clock, thresholdMs) }
}

describe('series', () => {
  test('take events from the threshold on, and none when it is 0', () => {
    const { latency } = monitor(100)
    latency.record('command', 99)
    expect(latency.events().size).toBe(0)
    latency.record('command', 100)
    expect(latency.events().get('command')?.samples).toEqual([[1700000000, 100]])
    latency.thresholdMs = 0
    latency.record('other', 1000)
    expect(latency.events().has('other')).toBe(false)
  })

  test('keep the worst of a second', () => {
    const { clock, latency } = monitor()
    for (const ms of [20, 50, 30]) latency.record('command', ms)
    clock.second++
    latency.record('command', 10)
    expect(latency.events().get('command')).toEqual({
      samples: [
        [1700000000, 50],
        [1700000001, 10],
      ],
      maxMs: 50,
    })
  })

  test('hold 160 samples, and the worst of all time', () => {
    const { clock, latency } = monitor()
    for (let i = 0; i < 200; i++) {
      latency.record('command', i === 0 ? 999 : 5)
      clock.second++
    }
    const series = latency.events().get('command')
    expect(series?.samples).toHaveLength(160)
    expect(series?.samples[0]).toEqual([1700000040, 5])
    expect(series?.maxMs).toBe(999)
  })

  test('are forgotten by name in any case, or all together', () => {
    const { latency } = monitor()
    for (const event of ['command', 'fast-command', 'fork']) latency.record(event, 5)
    expect(latency.reset(['COMMAND', 'nothing'])).toBe(1)
    expect([...latency.events().keys()]).toEqual(['fast-command', 'fork'])
    expect(latency.reset([])).toBe(2)
    expect(latency.events().size).toBe(0)
  })

  test('are analysed as Redis does: whole milliseconds, deviation from the average', () => {
    const samples = [
      [100, 10],
      [105, 21],
      [109, 60],
    ] as const
    expect(analyseLatency({ samples, maxMs: 60 }, 110)).toEqual({
      samples: 3,
      averageMs: 30,
      meanDeviationMs: 19,
      periodS: 10,
    })
    expect(analyseLatency({ samples: [[110, 5]], maxMs: 5 }, 110).periodS).toBe(1)
  })
})

describe('graph', () => {
  test('draws one column a sample, with its age under it', () => {
    const samples = [
      [0, 0],
      [86340, 4],
      [86385, 8],
      [86399, 12],
    ] as const
    expect(latencyGraph('command', { samples, maxMs: 30 }, 86400)).toBe(
      [
        'command - high 12 ms, low 0 ms (all time high 30 ms)',
        '-'.repeat(80),
        '   #',
        '  #|',
        ' o||',
        '_|||',
        '    ',
        '1111',
        'dm5s',
        '  s ',
        '',
      ].join('\n'),
    )
  })

  test('is cut into stretches of 80 columns', () => {
    const samples = Array.from({ length: 100 }, (_, i) => [i, i] as const)
    const lines = latencyGraph('command', { samples, maxMs: 99 }, 100).split('\n')
    expect(lines[2]).toHaveLength(80)
    expect(lines.filter((line) => line.length === 20).length).toBeGreaterThanOrEqual(4)
  })

  test('of equal samples is flat', () => {
    const lines = latencyGraph(
      'fork',
      {
        samples: [
          [1, 7],
          [2, 7],
        ],
        maxMs: 7,
      },
      3,
    ).split('\n')
    expect(lines.slice(2, 6)).toEqual(['  ', '  ', '  ', '__'])
  })
})
