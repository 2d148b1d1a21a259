/**
 * The scripts that the server knows, by their digests: what EVAL and SCRIPT LOAD have brought. Main thread.
 *
 * A shard gets a script in front of the first command that runs it there. The command itself always names the script by its
 * digest, so that a script's text goes to a shard once.
 *
 * Invariant: what is here compiles.
 */
import { createHash } from 'node:crypto'
import { asciiBytes, copyOf } from '../base/bytes.js'
import { DIGEST_DIGITS, DigestTable } from '../base/digest-table.js'
import { parseInt64, parseSafeInteger } from '../base/integer.js'
import { needsMemory, parseShebang, ScriptFlag } from '../commands/scripting/script-flags.js'
import { shardRefuseWrites, shardScriptFlush, shardScriptLoad } from '../commands/scripting/script-internal.js'
import type { ScriptServices } from '../commands/server-services.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf, specs } from '../commands/table.js'
import { pack, unpack } from '../hops/packed-arguments.js'
import type { CommandRequest } from '../hops/request.js'
import { encodeError, errors } from '../resp/errors.js'
import type { ScriptBoard } from '../ring/script-board.js'
import { runWidened } from '../router/feeding.js'
import type { Router } from '../router/router.js'
import type { PreparedScript, ScriptKnowledge } from '../router/scripts.js'
import { announceReader } from '../router/tracking-route.js'
import { namesItsKeys } from './script-analysis.js'
import type { ScriptCompiler } from './script-compiler.js'
import { refusalOfScripts, refusalOfWrites, type WriteState } from './write-refusals.js'

const NO_SCRIPT = encodeError('NOSCRIPT No matching script. Please use EVAL.')
const TOO_MANY_KEYS = encodeError("ERR Number of keys can't be greater than number of args")
const NEGATIVE_KEYS = encodeError("ERR Number of keys can't be negative")
const WRITES_IN_READ_ONLY = encodeError('ERR Can not execute a script with write flag using *_ro command.')
const NO_MEMORY_FOR_SCRIPT = encodeError(
  "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
)

const NO_NAME = new Uint8Array(0)
/** The first key of a script's command. */
const FIRST_KEY = 3
/** What Redis keeps with a script's text. */
const SCRIPT_OBJECT_BYTES = 96

interface Script {
  readonly digest: Uint8Array
  readonly body: Uint8Array
  /** Those of scripting/script-flags.ts. */
  readonly flags: number
  /** By shard: 1 where it is known. */
  readonly knownOn: Uint8Array
}

/** By command id: how a command names its script. */
const Naming = { none: 0, byText: 1, byDigest: 2 } as const
const naming = Uint8Array.from(specs, ({ name, group }) => {
  if (group !== 'scripting') return Naming.none
  if (name === 'eval' || name === 'eval_ro') return Naming.byText
  return name === 'evalsha' || name === 'evalsha_ro' ? Naming.byDigest : Naming.none
})
const readOnly = Uint8Array.from(specs, ({ flags }) => (flags.includes('readonly') ? 1 : 0))

export class ScriptRegistry implements ScriptServices, ScriptKnowledge {
  readonly #router: Router
  readonly #compiler: ScriptCompiler
  readonly #board: ScriptBoard
  readonly #state: WriteState
  readonly #touch: () => void
  readonly #digests = new DigestTable()
  #scripts: Script[] = []
  #textBytes = 0
  /** Why scripts may not write, as the shards know it. */
  #shownRefusal: Uint8Array | null = null
  /** The home of the script without keys that came last. */
  #lastHome = 0
  /** That of the command that `find` has looked at. */
  #found!: Script
  /** EVAL's arguments with the digest in the place of the text. */
  #argumentBytes = new Uint8Array(1024)
  #offsets = new Int32Array(64)

  /** @param touch makes sure that what is written to the rings goes out */
  constructor(router: Router, compiler: ScriptCompiler, board: ScriptBoard, state: WriteState, touch: () => void) {
    this.#router = router
    this.#compiler = compiler
    this.#board = board
    this.#state = state
    this.#touch = touch
  }

  get count(): number {
    return this.#scripts.length
  }

  set allowsEveryCommand(allows: boolean) {
    this.#board.allowsEveryCommand = allows
  }

  get allowsEveryCommand(): boolean {
    return this.#board.allowsEveryCommand
  }

  get textBytes(): number {
    return this.#textBytes + this.#scripts.length * SCRIPT_OBJECT_BYTES
  }

