/**
 * A server and several clients of it that block and wake each other: what each hears is written down, so that the same play
 * on two servers can be compared.
 *
 * Only used by tests.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { RespConnection, type RespValue } from '../support/resp-value.js'

type Word = string | number

/** So long may a reply take that must come. */
const REPLY_MS_MAX = 3000
/** So long is it watched that no reply comes. */
const SILENCE_MS = 25
const POLL_MS = 2

export class BlockingStage {
  readonly heard: (readonly [client: string, reply: RespValue | 'closed' | 'waits'])[] = []
  readonly #target: number | string
  readonly #observer: RespConnection
  readonly #clients = new Map<string, RespConnection>()
  readonly #pending = new Map<string, Promise<RespValue | 'closed'>>()

  private constructor(target: number | string, observer: RespConnection) {
    this.#target = target
    this.#observer = observer
  }

  static async open(target: number | string): Promise<BlockingStage> {
    return new BlockingStage(target, await RespConnection.open(target))
  }

  async #client(name: string): Promise<RespConnection> {
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    const client = await RespConnection.open(this.#target)
    this.#clients.set(name, client)
    return client
  }

  /** The client sends a command and hears the reply. */
  async asks(name: string, ...argv: Word[]): Promise<RespValue> {
    const reply = await (await this.#client(name)).call(...argv)
    this.heard.push([name, reply])
    return reply
  }

  /** The client runs a transaction; what EXEC replies is written down. */
  async executes(name: string, ...commands: Word[][]): Promise<void> {
    const client = await this.#client(name)
    await client.call('multi')
    for (const argv of commands) await client.call(...argv)
    this.heard.push([name, await client.call('exec')])
  }

  /** The client sends a command and is blocked by it. */
  async blocksOn(name: string, ...argv: Word[]): Promise<void> {
    const before = await this.blockedClients()
    const client = await this.#client(name)
    this.#pending.set(name, client.call(...argv))
    await this.untilBlocked(before + 1)
  }

  /** A client that was blocked hears its reply. */
  async hears(name: string): Promise<RespValue | 'closed'> {
    const pending = this.#pending.get(name)
    if (pending === undefined) throw new Error(`${name} is not blocked`)
    const reply = await Promise.race([pending, delay(REPLY_MS_MAX, undefined)])
    if (reply === undefined) throw new Error(`${name} hears nothing`)
    this.#pending.delete(name)
    this.heard.push([name, reply])
    return reply
  }

  /** A client that was blocked still is. */
  async waits(name: string): Promise<void> {
    const pending = this.#pending.get(name) as Promise<RespValue | 'closed'>
    const reply = await Promise.race([pending, delay(SILENCE_MS, 'waits' as const)])
    this.heard.push([name, reply])
  }

  /** The client's connection closes, and the server has seen it. */
  async leaves(name: string): Promise<void> {
    const before = await this.blockedClients()
    this.#clients.get(name)?.close()
    this.#clients.delete(name)
    if (this.#pending.delete(name)) await this.untilBlocked(before - 1)
  }

  async clientId(name: string): Promise<number> {
    return (await (await this.#client(name)).call('client', 'id')) as number
  }

  async info(field: string): Promise<string> {
    const text = String(await this.#observer.call('info', 'everything'))
    return new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1] ?? ''
  }

  async blockedClients(): Promise<number> {
    return Number(await this.info('blocked_clients'))
  }

  async untilBlocked(count: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < REPLY_MS_MAX; waitedMs += POLL_MS) {
      if ((await this.blockedClients()) === count) return
      await delay(POLL_MS)
    }
    throw new Error(`${count} blocked clients were expected, there are ${await this.blockedClients()}`)
  }

  close(): void {
    this.#observer.close()
    for (const client of this.#clients.values()) client.close()
  }
}
