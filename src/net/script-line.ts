/**
 * Commands of the main thread that scripts call: a shard that runs a script tells what to run, and blocks for the reply (see
 * ring/script-line.ts). Main thread.
 *
 * Invariant: a request is answered at once, because the shard can do nothing until then; what would have to ask shards is
 * refused.
 */
import { copyOf } from '../base/bytes.js'
import type { CommandSpec } from '../commands/spec.js'
import { fullNameOf, specs } from '../commands/table.js'
import { encodeError } from '../resp/errors.js'
import { Notice, RequestFlag } from '../ring/frames.js'
import { Mailbox, type MailboxMemory } from '../ring/mailbox.js'
import { readArguments } from '../ring/request-arguments.js'
import { LINE_HEADER_BYTES, LINE_MAIN, LINE_SHARD } from '../ring/script-line.js'
import type { MainCommands } from './main-commands.js'
import type { Monitors } from './monitors.js'
import type { Session } from './session.js'

export class ScriptLine {
  readonly #mailboxes: readonly Mailbox[]
  readonly #commands: MainCommands
  readonly #monitors: Monitors
  readonly #makeSession: () => Session
  /** What is left of the answer to each shard. */
  readonly #answers: Uint8Array[]

  /** @param makeSession that of a script: it has no connection */
  constructor(
    mailboxes: readonly MailboxMemory[],
    commands: MainCommands,
    monitors: Monitors,
    makeSession: () => Session,
  ) {
    this.#monitors = monitors
    this.#mailboxes = mailboxes.map((memory) => new Mailbox(memory))
    this.#commands = commands
    this.#makeSession = makeSession
    this.#answers = mailboxes.map(() => new Uint8Array(0))
  }

  /**
   * Takes a notice of a shard, if it comes from a script: a command to be shown, a request, or with no bytes the wish for
   * more of the answer.
   * @returns whether it does
   */
  onNotice(kind: number, shard: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (kind === Notice.scriptShown) this.#show(copyOf(bytes, offset, length))
    else if (kind === Notice.scriptCommand) this.#answer(shard, bytes, offset, length)
    else return false
    return true
  }

  #answer(shard: number, bytes: Uint8Array, offset: number, length: number): void {
    if (length > 0) this.#answers[shard] = this.#answerTo(copyOf(bytes, offset, length))
    const answer = this.#answers[shard] as Uint8Array
    const mailbox = this.#mailboxes[shard] as Mailbox
    const piece = answer.subarray(0, mailbox.bytes.length)
    mailbox.bytes.set(piece)
    this.#answers[shard] = answer.subarray(piece.length)
    mailbox.pass(LINE_MAIN, LINE_SHARD, piece.length, piece.length < answer.length)
  }

  #show(request: Uint8Array): void {
    const { idAndDb, argv } = readRequest(request)
    // The name is argument 1, because argument 0 does not travel.
    this.#monitors.showFrom('lua', idAndDb >>> 16, specs[idAndDb & 0xffff] as CommandSpec, argv.slice(1))
  }

  #answerTo(request: Uint8Array): Uint8Array {
    const { idAndDb, flags, argv } = readRequest(request)
    const spec = specs[idAndDb & 0xffff] as CommandSpec
    const session = this.#makeSession()
    session.database = idAndDb >>> 16
    session.resp = (flags & RequestFlag.resp3) !== 0 ? 3 : 2
    let answer: Uint8Array | null = null
    const command = { spec, argv, database: session.database, flags }
    this.#commands.runForScript(session, command, (reply) => {
      answer = reply
    })
    return answer ?? encodeError(`ERR ${fullNameOf(spec)} asks all shards, which scripts cannot wait for`)
  }
}

function readRequest(request: Uint8Array): { idAndDb: number; flags: number; argv: Uint8Array[] } {
  const words = new Int32Array(request.buffer, request.byteOffset, request.length >> 2)
  const [idAndDb = 0, argumentsAndFlags = 0] = words
  const argc = (argumentsAndFlags & 0x00ffffff) + 1
  const offsets = new Int32Array(argc)
  const lengths = new Int32Array(argc)
  readArguments(words, LINE_HEADER_BYTES, argc, offsets, lengths)
  const argv = Array.from(offsets, (from, i) =>
    i === 0 ? new Uint8Array(0) : copyOf(request, from, lengths[i] as number),
  )
  return { idAndDb, flags: argumentsAndFlags >>> 24, argv }
}
