/**
 * A session that knows what every one of its replies must be.
 *
 * Runs in the checking scenarios. Invariant: nobody else touches keys below the session's prefix, so a plain map is a
 * complete model of them, and the expected replies are known before the commands are sent.
 */

import type { RawClient } from '../load/client.js'
import type { Argument } from '../load/encode.js'
import type { Reply } from '../load/replies.js'
import type { Random } from '../random.js'
import { sameReply } from './verify.js'

const KEYS = 200
const NUMBERS = 50
const PIPELINE_MAX = 64
const MULTI_KEYS_MAX = 12
/** APPEND must not make values grow without end. */
const VALUE_BYTES_MAX = 1 << 20
const CHUNK = Buffer.alloc(VALUE_BYTES_MAX, 'shardkeep soak value ')

interface Step {
  readonly command: readonly Argument[]
  readonly expected: Reply
}

export class ModelSession {
  checked = 0
  readonly #client: RawClient
  readonly #random: Random
  readonly #prefix: string
  readonly #values = new Map<string, Buffer>()
  readonly #numbers = new Map<string, number>()

  constructor(client: RawClient, random: Random, prefix: string) {
    this.#client = client
    this.#random = random
    this.#prefix = prefix
  }

  /** Sends one random pipeline and checks every reply. Throws with the command whose reply was wrong. */
  async runBatch(): Promise<void> {
    const steps: Step[] = []
    const length = this.#random.oneIn(3) ? 1 : 1 + this.#random.below(PIPELINE_MAX)
    while (steps.length < length) {
      if (this.#random.oneIn(12)) steps.push(...this.#transaction())
      else steps.push(this.#step())
    }
    const replies = await this.#client.pipeline(steps.map((step) => step.command))
    for (const [index, step] of steps.entries()) {
      const reply = replies[index] as Reply
      if (!sameReply(step.expected, reply)) {
        throw new Error(`${describe(step.command)} was answered ${show(reply)}, not ${show(step.expected)}`)
      }
    }
    this.checked += steps.length
  }

  /** Removes all keys of the session. */
  async clear(): Promise<void> {
    const keys = [...this.#values.keys(), ...this.#numbers.keys()]
    if (keys.length > 0) await this.#client.call('DEL', ...keys)
    this.#values.clear()
    this.#numbers.clear()
  }

  #transaction(): Step[] {
    const inner = Array.from({ length: 1 + this.#random.below(8) }, () => this.#step())
    return [
      { command: ['MULTI'], expected: 'OK' },
      ...inner.map(({ command }): Step => ({ command, expected: 'QUEUED' })),
      { command: ['EXEC'], expected: inner.map(({ expected }) => expected) },
    ]
  }

  #step(): Step {
    const key = this.#key()
    const old = this.#values.get(key) ?? null
    const kind = this.#random.below(16)
    if (kind <= 2) return this.#set(key)
    if (kind <= 5) return { command: ['GET', key], expected: old }
    if (kind === 6) return this.#count()
    if (kind === 7) return this.#multiSet()
    if (kind === 8) {
      const keys = this.#keys()
      return { command: ['MGET', ...keys], expected: keys.map((name) => this.#values.get(name) ?? null) }
    }
    if (kind === 9) return this.#delete()
    if (kind === 10) {
      const keys = this.#keys()
      return { command: ['EXISTS', ...keys], expected: keys.filter((name) => this.#values.has(name)).length }
    }
    if (kind === 11) return this.#append(key)
    if (kind === 12) return { command: ['STRLEN', key], expected: old?.length ?? 0 }
    if (kind === 13) return this.#range(key)
    if (kind === 14) {
      const value = this.#value()
      this.#values.set(key, value)
      return { command: ['GETSET', key, value], expected: old }
    }
    const value = this.#value()
    if (old === null) this.#values.set(key, value)
    return { command: ['SET', key, value, 'NX'], expected: old === null ? 'OK' : null }
  }

  #set(key: string): Step {
    const value = this.#value()
    this.#values.set(key, value)
    return { command: ['SET', key, value], expected: 'OK' }
  }

  #count(): Step {
    const key = `${this.#prefix}n${this.#random.below(NUMBERS)}`
    const by = this.#random.below(2_000_000) - 1_000_000
    const sum = (this.#numbers.get(key) ?? 0) + by
    this.#numbers.set(key, sum)
    return { command: ['INCRBY', key, by], expected: sum }
  }

  #multiSet(): Step {
    const keys = this.#keys()
    const command: Argument[] = ['MSET']
    for (const key of keys) {
      const value = this.#value()
      this.#values.set(key, value)
      command.push(key, value)
    }
    return { command, expected: 'OK' }
  }

  #delete(): Step {
    const keys = this.#keys()
    return { command: ['DEL', ...keys], expected: keys.filter((key) => this.#values.delete(key)).length }
  }

  #append(key: string): Step {
    const old = this.#values.get(key)
    const more = this.#value()
    if ((old?.length ?? 0) + more.length > VALUE_BYTES_MAX) return this.#set(key)
    const value = old === undefined ? more : Buffer.concat([old, more])
    this.#values.set(key, value)
    return { command: ['APPEND', key, more], expected: value.length }
  }

  #range(key: string): Step {
    const start = this.#random.below(100)
    const end = start + this.#random.below(100)
    const value = this.#values.get(key) ?? Buffer.alloc(0)
    return { command: ['GETRANGE', key, start, end], expected: value.subarray(start, end + 1) }
  }

  #key(): string {
    return `${this.#prefix}k${this.#random.below(KEYS)}`
  }

  /** Different keys: the model of a repeated key in one command would have to repeat the command's own order. */
  #keys(): string[] {
    const keys = new Set<string>()
    const count = 1 + this.#random.below(MULTI_KEYS_MAX)
    while (keys.size < count) keys.add(this.#key())
    return [...keys]
  }

  /** Mostly small, sometimes up to a megabyte, at a random start of the pattern so that mixed-up values differ. */
  #value(): Buffer {
    const size = this.#random.below(1000)
    const limit = size < 900 ? 64 : size < 985 ? 4096 : size < 999 ? 65_536 : 1_000_000
    const length = this.#random.below(limit)
    const value = Buffer.from(CHUNK.subarray(this.#random.below(20), this.#random.below(20) + length))
    if (value.length >= 4) value.writeUInt32LE(this.#random.next(), 0)
    return value
  }
}

function describe(command: readonly Argument[]): string {
  return command
    .slice(0, 4)
    .map((part) => String(part).slice(0, 40))
    .join(' ')
}

function show(reply: Reply): string {
  if (Buffer.isBuffer(reply)) return `${reply.length} bytes ${JSON.stringify(reply.toString('latin1').slice(0, 60))}`
  if (Array.isArray(reply)) return `[${reply.map(show).join(', ').slice(0, 300)}]`
  return String(reply)
}
