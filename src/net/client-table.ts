/**
 * All client connections: their slots, and the turn of the event loop in which requests go out and replies come back.
 *
 * Runs on the main thread. One turn: the sockets that are readable are read, which writes frames into the rings; then, in
 * the check phase, the frames are published at once, replies are taken in, and each connection with output writes once.
 * While shards owe replies, the rings are looked at in every turn; after `LOOKS_MAX` looks without one the thread announces
 * that it sleeps, and the first shard to reply wakes it.
 */
import { assert } from '../base/assert.js'
import type { Clock } from '../base/clock.js'
import type { Bell } from '../ring/bell.js'
import type { ReplySink } from '../router/reply-sink.js'
import type { Router } from '../router/router.js'
import type { Connection, ConnectionOwner } from './connection.js'
import type { Dispatcher } from './dispatcher.js'

/** Looks at the rings before a wake-up is armed: each is a turn of the event loop, in which sockets are served too. */
const LOOKS_MAX = 50
/**
 * Between two looks the thread sleeps this long at most, or until a shard replies: on few cores the shards need the
 * processor more than the looking does. Blocking here wakes in a few microseconds, the event loop's own way in some fifty.
 */
const NAP_MS = 0.2
/** While the shards wait for the disk before they answer: the next requests are to be there when it is through. */
const NAP_AT_DISK_MS = 0.005
/** An armed wake-up that nobody uses ends by itself after this long, and the rings are looked at again. */
const SLEEP_MS_MAX = 50

/** What the table asks about what clients hold. */
export interface OutputLimits {
  /** Output limits of ordinary clients are set: replies are looked at before they are written. */
  readonly limitsReplies: boolean
  /** Memory of all clients together is limited. */
  readonly limitsMemory: boolean
  /** Closes a connection whose pending output is too much. */
  checkOutput(connection: Connection): void
  /** Whether so many bytes of replies are too much for a connection, which is closed then. */
  admitsReply(connection: Connection, bytes: number): boolean
  /** What a connection holds may have changed. */
  noteMemory(connection: Connection): void
  /** A connection has closed. */
  gone(connection: Connection): void
}

export class ClientTable implements ConnectionOwner, ReplySink {
  nowMs: number
  outputBytesTotal = 0
  inputBytesTotal = 0
  reads = 0
  writes = 0
  readonly #clock: Clock
  readonly #slots: (Connection | undefined)[] = []
  readonly #freeSlots: number[] = []
  /** Slots of closed connections that shards still owe replies: their numbers must not be given to others yet. */
  readonly #owedBySlot = new Map<number, number>()
  readonly #byId = new Map<number, Connection>()
  #flushQueue: Connection[] = []
  #stalled = new Set<Connection>()
  /** Held back by CLIENT PAUSE. Nobody looks at them until it ends: in every turn, many would cost more than the traffic. */
  readonly #paused = new Set<Connection>()
  #turnQueued = false
  /** Since the last turn the time has been looked at. */
  #isTimeStamped = false
  #looks = 0
  #isSleepArmed = false
  /** For the earliest deadline of a blocked client, which is `timerMs`; Infinity when there is none. */
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  readonly #bell: Bell
  router!: Router
  dispatcher!: Dispatcher
  /** Called with what a shard tells of its own accord, see `Notice` in frames.ts. */
  onNotice: (kind: number, number: number, bytes: Uint8Array, offset: number, length: number) => void = () => {}
  /** Called at the end of a turn, before the shards get what it has brought. */
  beforePublish: () => void = () => {}
  /** Whether shards answer only when what they have written is on the disk. */
  areShardsAtDisk: () => boolean = () => false
  /** Called when the replies and notices of this turn have been taken in. */
  onTaken: () => void = () => {}
  /** Called when a connection has closed. */
  onClosed: (connection: Connection) => void = () => {}
  /** Output above this stops reading from the client, in bytes. */
  pauseOutputBytes = 1024 * 1024
  /** Closes clients that hold too much; client-limits.ts gives itself to it. */
  limits!: OutputLimits

  constructor(clock: Clock, bell: Bell) {
    this.#clock = clock
    this.#bell = bell
    this.nowMs = clock.nowMs()
  }

  get size(): number {
    return this.#byId.size
  }

  connections(): IterableIterator<Connection> {
    return this.#byId.values()
  }

  byId(id: number): Connection | undefined {
    return this.#byId.get(id)
  }

  bySlot(slot: number): Connection | undefined {
    return this.#slots[slot]
  }

  /** A slot for a connection that is about to be made; `add` must follow. */
  takeSlot(): number {
    return this.#freeSlots.pop() ?? this.#slots.length
  }

  add(connection: Connection): void {
    this.#slots[connection.slot] = connection
    this.#byId.set(connection.session.id, connection)
  }

