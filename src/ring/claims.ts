/**
 * Who may answer a client that is blocked: one word of shared memory for each connection slot.
 *
 * Main thread and shards. A blocking command gets a ticket, a number above zero that no other command has. The word of its
 * slot says what is going on:
 *
 *    ticket   nobody answers yet
 *   -ticket   a shard has claimed the client: it runs the command, and answers if there is something
 *    0        the main thread has taken the client back: its time is over, it was unblocked, or it has gone
 *
 * A shard claims a client before it runs the command, and gives it back when there was nothing to be had. So of several
 * shards on which a client waits one answers, and no element is ever taken for a client of which the main thread knows that
 * it has gone. When the main thread finds a claim, it does not know whether an answer comes: it asks the shards to forget
 * the client, and what they answer to that comes behind the client's reply, if there is one.
 */

/** Slots that there are words for: as many connections as a process can have open, and more. 4 MiB, used as far as needed. */
const SLOTS_MAX = 1 << 20

export function createClaimsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS_MAX * Int32Array.BYTES_PER_ELEMENT)
}

export class Claims {
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory)
  }

  /** Main thread: lets shards claim the client. */
  open(slot: number, ticket: number): void {
    Atomics.store(this.#words, slot, ticket)
  }

  /** Main thread: ends the matter. Returns whether no shard had claimed the client, so that the main thread must answer. */
  close(slot: number, ticket: number): boolean {
    return Atomics.exchange(this.#words, slot, 0) === ticket
  }

  /** Shard: the ticket of the command that the slot's client waits with, 0 when it has been taken back. */
  ticketOf(slot: number): number {
    return Math.max(Atomics.load(this.#words, slot), 0)
  }

  /** Shard: claims the client. Returns false when somebody else answers. */
  claim(slot: number, ticket: number): boolean {
    return Atomics.compareExchange(this.#words, slot, ticket, -ticket) === ticket
  }

  /** Shard: gives the client back. Returns false when the main thread has taken it meanwhile. */
  giveBack(slot: number, ticket: number): boolean {
    return Atomics.compareExchange(this.#words, slot, -ticket, ticket) === -ticket
  }
}
