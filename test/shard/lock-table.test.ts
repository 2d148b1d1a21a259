/** The locks of one shard: who waits for whom, and who goes on when a lock is given back. */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { type LockScope, LockTable, type WaitingFrame } from '../../src/shard/lock-table.js'

const NO_BYTES = new Uint8Array(0)

/** A frame that waits; the target's word of a real one tells them apart, here the first word does. */
function frame(id: number, scope: LockScope, owner = 0, nowMs = 0): WaitingFrame {
  return { scope, owner, words: Int32Array.of(id), bytes: NO_BYTES, nowMs }
}

function idOf({ words }: WaitingFrame): number {
  return words[0] as number
}

describe('the lock table', () => {
  let locks: LockTable

  beforeEach(() => {
    locks = new LockTable()
  })

  /** Releases an owner's locks and returns the ids of the frames that run then. */
  function released(owner: number): number[] {
    const ids: number[] = []
    locks.release(owner, (waiting) => ids.push(idOf(waiting)))
    return ids
  }

  it('holds nothing and stops nobody at first', () => {
    expect(locks.isActive).toBe(false)
    expect(locks.mustWait(['a'], 0)).toBe(false)
    expect(locks.mustWait('all', 0)).toBe(false)
    expect(released(1)).toEqual([])
  })

  it('stops frames with a locked key, and no others', () => {
    locks.grant(['a', 'b'], 1, 10, 1)
    expect(locks.isActive).toBe(true)
    expect(locks.mustWait(['b'], 0)).toBe(true)
    expect(locks.mustWait(['c', 'a'], 2)).toBe(true)
    expect(locks.mustWait(['c'], 0)).toBe(false)
    expect(locks.mustWait('all', 0)).toBe(true)
  })

  it('lets its owner go on whatever waits', () => {
    locks.grant(['a'], 1, 10, 1)
    locks.wait(frame(1, 'all'))
    locks.wait(frame(2, ['a']))
    expect(locks.mustWait(['a'], 1)).toBe(false)
    expect(locks.mustWait(['b'], 1)).toBe(false)
  })

  it('never stops a frame without keys', () => {
    locks.grant('all', 1, 10, 1)
    locks.wait(frame(1, 'all'))
    expect(locks.mustWait([], 0)).toBe(false)
    expect(locks.mustWait([], 7)).toBe(false)
  })

  it('keeps the order of frames that share a key with one that waits', () => {
    locks.grant(['a'], 1, 10, 1)
    locks.wait(frame(1, ['a', 'b']))
    expect(locks.mustWait(['b'], 0)).toBe(true)
    locks.wait(frame(2, ['b']))
    expect(released(1)).toEqual([1, 2])
    expect(locks.isActive).toBe(false)
  })

  it('puts everything behind a frame over the whole shard', () => {
    locks.grant(['a'], 1, 10, 1)
    locks.wait(frame(1, 'all'))
    expect(locks.mustWait(['z'], 0)).toBe(true)
    locks.wait(frame(2, ['z']))
    expect(released(1)).toEqual([1, 2])
  })

  it('makes an owner wait with its frames, and takes its locks in its turn', () => {
    locks.grant(['a'], 1, 10, 1)
    locks.wait(frame(1, ['a', 'b'], 2, 11))
    expect(locks.mustWait(['b'], 2)).toBe(true)
    locks.wait(frame(2, ['b'], 2, 12))
    locks.wait(frame(3, ['b'], 0, 13))
    const ids: number[] = []
    locks.release(1, (waiting) => {
      ids.push(idOf(waiting))
      if (idOf(waiting) === 1) locks.grant(waiting.scope, waiting.owner, waiting.nowMs, 1)
    })
    expect(ids).toEqual([1, 2])
    expect(locks.waitingCount).toBe(1)
    expect(released(2)).toEqual([3])
    expect(locks.isActive).toBe(false)
  })

  it('forgets a lock that is given back before it was granted', () => {
    locks.grant(['a'], 1, 10, 1)
    locks.wait(frame(1, ['a', 'b'], 2))
    locks.wait(frame(2, ['b']))
    expect(released(2)).toEqual([2])
    expect(released(1)).toEqual([])
    expect(locks.isActive).toBe(false)
  })

  it('says when an owner asked for its locks, and the oldest time that is still to come', () => {
    expect(locks.oldestMs).toBe(Number.POSITIVE_INFINITY)
    locks.grant(['a'], 1, 20, 1)
    locks.grant(['b'], 2, 30, 1)
    locks.wait(frame(1, ['a'], 0, 40))
    expect(locks.timeOf(1)).toBe(20)
    expect(locks.timeOf(2)).toBe(30)
    expect(locks.timeOf(3)).toBeUndefined()
    expect(locks.oldestMs).toBe(20)
    released(1)
    expect(locks.oldestMs).toBe(30)
  })

  it('runs conflicting frames in their order and loses none', () => {
    const scopeArbitrary = fc.oneof(
      { weight: 8, arbitrary: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant('all' as const) },
    )
    const eventArbitrary = fc.oneof(
      fc.record({ lock: fc.boolean(), scope: scopeArbitrary }),
      fc.record({ unlock: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(eventArbitrary, { maxLength: 60 }), (events) => {
        const table = new LockTable()
        const scopes: LockScope[] = []
        const held = new Set<number>()
        const done: number[] = []
        const start = (id: number, owner: number): void => {
          if (owner === 0) {
            done.push(id)
            return
          }
          table.grant(scopes[id] as LockScope, owner, 0, 1)
          held.add(owner)
        }
        const unlock = (owner: number): void => {
          held.delete(owner)
          done.push(owner - 1)
          table.release(owner, (waiting) => start(idOf(waiting), waiting.owner))
        }
        for (const event of events) {
          if ('unlock' in event) {
            const owners = [...held]
            if (owners.length > 0) unlock(owners[event.unlock % owners.length] as number)
            continue
          }
          const id = scopes.length
          const owner = event.lock ? id + 1 : 0
          scopes.push(event.scope)
          if (table.mustWait(event.scope, owner)) {
            table.wait({ scope: event.scope, owner, words: Int32Array.of(id), bytes: NO_BYTES, nowMs: 0 })
          } else start(id, owner)
        }
        while (held.size > 0) unlock([...held][0] as number)
        expect(table.isActive).toBe(false)
        expect([...done].sort((a, b) => a - b)).toEqual(scopes.map((_, id) => id))
        const placeOf = new Map(done.map((id, place) => [id, place]))
        scopes.forEach((later, j) => {
          scopes.slice(0, j).forEach((earlier, i) => {
            if (conflict(earlier, later)) expect(placeOf.get(i)).toBeLessThan(placeOf.get(j) as number)
          })
        })
      }),
      { numRuns: 500 },
    )
  })
})

function conflict(a: LockScope, b: LockScope): boolean {
  return a === 'all' || b === 'all' || a.some((key) => b.includes(key))
}
