import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadlineHeap } from '../../src/base/deadline-heap.js'

interface Thing {
  readonly deadlineMs: number
  heapPlace: number
}

describe('a heap of deadlines', () => {
  it('has the earliest at hand, whatever is added and taken out', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), ms: fc.nat(20) }),
      fc.record({ do: fc.constant('remove' as const), which: fc.nat(1000) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new DeadlineHeap<Thing>()
        const inside: Thing[] = []
        for (const step of steps) {
          if (step.do === 'add') {
            const thing = { deadlineMs: step.ms, heapPlace: -1 }
            heap.add(thing)
            inside.push(thing)
          } else if (inside.length > 0) {
            const [thing] = inside.splice(step.which % inside.length, 1) as [Thing]
            heap.remove(thing)
            heap.remove(thing)
            expect(thing.heapPlace).toBe(-1)
          }
          expect(heap.size).toBe(inside.length)
          const least = inside.length === 0 ? undefined : Math.min(...inside.map(({ deadlineMs }) => deadlineMs))
          expect(heap.earliest?.deadlineMs).toBe(least)
        }
        for (let last = -1; heap.earliest !== undefined; heap.remove(heap.earliest)) {
          expect(heap.earliest.deadlineMs).toBeGreaterThanOrEqual(last)
          last = heap.earliest.deadlineMs
        }
      }),
    )
  })
})