  load(body: Uint8Array): Uint8Array | string {
    const script = this.#register(body)
    return script instanceof Uint8Array ? Buffer.from(script.subarray(1)).toString('latin1').trimEnd() : script.digest
  }

  has(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.#digests.find(bytes, offset, length) >= 0
  }

  bodyOf(digest: Uint8Array): Uint8Array | undefined {
    return this.#scripts[this.#digests.find(digest, 0, digest.length)]?.body
  }

  flush(): void {
    this.#digests.clear()
    this.#scripts = []
    this.#textBytes = 0
    const router = this.#router
    const target = router.gather(router.shardCount, () => {})
    for (const { shard } of router.links) router.send(shard, target, shard, shardScriptFlush, 0, 0, [NO_NAME], 0)
    this.#touch()
  }

  kill(isFunction: boolean): 'killed' | 'not-busy' | 'written' | 'other-kind' {
    return this.#board.kill(isFunction)
  }

  /**
   * Finds the script of a client's command, for `route`, which must follow.
   * @returns an encoded error when there is none or it may not be run, else null
   */
  find(id: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): Uint8Array | null {
    this.#showWriteRefusal()
    if (naming[id] === Naming.none) {
      this.#showMemory()
      return null
    }
    const offset = offsets[1] as number
    const length = lengths[1] as number
    const isByText = naming[id] === Naming.byText
    if (!isByText && length !== DIGEST_DIGITS) return NO_SCRIPT
    const refusal = refusalOfKeys(bytes, offsets, lengths, argc)
    if (refusal !== null) return refusal
    if (isByText) {
      const script = this.#register(bytes.subarray(offset, offset + length))
      if (script instanceof Uint8Array) return script
      this.#found = script
    } else {
      const place = this.#digests.find(bytes, offset, length)
      if (place < 0) return NO_SCRIPT
      this.#found = this.#scripts[place] as Script
    }
    return this.#refusalToRun(this.#found, id)
  }

  /** Whether a script's command says that it writes nothing, so that CLIENT PAUSE WRITE lets it pass. */
  declaresNoWrites(id: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array): boolean {
    const offset = offsets[1] as number
    const length = lengths[1] as number
    if (naming[id] === Naming.byDigest) {
      const flags = this.#scripts[this.#digests.find(bytes, offset, length)]?.flags ?? 0
      return (flags & ScriptFlag.noWrites) !== 0
    }
    if (naming[id] !== Naming.byText) return false
    const shebang = parseShebang(bytes.subarray(offset, offset + length))
    return typeof shebang !== 'string' && (shebang.flags & ScriptFlag.noWrites) !== 0
  }