  /** Bytes from a socket, in a buffer that is used again after this returns. */
  receive(connection: Connection, bytes: Uint8Array, length: number): void {
    this.#stampTime()
    this.inputBytesTotal += length
    this.reads++
    if (connection.isClosing) return
    connection.session.lastInteractionMs = this.nowMs
    if (this.router.isCongested && !connection.isStalled) {
      connection.isStalled = true
      connection.pauseReading()
      this.stall(connection)
    }
    this.dispatcher.receive(connection, bytes, length)
    if (this.limits.limitsMemory) this.limits.noteMemory(connection)
    this.router.publishEarly()
  }

  /**
   * Time stands still within a turn, so that everything that arrives together carries one time. Under load the next turn is
   * always queued already, so that this cannot tell whether one has passed.
   */
  #stampTime(): void {
    if (this.#isTimeStamped) return
    this.#isTimeStamped = true
    this.#queueTurn()
    this.nowMs = this.#clock.nowMs()
    this.dispatcher.nowMs = this.nowMs
    this.dispatcher.main.nowMs = this.nowMs
    this.dispatcher.scripting.look(this.nowMs)
    this.router.setTime(this.nowMs)
  }

  /** Makes sure that a turn follows, for whoever writes frames outside of `receive`. */
  touch(): void {
    this.#stampTime()
  }

