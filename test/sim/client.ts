/**
 * A simulated client: what a connection and its session do, without a socket. It issues commands to the router, puts the
 * replies together, and writes down what it asked and what it heard.
 *
 * Only used by the simulation.
 */
import { asciiBytes } from '../../src/base/bytes.js'
import { shardStatistics, shardUnwatch, shardWatch } from '../../src/commands/internal.js'
import type { CommandSpec } from '../../src/commands/spec.js'
import { idOf, lookup } from '../../src/commands/table.js'
import type { Answer, CommandRequest } from '../../src/hops/request.js'
import { RequestFlag } from '../../src/ring/frames.js'
import { routeBlocking } from '../../src/router/blocking-route.js'
import type { ReplySink } from '../../src/router/reply-sink.js'
import { executeTransaction } from '../../src/router/transaction.js'
import { endOf, error, NIL_ARRAY, OK } from './encoding.js'
import { scannedCursor } from './model-commands.js'
import { isBlocking } from './model-lists.js'
import type { SimulatedServer } from './simulated-server.js'

const NO_BYTES = new Uint8Array(0)

/** One thing that a client asked, at its place in the order, and the reply. */
export interface Asked {
  readonly what: 'command' | 'exec' | 'watch' | 'unwatch'
  readonly client: number
  readonly nowMs: number
  /** The database that the system took it to be in. */
  readonly database: number
  /** One command, or those of the transaction. */
  readonly commands: readonly (readonly string[])[]
  readonly silent: boolean
  /** The sequence number under which it entered the order. */
  gsn: number
  /** Points in the course of the simulation, see `SimulatedServer.moment`. */
  readonly issuedAt: number
  answeredAt: number | undefined
  /** When the main thread ended the wait of a blocking command, and the time then. */
  endedAt: number | undefined
  endedAtMs: number | undefined
  /** By CLIENT UNBLOCK. */
  wasUnblocked: boolean
  reply: string | undefined
}

export class SimulatedClient {
  readonly slot: number
  database = 0
  watched: Uint8Array[] = []
  /** Where the next SCAN goes on. */
  cursor = '0'
  issued = 0
  /** The EXEC that may still change the session: the network side holds the client back until it is through. */
  #heldBy: Asked | undefined
  /** The blocking command issued last. */
  #blocking: Asked | undefined
  isBlocked = false
  /** The connection has closed; another one takes its slot when nothing is owed to it any more. */
  isGone = false
  readonly #server: SimulatedServer
  readonly #history: Asked[]
  readonly #waiting = new Map<number, Asked>()
  readonly #pieces = new Map<number, string>()

  constructor(slot: number, server: SimulatedServer, history: Asked[]) {
    this.slot = slot
    this.#server = server
    this.#history = history
  }

  get isHeld(): boolean {
    return this.#heldBy !== undefined && this.#heldBy.reply === undefined
  }

  get #isScanning(): boolean {
    for (const { what, commands } of this.#waiting.values())
      if (what === 'command' && commands[0]?.[0] === 'scan') return true
    return false
  }

  get owed(): number {
    return this.#waiting.size
  }

