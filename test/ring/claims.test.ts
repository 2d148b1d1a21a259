import { describe, expect, it } from 'vitest'
import { Claims, createClaimsMemory } from '../../src/ring/claims.js'

describe('claims', () => {
  const memory = createClaimsMemory()
  const main = new Claims(memory)
  const shard = new Claims(memory)
  const other = new Claims(memory)

  it('let one shard have a client, until it gives the client back', () => {
    main.open(3, 70)
    expect(shard.ticketOf(3)).toBe(70)
    expect(shard.claim(3, 70)).toBe(true)
    expect(other.claim(3, 70)).toBe(false)
    expect(other.ticketOf(3)).toBe(0)
    expect(shard.giveBack(3, 70)).toBe(true)
    expect(other.claim(3, 70)).toBe(true)
  })

  it('tell the main thread whether it must answer', () => {
    main.open(4, 71)
    expect(main.close(4, 71)).toBe(true)
    expect(shard.claim(4, 71)).toBe(false)
    main.open(4, 72)
    expect(shard.claim(4, 71)).toBe(false)
    expect(shard.claim(4, 72)).toBe(true)
    expect(main.close(4, 72)).toBe(false)
    expect(shard.giveBack(4, 72)).toBe(false)
    expect(other.claim(4, 72)).toBe(false)
  })

  it('are one for each slot', () => {
    main.open(5, 73)
    main.open(6, 74)
    expect(shard.claim(5, 73)).toBe(true)
    expect(other.claim(6, 74)).toBe(true)
    expect(main.close(6, 74)).toBe(false)
  })
})
