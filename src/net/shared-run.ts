/**
 * Messages that many subscribers get alike: each is written once, and each subscriber's socket takes them from there.
 *
 * Runs on the main thread. A broadcast collects what is sent to one channel (or pattern) in one turn, in one run of bytes
 * for each protocol. A subscriber that has no other output in this turn rides its run: at the end of the turn the whole run
 * is written to its socket. All others are strays, and get each message by themselves; so does, from then on, a rider that
 * must leave because something else goes out to it.
 *
 * Invariants: a rider has been in its run from the run's first byte on, and has no other output. A run does not change any
 * more when the first rider has written it, and its memory is used again when the last one is done with it.
 */
import { copyBytes } from '../base/bytes.js'

const ARRAY_TYPE = 42
const PUSH_TYPE = 62
const RUN_BYTES_INITIAL = 4 * 1024
/** A run that would grow past this is written at once, as is a connection's own output. */
const RUN_BYTES_MAX = 64 * 1024
/** With fewer subscribers, a run of their own would save nothing. */
const SUBSCRIBERS_MIN = 2
/** Broadcasts kept for later turns. */
const FREE_MAX = 16

/** A connection, as far as it is needed here. */
export interface Subscriber {
  readonly session: { readonly resp: 2 | 3 }
  /** Sends these bytes by themselves; they may be overwritten when this returns. */
  push(bytes: Uint8Array, offset: number, length: number): void
  /** Whether it rides this run from now on. */
  ride(run: SharedRun): boolean
  /** Writes its output now. */
  flush(): void
}

/** Whoever is sent to, and the broadcast that takes more for them in this turn. */
export interface Audience {
  readonly subscribers: ReadonlySet<Subscriber>
  broadcast: Broadcast | null
}

/** The bytes of a broadcast in one protocol. */
export class SharedRun {
  bytes = new Uint8Array(RUN_BYTES_INITIAL)
  length = 0
  riders = 0

  /** @param type the first byte of each message, which is all that the protocols differ in */
  constructor(
    readonly broadcast: Broadcast,
    readonly type: number,
  ) {}

  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.riders === 0) return
    const start = this.length
    this.length += length
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, start))
      this.bytes = grown
    }
    copyBytes(bytes, offset, this.bytes, start, length)
    this.bytes[start] = this.type
  }
}

class Broadcast {
  readonly #resp2 = new SharedRun(this, ARRAY_TYPE)
  readonly #resp3 = new SharedRun(this, PUSH_TYPE)
  readonly #strays = new Set<Subscriber>()
  /** Null when no more messages may be added. */
  #audience: Audience | null = null
  readonly #free: Broadcast[]

  /** @param free where it goes when nobody uses its bytes any more */
  constructor(free: Broadcast[]) {
    this.#free = free
  }

  /** Begins: everybody rides who can. It is over at once where nobody can. */
  open(audience: Audience): void {
    this.#audience = audience
    audience.broadcast = this
    for (const subscriber of audience.subscribers) {
      const run = subscriber.session.resp === 3 ? this.#resp3 : this.#resp2
      if (subscriber.ride(run)) run.riders++
      else this.#strays.add(subscriber)
    }
    this.#settle()
  }

  /** Whether so many bytes more may be added. */
  hasRoom(length: number): boolean {
    return Math.max(this.#resp2.length, this.#resp3.length) + length <= RUN_BYTES_MAX
  }

  send(bytes: Uint8Array, offset: number, length: number): void {
    this.#resp2.add(bytes, offset, length)
    this.#resp3.add(bytes, offset, length)
    if (this.#strays.size > 0) sendToEach(this.#strays, bytes, offset, length)
  }

  /** A rider has taken a copy of what there is, and gets what comes by itself. */
  leave(run: SharedRun, rider: Subscriber): void {
    if (this.#audience !== null) this.#strays.add(rider)
    this.done(run)
  }

  /** A subscriber has come that did not hear what there is. */
  addStray(subscriber: Subscriber): void {
    this.#strays.add(subscriber)
  }

  /** A subscriber that does not ride has ended its subscription. */
  forget(subscriber: Subscriber): void {
    this.#strays.delete(subscriber)
  }

  /** No more is added. The riders have yet to write what there is. */
  close(): void {
    if (this.#audience === null) return
    this.#audience.broadcast = null
    this.#audience = null
    this.#strays.clear()
  }

  /** A rider needs these bytes no more. */
  done(run: SharedRun): void {
    run.riders--
    this.#settle()
  }

  #settle(): void {
    if (this.#resp2.riders + this.#resp3.riders > 0) return
    this.close()
    this.#resp2.length = 0
    this.#resp3.length = 0
    if (this.#free.length < FREE_MAX) this.#free.push(this)
  }
}

export class Broadcasts {
  readonly #free: Broadcast[] = []

  /** Sends a message to all of an audience. Its first byte is set here, by each subscriber's protocol. */
  send(audience: Audience, bytes: Uint8Array, offset: number, length: number): void {
    const { subscribers } = audience
    if (audience.broadcast !== null && !audience.broadcast.hasRoom(length)) {
      audience.broadcast.close()
      for (const subscriber of subscribers) subscriber.flush()
    }
    if (audience.broadcast === null && subscribers.size >= SUBSCRIBERS_MIN && length <= RUN_BYTES_MAX) {
      ;(this.#free.pop() ?? new Broadcast(this.#free)).open(audience)
    }
    if (audience.broadcast !== null) audience.broadcast.send(bytes, offset, length)
    else sendToEach(subscribers, bytes, offset, length)
  }
}

function sendToEach(subscribers: ReadonlySet<Subscriber>, bytes: Uint8Array, offset: number, length: number): void {
  for (const subscriber of subscribers) {
    bytes[offset] = subscriber.session.resp === 3 ? PUSH_TYPE : ARRAY_TYPE
    // This may close the connection, which leaves the set then: that does not disturb the walk over it.
    subscriber.push(bytes, offset, length)
  }
}