  /** As `Router.route`, for the command that `find` has looked at. */
  route(
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const script = this.#found
    const router = this.#router
    const mayFeed = router.feeds.isActive && readOnly[id] === 0
    const home = naming[id] === Naming.none || mayFeed ? -1 : this.#onlyHome(script, bytes, offsets, lengths)
    if (home < 0) {
      this.#routeOverShards(id, slot, sequence, database, flags, bytes, offsets, lengths, argc, mayFeed)
      return
    }
    router.nextGsn()
    this.#announce(script, home)
    if (router.reader !== null) this.#announceReader(router.reader, home, bytes, offsets, lengths, argc)
    const idAndDb = id | (database << 16)
    if (naming[id] === Naming.byDigest) {
      router.sendRanges(home, slot, sequence, idAndDb, flags, 0, bytes, offsets, lengths, argc)
      return
    }
    const textLength = lengths[1] as number
    this.#putDigest(script, bytes, offsets, lengths, argc)
    lengths[1] = DIGEST_DIGITS
    router.sendRanges(home, slot, sequence, idAndDb, flags, 0, this.#argumentBytes, this.#offsets, lengths, argc)
    lengths[1] = textLength
  }

  prepare(request: CommandRequest): PreparedScript | Uint8Array {
    const { spec, argv, flags } = request
    const router = this.#router
    const id = idOf(spec)
    if (naming[id] === Naming.none) {
      this.#showMemory()
      this.#showWriteRefusal()
      const home = this.#homeOf(argv.slice(FIRST_KEY))
      return { request, home, reachesShards: router.shardCount > 1 }
    }
    const { bytes, offsets, lengths } = pack(argv)
    const refusal = this.find(id, bytes, offsets, lengths, argv.length)
    if (refusal === errors.outOfMemory) return NO_MEMORY_FOR_SCRIPT
    if (refusal !== null) return (refusal === this.#shownRefusal ? refusalOfScripts(this.#state) : null) ?? refusal
    const script = this.#found
    const onlyHome = this.#onlyHome(script, bytes, offsets, lengths)
    const home =
      onlyHome < 0 ? this.#homeOf(argv.slice(FIRST_KEY, FIRST_KEY + keyCountOf(bytes, offsets, lengths))) : onlyHome
    this.#announce(script, home)
    const named = [argv[0] as Uint8Array, script.digest, ...argv.slice(2)]
    return { request: { ...request, argv: named, flags }, home, reachesShards: onlyHome < 0 }
  }

  /** Keeps the script that a command brings with it, if it compiles and the command could run it. */
  learn({ spec, argv }: CommandRequest): void {
    if (naming[idOf(spec)] !== Naming.byText) return
    const { bytes, offsets, lengths } = pack(argv)
    if (refusalOfKeys(bytes, offsets, lengths, argv.length) === null) this.#register(argv[1] as Uint8Array)
  }

  /** Whether a command names a script that is not known. */
  lacks({ spec, argv }: CommandRequest): boolean {
    const named = argv[1] as Uint8Array
    return naming[idOf(spec)] === Naming.byDigest && !this.has(named, 0, named.length)
  }

  reachesKeyspace(request: CommandRequest): boolean {
    const flags = this.#flagsOf(request)
    return flags === undefined || (flags & ScriptFlag.namesItsKeys) === 0
  }

  reachesShards(request: CommandRequest): boolean {
    const { bytes, offsets, lengths } = pack(request.argv)
    if (this.#router.shardCount === 1) return false
    if (this.reachesKeyspace(request)) return true
    if (refusalOfKeys(bytes, offsets, lengths, request.argv.length) !== null) return false
    const shards = new Set<number>()
    for (const key of request.argv.slice(FIRST_KEY, FIRST_KEY + keyCountOf(bytes, offsets, lengths))) {
      shards.add(this.#router.shardOf(key, 0, key.length))
    }
    return shards.size > 1
  }

  /** What is known of the script of a command that may not have been run yet; undefined for nothing. */
  #flagsOf({ spec, argv }: CommandRequest): number | undefined {
    const named = argv[1] as Uint8Array
    switch (naming[idOf(spec)]) {
      case Naming.byText:
        return namesItsKeys(named) ? ScriptFlag.namesItsKeys : 0
      case Naming.byDigest:
        return this.#scripts[this.#digests.find(named, 0, named.length)]?.flags
      default:
        return undefined
    }
  }

  #register(body: Uint8Array): Script | Uint8Array {
    const digest = asciiBytes(createHash('sha1').update(body).digest('hex'))
    const known = this.#digests.find(digest, 0, digest.length)
    if (known >= 0) return this.#scripts[known] as Script
    const shebang = parseShebang(body)
    if (typeof shebang === 'string') return encodeError(`ERR ${shebang}`)
    const refusal = this.#compiler.check(body)
    if (refusal !== null) return refusal
    const script = {
      digest,
      body: copyOf(body, 0, body.length),
      flags: shebang.flags | (namesItsKeys(body) ? ScriptFlag.namesItsKeys : 0),
      knownOn: new Uint8Array(this.#router.shardCount),
    }
    this.#scripts[this.#digests.add(digest)] = script
    this.#textBytes += body.length
    return script
  }

  /** Lets the shards see whether memory is out: they decide about functions, and about what scripts call. */
  #showMemory(): boolean {
    const isOut = this.#state.isOutOfMemory()
    if (isOut !== this.#board.isOutOfMemory) this.#board.isOutOfMemory = isOut
    return isOut
  }

  /** Lets the shards know whether scripts may write, ahead of the script that is looked at. */
  #showWriteRefusal(): void {
    const refusal = refusalOfWrites(this.#state)
    if (refusal === this.#shownRefusal) return
    this.#shownRefusal = refusal
    const router = this.#router
    const target = router.gather(router.shardCount, () => {})
    const argv = refusal === null ? [NO_NAME] : [NO_NAME, refusal]
    for (const { shard } of router.links) router.send(shard, target, shard, shardRefuseWrites, 0, 0, argv, 0)
  }

  /** Why a script that is known may not be run, or null. */
  #refusalToRun({ flags }: Script, id: number): Uint8Array | null {
    const isOut = this.#showMemory()
    if ((flags & ScriptFlag.undeclared) !== 0) return null
    if ((flags & ScriptFlag.noWrites) === 0 && this.#shownRefusal !== null) return this.#shownRefusal
    if (isOut && needsMemory(flags)) return errors.outOfMemory
    return (flags & ScriptFlag.noWrites) === 0 && readOnly[id] !== 0 ? WRITES_IN_READ_ONLY : null
  }

  /** Whether what `find` has said is about the state of the server, and not about the script: it spoils a transaction. */
  isOfState(refusal: Uint8Array): boolean {
    return refusal === errors.outOfMemory || refusal === this.#shownRefusal
  }

  /** The shard that a script has to itself, or -1 when it may touch others. */
  #onlyHome({ flags }: Script, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array): number {
    const router = this.#router
    if (router.shardCount === 1) return 0
    if ((flags & ScriptFlag.namesItsKeys) === 0) return -1
    const end = FIRST_KEY + keyCountOf(bytes, offsets, lengths)
    if (end === FIRST_KEY) return this.#anyHome()
    const home = router.shardOf(bytes, offsets[FIRST_KEY] as number, lengths[FIRST_KEY] as number)
    for (let i = FIRST_KEY + 1; i < end; i++) {
      if (router.shardOf(bytes, offsets[i] as number, lengths[i] as number) !== home) return -1
    }
    return home
  }

  #homeOf([key]: readonly Uint8Array[]): number {
    return key === undefined ? this.#anyHome() : this.#router.shardOf(key, 0, key.length)
  }

  #anyHome(): number {
    this.#lastHome = (this.#lastHome + 1) % this.#router.shardCount
    return this.#lastHome
  }

  /** Sends a script to a shard that does not know it. */
  #announce({ knownOn, digest, flags, body }: Script, shard: number): void {
    if (knownOn[shard] === 1) return
    knownOn[shard] = 1
    const router = this.#router
    const target = router.gather(1, () => {})
    router.send(shard, target, 0, shardScriptLoad, 0, 0, [NO_NAME, digest, asciiBytes(String(flags)), body], 0)
  }

