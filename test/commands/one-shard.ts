/**
 * A server of one shard in the test's own thread: commands are answered at once, and the shard's memory is at hand.
 *
 * Only used by tests.
 */
import { expect } from 'vitest'
import { idOf, lookup } from '../../src/commands/table.js'
import { NO_REF } from '../../src/store/arena-ref.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { SimulatedServer } from '../sim/simulated-server.js'

const SEED = 7

export class OneShard {
  readonly keyspace: Keyspace
  private readonly server: SimulatedServer
  private sequence = 0
  private answer = ''
  private isAnswered = false

  constructor() {
    const sink = {
      reply: (_slot: number, _sequence: number, count: number, bytes: Uint8Array, offset: number, length: number) => {
        this.answer += Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
        if (count > 0) this.isAnswered = true
      },
      blocked: () => {},
      failed: () => {},
      notice: () => {},
      released: () => {},
    }
    this.server = new SimulatedServer(1, 2, sink, SEED)
    this.keyspace = this.server.shards[0]!.executor.keyspace
  }

  /** The reply to a command, encoded, one character a byte. */
  call(...argv: readonly (string | number)[]): string {
    const texts = argv.map(String)
    const container = lookup(texts[0]!)
    const spec = container?.subcommands === undefined ? container : lookup(texts[0]!, texts[1])
    expect(spec, texts[0]).toBeDefined()
    const lengths = Int32Array.from(texts, (text) => text.length)
    const offsets = new Int32Array(texts.length)
    for (let i = 1; i < texts.length; i++) offsets[i] = offsets[i - 1]! + lengths[i - 1]!
    this.answer = ''
    this.isAnswered = false
    const bytes = Buffer.from(texts.join(''), 'latin1')
    const { router } = this.server
    router.route(idOf(spec!), 0, this.sequence++, 0, 0, bytes, offsets, lengths, texts.length)
    while (!this.isAnswered) {
      router.publish()
      this.server.drain(0, 100)
      router.poll()
    }
    return this.answer
  }

  /** The parts of a reply that are no lengths: a flat list of its elements. */
  elements(...argv: readonly (string | number)[]): string[] {
    return this.call(...argv)
      .split('\r\n')
      .filter((part) => part !== '' && !/^[*$%~]-?\d+$/.test(part))
  }

  /**
   * Does something while there is memory for so many blocks and no more.
   * @param isReused whether a block that is given back makes room for another one
   */
  withMemoryFor(blocks: number, isReused: boolean, act: () => void): void {
    const { arena } = this.keyspace
    const { tryAllocate, free } = arena
    let left = blocks
    arena.tryAllocate = (bytes) => (left-- > 0 ? tryAllocate.call(arena, bytes) : NO_REF)
    arena.free = (ref) => {
      if (isReused) left = Math.max(left, 0) + 1
      free.call(arena, ref)
    }
    try {
      act()
    } finally {
      arena.tryAllocate = tryAllocate
      arena.free = free
    }
  }
}
