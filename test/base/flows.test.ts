import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Flows } from '../../src/base/flows.js'

describe('flows between keys', () => {
  it('reach as far as the edges that were added and not taken back', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const step = fc.record({ from: name, to: name, isAdded: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(name), (steps, starts) => {
        const flows = new Flows()
        const edges: [string, string][] = []
        for (const { from, to, isAdded } of steps) {
          const at = edges.findIndex(([a, b]) => a === from && b === to)
          if (isAdded) edges.push([from, to])
          else if (at >= 0) edges.splice(at, 1)
          if (isAdded) flows.add(from, to)
          else flows.remove(from, to)
        }
        const reached = new Set<string>(starts)
        for (let size = -1; size !== reached.size; ) {
          size = reached.size
          for (const [from, to] of edges) if (reached.has(from)) reached.add(to)
        }
        expect([...flows.reach(starts)].sort()).toEqual([...reached].sort())
        expect(flows.isEmpty).toBe(edges.length === 0)
      }),
    )
  })
})