  #routeOverShards(
    id: number,
    slot: number,
    sequence: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
    mayFeed: boolean,
  ): void {
    const argv = unpack(bytes, offsets, lengths, argc)
    const router = this.#router
    const { reader } = router
    const spec = specs[id] as CommandSpec
    const request = { spec, argv, database, flags, ...(reader === null ? {} : { reader }) }
    const answer = (reply: Uint8Array): void => router.answer(slot, sequence, flags, reply)
    if (mayFeed) runWidened(router, request, answer)
    else router.coordinate(request, answer)
  }

  #announceReader(
    reader: Uint8Array,
    home: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    announceReader(this.#router, home, reader, unpack(bytes, offsets, lengths, argc), 0)
  }

  /** Fills `#argumentBytes` with the arguments of EVAL, of which the text is replaced. */
  #putDigest(script: Script, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): void {
    let needed = DIGEST_DIGITS
    for (let i = 2; i < argc; i++) needed += lengths[i] as number
    if (this.#argumentBytes.length < needed) this.#argumentBytes = new Uint8Array(needed * 2)
    if (this.#offsets.length < argc) this.#offsets = new Int32Array(argc * 2)
    const target = this.#argumentBytes
    target.set(script.digest)
    this.#offsets[1] = 0
    let at = DIGEST_DIGITS
    for (let i = 2; i < argc; i++) {
      const from = offsets[i] as number
      target.set(bytes.subarray(from, from + (lengths[i] as number)), at)
      this.#offsets[i] = at
      at += lengths[i] as number
    }
  }
}

function keyCountOf(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array): number {
  return parseSafeInteger(bytes, offsets[2] as number, lengths[2] as number)
}

/** Why the number of keys makes no sense, or null. */
function refusalOfKeys(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): Uint8Array | null {
  const keyCount = keyCountOf(bytes, offsets, lengths)
  if (keyCount >= 0 && keyCount <= argc - FIRST_KEY) return null
  if (!Number.isNaN(keyCount)) return keyCount < 0 ? NEGATIVE_KEYS : TOO_MANY_KEYS
  const large = parseInt64(bytes, offsets[2] as number, lengths[2] as number)
  if (large === undefined) return errors.notAnInteger
  return large < 0n ? NEGATIVE_KEYS : TOO_MANY_KEYS
}
