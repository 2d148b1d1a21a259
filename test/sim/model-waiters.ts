/**
 * Clients that wait, in the sequential model: who is served by which request, and with what.
 *
 * Only used by the simulation. As in Redis, keys that have become ready are served in order when a request is over, and each
 * key's clients in the order in which they blocked. Two things depend on which of several threads comes first, and so the
 * model takes them from the replies, and checks that they may be so:
 *
 * - A wait that the main thread ends (its time is over, CLIENT UNBLOCK, the client has gone) may end before a request that was
 *   issued already has been executed: the request must not have been answered by then.
 * - A client that waits for keys of several shards may be served by a later one of two requests that were on their way at the
 *   same time: the earlier one must not have been answered when the later was issued.
 */
import type { Asked } from './client.js'
import { elementsOf, NIL_ARRAY } from './encoding.js'
import type { Model } from './model.js'
import { attempt, waitedKeys } from './model-lists.js'

export const UNBLOCKED = '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'

interface Waiter {
  readonly asked: Asked
  readonly argv: readonly string[]
  /** Requests that could have served it, but another one has. */
  readonly passedBy: Asked[]
}

export class ModelWaiters {
  readonly #model: Model
  readonly #waiters = new Set<Waiter>()

  constructor(model: Model) {
    this.#model = model
  }

  /** The client waits. Returns what is wrong with that, as for `serve`. */
  add(asked: Asked, argv: readonly string[]): string | undefined {
    this.#waiters.add({ asked, argv, passedBy: [] })
    for (const key of waitedKeys(argv)) this.#model.watchReadiness(asked.database, key)
    const timeoutMs = Number(argv[argv.length - 1]) * 1000
    if (asked.reply !== NIL_ARRAY || asked.wasUnblocked) return undefined
    if (timeoutMs === 0) return 'it waits for ever, but its time is over'
    if ((asked.endedAtMs ?? 0) < asked.nowMs + timeoutMs) return 'its time is over too early'
    return undefined
  }

  /** Serves from the keys that `cause` has made ready. Returns what is wrong with somebody's reply. */
  serve(cause: Asked): string | undefined {
    const model = this.#model
    while (model.ready.length > 0) {
      const batch = model.ready.splice(0)
      for (const { database, key } of batch) {
        for (const waiter of this.#waiters) {
          if (waiter.asked.database !== database || !waitedKeys(waiter.argv).includes(key)) continue
          if (!model.isListAt(database, key)) break
          const complaint = this.#serveOne(waiter, key, cause)
          if (complaint !== undefined) return `the client ${waiter.asked.client} that waits for ${key}: ${complaint}`
        }
      }
    }
    return undefined
  }

  #serveOne(waiter: Waiter, key: string, cause: Asked): string | undefined {
    const { asked, argv, passedBy } = waiter
    if (endedOnMain(asked)) {
      const wasUnderWay = (cause.answeredAt ?? Infinity) > (asked.endedAt ?? 0)
      this.#waiters.delete(waiter)
      return wasUnderWay ? undefined : 'it should have been served before its wait ended'
    }
    const servedFrom = argv[0] === 'blmove' ? key : servedKey(asked.reply as string)
    if (servedFrom !== key) {
      passedBy.push(cause)
      return undefined
    }
    const expected = attempt(this.#model, argv, asked.database, key)
    if (asked.reply !== expected) return `it should get ${expected}, not ${asked.reply}`
    if (passedBy.some((earlier) => (earlier.answeredAt ?? Infinity) <= cause.issuedAt)) {
      return 'it should have been served by an earlier request'
    }
    this.#waiters.delete(waiter)
    return undefined
  }

  /** What is wrong with those who wait still. */
  check(): string | undefined {
    for (const { asked } of this.#waiters) {
      if (!endedOnMain(asked)) return `client ${asked.client} got ${asked.reply}, but nothing served it`
    }
    return undefined
  }
}

function endedOnMain({ reply }: Asked): boolean {
  return reply === NIL_ARRAY || reply === UNBLOCKED || reply === ''
}

function servedKey(reply: string): string {
  const [key = ''] = elementsOf(reply)
  return key.slice(key.indexOf('\n') + 1, -2)
}