  #queueTurn(): void {
    if (this.#turnQueued) return
    this.#turnQueued = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnQueued = false
    this.#isTimeStamped = false
    const { router } = this
    this.beforePublish()
    router.publish()
    const frames = router.poll()
    if (frames > 0) {
      this.#looks = 0
      this.onTaken()
      // Replies can make the router send the next hop.
      router.publish()
    }
    this.#flushAll()
    if (this.#stalled.size > 0) this.#resumeStalled()
    if (router.blocked.nextDeadlineMs !== this.#timerMs) this.#setTimer()
    const isOwed = router.outstanding > 0
    if (!isOwed && !router.isCongested && !router.isListening) return
    // Who only listens sleeps at once: nobody waits for what it hears, and a nap would hold up whoever comes next. A ring
    // that is full empties without replies, while a large frame goes through it.
    if ((isOwed && ++this.#looks <= LOOKS_MAX) || router.isCongested) {
      if (frames === 0) this.#nap()
      this.#queueTurn()
    } else {
      this.#sleep()
    }
  }

  #hasReplies(): boolean {
    for (const link of this.router.links) if (!link.replies.isEmpty) return true
    return false
  }

  /** Lets the shards have the processor until one replies, for no longer than a client would notice. */
  #nap(): void {
    if (this.#isSleepArmed) return
    this.#bell.announce()
    if (this.#hasReplies()) this.#bell.cancel()
    else this.#bell.wait(this.areShardsAtDisk() ? NAP_AT_DISK_MS : NAP_MS)
  }

  /** Ends the turns until a shard replies. */
  #sleep(): void {
    if (this.#isSleepArmed) return
    this.#bell.announce()
    const wait = this.#hasReplies() ? undefined : this.#bell.waitAsync(SLEEP_MS_MAX)
    if (wait === undefined) {
      this.#bell.cancel()
      this.#queueTurn()
      return
    }
    this.#isSleepArmed = true
    wait.then(() => {
      this.#isSleepArmed = false
      this.#looks = 0
      this.#queueTurn()
    })
  }

  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    const connection = this.#slots[slot]
    if (connection !== undefined) connection.deliver(sequence, count, bytes, offset, length)
    else this.replyAfterClose(slot, count)
  }

  replyAfterClose(slot: number, count: number): void {
    if (count === 0) return
    const owed = (this.#owedBySlot.get(slot) ?? 0) - count
    assert(owed >= 0, `slot ${slot} got a reply that it is not owed`)
    if (owed > 0) {
      this.#owedBySlot.set(slot, owed)
    } else {
      this.#owedBySlot.delete(slot)
      this.#freeSlots.push(slot)
    }
  }

  notice(kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void {
    this.onNotice(kind, number, bytes, offset, length)
  }

  blocked(slot: number): void {
    const connection = this.#slots[slot]
    if (connection === undefined) return
    connection.session.isBlocked = true
    if (connection.hasInputEnded) connection.destroy()
  }

  failed(slot: number, error: Uint8Array): void {
    const connection = this.#slots[slot]
    if (connection !== undefined) this.dispatcher.statistics.recordFailure(connection.session.lastCommandId, error)
  }

  released(slot: number): void {
    const connection = this.#slots[slot]
    if (connection === undefined) return
    const { session } = connection
    session.isHeld = false
    session.isAwaiting = false
    session.isBlocked = false
    if (connection.isStalled) this.stall(connection)
    else if (connection.hasInputEnded) connection.closeAfterReplies()
  }

  /** Sees to it that blocked clients are looked at when the time of one of them is over. */
  #setTimer(): void {
    clearTimeout(this.#timer)
    const deadlineMs = this.router.blocked.nextDeadlineMs
    this.#timerMs = deadlineMs
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    const delayMs = Math.min(Math.max(deadlineMs - this.#clock.nowMs(), 0), TIMER_MS_MAX)
    this.#timer = setTimeout(() => {
      this.#timerMs = Number.POSITIVE_INFINITY
      this.#stampTime()
      this.router.blocked.expire(this.nowMs)
    }, delayMs).unref()
  }

  outputPending(connection: Connection): void {
    this.#flushQueue.push(connection)
    this.#queueTurn()
  }

  #flushAll(): void {
    const queue = this.#flushQueue
    if (queue.length === 0) return
    this.#flushQueue = []
    // The latest first: whoever has sent a message to many is answered before they get it, and goes on meanwhile.
    for (let i = queue.length - 1; i >= 0; i--) {
      const connection = queue[i] as Connection
      connection.isFlushQueued = false
      connection.flush()
      if (connection.isStreaming || connection.heldPushBytes > 0) this.checkOutput(connection)
      if (this.limits.limitsMemory) this.limits.noteMemory(connection)
      if (connection.isStreaming && connection.outputBytes > this.pauseOutputBytes) connection.pauseReading()
      if (connection.mayClose) this.#finish(connection)
    }
  }

  checkOutput(connection: Connection): void {
    this.limits.checkOutput(connection)
  }

  get limitsReplies(): boolean {
    return this.limits.limitsReplies
  }

  admitsReply(connection: Connection, bytes: number): boolean {
    return this.limits.admitsReply(connection, bytes)
  }

  outputDrained(connection: Connection): void {
    if (this.limits.limitsMemory) this.limits.noteMemory(connection)
    connection.softLimitSinceMs = 0
    if (connection.mayClose) {
      this.#finish(connection)
      return
    }
    if (connection.isStalled) this.#queueTurn()
    else if (connection.isReadPaused) connection.resumeReading()
  }

  /** Ends a connection whose last reply is out. What the client still sends is read and dropped, so that no reset eats it. */
  #finish(connection: Connection): void {
    if (connection.isClosed || connection.isStreaming || connection.isFinishing) return
    if (connection.hasInputEnded) {
      connection.destroy()
      return
    }
    connection.isFinishing = true
    connection.session.stopTracking()
    connection.session.endListening()
    connection.resumeReading()
    connection.socket.end()
    setTimeout(() => connection.destroy(), FINISH_MS_MAX).unref()
  }

  /** Holds a connection back until the reason is gone. */
  stall(connection: Connection): void {
    this.#stalled.add(connection)
    this.#queueTurn()
  }

  /** Holds a connection back until CLIENT PAUSE ends. */
  pause(connection: Connection): void {
    this.#paused.add(connection)
    connection.session.isPaused = true
  }

  /** Looks again at everybody whom CLIENT PAUSE has held back. */
  wakePaused(): void {
    for (const connection of this.#paused) {
      connection.session.isPaused = false
      this.stall(connection)
    }
    this.#paused.clear()
  }

  #resumeStalled(): void {
    if (this.router.isCongested) return
    const all = this.#stalled
    this.#stalled = new Set()
    this.#stampTime()
    for (const connection of all) {
      if (connection.isClosed) continue
      const { isHeld, isAwaiting } = connection.session
      if (isAwaiting) {
        // It is looked at again when its blocking command is answered. Until then it is read, so that a disconnect is seen.
        connection.resumeReading()
        continue
      }
      if (isHeld || connection.owed > connection.owedMax >> 2 || connection.outputBytes > this.pauseOutputBytes) {
        this.#stalled.add(connection)
        continue
      }
      connection.isStalled = false
      connection.resumeReading()
      // This may hold it back again.
      this.dispatcher.resume(connection)
      if (connection.hasInputEnded && !connection.session.isAwaiting) connection.closeAfterReplies()
    }
    // Whoever is left waits for replies or for a reader, and both bring about the turn in which it is looked at again.
  }

  closed(connection: Connection): void {
    const { slot } = connection
    if (this.#slots[slot] !== connection) return
    this.#stalled.delete(connection)
    this.#paused.delete(connection)
    this.#byId.delete(connection.session.id)
    this.limits.gone(connection)
    this.onClosed(connection)
    this.#slots[slot] = undefined
    const owed = connection.owedByOthers
    if (owed > 0) this.#owedBySlot.set(slot, owed)
    else this.#freeSlots.push(slot)
    this.router.blocked.abandon(slot)
  }
}

const FINISH_MS_MAX = 1000
/** The longest that a timer can be set for. */
const TIMER_MS_MAX = 2 ** 31 - 1