  #note(what: Asked['what'], commands: readonly (readonly string[])[], silent: boolean): Asked {
    const asked: Asked = {
      what,
      client: this.slot,
      nowMs: this.#server.nowMs,
      database: this.database,
      commands,
      silent,
      gsn: 0,
      issuedAt: ++this.#server.moment,
      answeredAt: undefined,
      endedAt: undefined,
      endedAtMs: undefined,
      wasUnblocked: false,
      reply: undefined,
    }
    this.#history.push(asked)
    return asked
  }

  #takeSequence(asked: Asked): number {
    const sequence = this.issued++
    this.#waiting.set(sequence, asked)
    return sequence
  }

  #answered(sequence: number, reply: string): void {
    const asked = this.#waiting.get(sequence)
    if (asked === undefined) throw new Error(`client ${this.slot} got a second reply to its request ${sequence}`)
    this.#waiting.delete(sequence)
    asked.reply = reply
    asked.answeredAt = ++this.#server.moment
    if (asked === this.#blocking && asked.endedAt === undefined) this.#endNow(asked)
    if (asked.what === 'command' && asked.commands[0]?.[0] === 'scan') this.cursor = scannedCursor(reply)
  }

  /**
   * Issues one command. A SCAN whose cursor is `next` goes on where the client's last one ended, so it is left out while that
   * one has not been answered.
   */
  issue(text: readonly string[], silent: boolean): void {
    if (text[0] === 'scan' && this.#isScanning) return
    if (isBlocking(text[0])) {
      this.#issueBlocking(text)
      return
    }
    const argv = text[0] === 'scan' && text[1] === 'next' ? ['scan', this.cursor, ...text.slice(2)] : text
    const spec = specOf(argv)
    const asked = this.#note('command', [argv], silent)
    const sequence = this.#takeSequence(asked)
    if (spec.route?.on === 'main') {
      this.#runOnMain(argv, (reply) => this.#answered(sequence, silent ? '' : textOf(reply)))
      return
    }
    const { bytes, offsets, lengths } = rangesOf(argv)
    const flags = silent ? RequestFlag.silent : 0
    this.#server.router.route(
      idOf(spec),
      this.slot,
      sequence,
      this.database,
      flags,
      bytes,
      offsets,
      lengths,
      argv.length,
    )
    // The connection's buffer is used for the next read.
    bytes.fill(0x21)
  }

  #issueBlocking(argv: readonly string[]): void {
    const asked = this.#note('command', [argv], false)
    const sequence = this.#takeSequence(asked)
    this.#heldBy = asked
    this.#blocking = asked
    const { bytes, offsets, lengths } = rangesOf(argv)
    const { router } = this.#server
    const id = idOf(specOf(argv))
    routeBlocking(router, id, this.slot, sequence, this.database, 0, bytes, offsets, lengths, argv.length)
    bytes.fill(0x21)
  }

  /** CLIENT UNBLOCK by somebody else. */
  unblock(withError: boolean): void {
    const asked = this.#blocking
    if (asked === undefined || this.isGone) return
    const wasBlocked = this.isBlocked
    this.#server.router.blocked.unblock(this.slot, withError, (isUnblocked) => {
      // A reply may be on its way already.
      if (isUnblocked && !wasBlocked) throw new Error(`CLIENT UNBLOCK says ${isUnblocked} of client ${this.slot}`)
      if (!isUnblocked) return
      asked.wasUnblocked = true
      this.#endNow(asked)
    })
  }

  /** The connection closes, while a blocking command is on its way or waits. */
  disconnect(): void {
    if (this.isGone || this.#blocking === undefined || this.#blocking.reply !== undefined) return
    this.isGone = true
    this.#endNow(this.#blocking)
    this.#server.router.blocked.abandon(this.slot)
  }

  #endNow(asked: Asked): void {
    asked.endedAt = ++this.#server.moment
    asked.endedAtMs = this.#server.nowMs
  }

  blocked(): void {
    if (this.#blocking?.reply !== undefined) throw new Error(`client ${this.slot} is blocked after its reply`)
    this.isBlocked = true
  }

  released(): void {
    if (this.#blocking?.reply === undefined) throw new Error(`client ${this.slot} is released before its reply`)
    this.isBlocked = false
    this.isGone = false
  }

  /** Issues a transaction, with the watches that the client has. */
  exec(commands: readonly (readonly string[])[]): void {
    const asked = this.#note('exec', commands, false)
    const sequence = this.#takeSequence(asked)
    const watchedKeys = this.watched
    this.watched = []
    const mustWait = executeTransaction(
      this.#server.router,
      {
        connection: this.slot,
        commands: commands.map((argv) => this.#request(argv)),
        watchedKeys,
        runOnMain: (request, answer) => {
          const argv = request.argv.map((argument) => Buffer.from(argument).toString('latin1'))
          this.#runOnMain(argv, answer)
        },
        database: () => this.database,
        flags: () => 0,
        remember: () => {},
        nilArray: asciiBytes(NIL_ARRAY),
      },
      (reply) => this.#answered(sequence, textOf(reply)),
    )
    if (mustWait) this.#heldBy = asked
  }

  #request(argv: readonly string[]): CommandRequest {
    return {
      spec: specOf(argv),
      argv: argv.map((text) => Buffer.from(text, 'latin1')),
      database: this.database,
      flags: 0,
    }
  }

  watch(keys: readonly string[]): void {
    const { router } = this.#server
    const asked = this.#note('watch', [keys], false)
    const sequence = this.#takeSequence(asked)
    router.nextGsn()
    const target = router.gather(keys.length, () => this.#answered(sequence, OK))
    keys.forEach((text, i) => {
      const key = Buffer.from(text, 'latin1')
      this.watched.push(key)
      router.send(this.#server.shardOf(text), target, i, shardWatch, this.database, 0, [NO_BYTES, key, this.#name])
    })
  }

  /** What UNWATCH, DISCARD and the end of a connection have in common. */
  unwatch(): void {
    const { router } = this.#server
    this.#note('unwatch', [], false).reply = OK
    if (this.watched.length === 0) return
    const shards = new Set(this.watched.map((key) => router.shardOf(key, 0, key.length)))
    this.watched = []
    const target = router.gather(shards.size, () => {})
    router.nextGsn()
    let part = 0
    for (const shard of shards) router.send(shard, target, part++, shardUnwatch, 0, 0, [NO_BYTES, this.#name])
  }

  get #name(): Uint8Array {
    return asciiBytes(String(this.slot))
  }

  /** Commands of the main thread: SELECT, PING, and INFO, which asks all shards for their figures. */
  #runOnMain(argv: readonly string[], answer: Answer): void {
    const { router, shards } = this.#server
    if (argv[0] === 'info') {
      const target = router.gather(shards.length, () => answer(asciiBytes('+info\r\n')))
      shards.forEach((_, shard) => {
        router.send(shard, target, shard, shardStatistics, 0, 0, [NO_BYTES])
      })
    } else if (argv[0] === 'select') {
      const index = Number(argv[1])
      const exists = index < router.databases
      if (exists) this.database = index
      this.cursor = '0'
      answer(asciiBytes(exists ? OK : error('ERR DB index is out of range')))
    } else {
      answer(asciiBytes('+PONG\r\n'))
    }
  }

  /** Takes `count` whole replies from `sequence` on, or with count 0 a piece of one. */
  receive(sequence: number, count: number, text: string): void {
    if (count === 0) {
      this.#pieces.set(sequence, (this.#pieces.get(sequence) ?? '') + text)
      return
    }
    const begun = this.#pieces.get(sequence)
    if (begun !== undefined && count !== 1) throw new Error('a reply in pieces must end in a frame of its own')
    this.#pieces.delete(sequence)
    const all = (begun ?? '') + text
    let at = 0
    for (let i = 0; i < count; i++) {
      // A blocking command whose client has gone is passed over.
      const silent = this.#waiting.get(sequence + i)?.silent === true || all.length === 0
      const end = silent ? at : endOf(all, at)
      this.#answered(sequence + i, all.slice(at, end))
      at = end
    }
    if (at !== all.length) throw new Error(`${all.length - at} bytes follow the last reply of a frame`)
  }
}

/** Hands replies to the clients that they are for. */
export class ClientSink implements ReplySink {
  readonly clients: SimulatedClient[] = []

  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    const client = this.clients[slot]
    if (client === undefined) throw new Error(`a reply for slot ${slot}, which nobody has`)
    client.receive(sequence, count, Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1'))
  }

  blocked(slot: number): void {
    this.clients[slot]?.blocked()
  }

  notice(): void {}

  failed(): void {
    // Statistics are not simulated.
  }

  released(slot: number): void {
    this.clients[slot]?.released()
  }
}

/** Arguments as they stand in a connection's buffer. */
function rangesOf(argv: readonly string[]): { bytes: Buffer; offsets: Int32Array; lengths: Int32Array } {
  const lengths = Int32Array.from(argv, (argument) => argument.length)
  const offsets = new Int32Array(argv.length)
  for (let i = 1; i < argv.length; i++) offsets[i] = (offsets[i - 1] as number) + (lengths[i - 1] as number)
  return { bytes: Buffer.from(argv.join(''), 'latin1'), offsets, lengths }
}

function specOf(argv: readonly string[]): CommandSpec {
  const spec = lookup(argv[0] ?? '')
  if (spec === undefined) throw new Error(`there is no command ${argv[0]}`)
  return spec
}

function textOf(reply: Uint8Array): string {
  return Buffer.from(reply).toString('latin1')
}
