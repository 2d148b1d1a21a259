/**
 * The scripts that a shard knows, by their digests, and the engine that runs them, which is only made for the first.
 *
 * Runs in a shard worker. The main thread says which scripts there are; a shard may go on to know one that was flushed,
 * which nobody notices, because nobody is sent here with it any more but who came before.
 *
 * Invariant: a script that a frame may still ask for is known.
 */
import { DigestTable } from '../base/digest-table.js'
import { ScriptEngine } from '../lua/script-engine.js'
import type { ScriptHost, ScriptOptions } from '../lua/script-host.js'

export interface KnownScript {
  readonly digest: Uint8Array
  /** The engine's. */
  readonly number: number
  /** Those of scripting/script-flags.ts. */
  readonly flags: number
  /** How often all scripts had been flushed when it came. */
  readonly epoch: number
}

export class ScriptTable {
  readonly #host: ScriptHost
  readonly #options: ScriptOptions
  readonly #digests = new DigestTable()
  #scripts: KnownScript[] = []
  #engine: ScriptEngine | null = null
  #epoch = 0
  #isFlushDue = false

  constructor(host: ScriptHost, options: ScriptOptions) {
    this.#host = host
    this.#options = options
  }

  get engine(): ScriptEngine {
    this.#engine ??= new ScriptEngine(this.#host, this.#options)
    return this.#engine
  }

  get memoryBytes(): number {
    return this.#engine?.memoryBytes ?? 0
  }

  find(bytes: Uint8Array, offset: number, length: number): KnownScript | undefined {
    return this.#scripts[this.#digests.find(bytes, offset, length)]
  }

  /** Compiles a script, which the main thread has seen to compile. */
  load(digest: Uint8Array, flags: number, body: Uint8Array): void {
    const known = this.#digests.find(digest, 0, digest.length)
    if (known >= 0) {
      this.#scripts[known] = { ...(this.#scripts[known] as KnownScript), epoch: this.#epoch }
      return
    }
    const number = this.engine.compile(body)
    // No memory for it: whoever asks for it is told that there is no such script.
    if (typeof number !== 'number') return
    this.#scripts[this.#digests.add(digest)] = { digest, number, flags, epoch: this.#epoch }
  }

  /** @param isAskedFor whether frames wait here that may ask for scripts; they are only forgotten when none do */
  flush(isAskedFor: boolean): void {
    this.#epoch++
    this.#isFlushDue = true
    this.flushIfDue(isAskedFor)
  }

  /** Forgets what has been flushed, as soon as nobody can ask for it. */
  flushIfDue(isAskedFor: boolean): void {
    if (!this.#isFlushDue || isAskedFor) return
    this.#isFlushDue = false
    const kept = this.#scripts.filter(({ epoch }) => epoch === this.#epoch)
    // The interpreter goes with its scripts, whatever they have left in it.
    if (kept.length === 0) this.#engine = null
    else for (const { number, epoch } of this.#scripts) if (epoch !== this.#epoch) this.engine.forget(number)
    this.#digests.clear()
    this.#scripts = []
    for (const script of kept) this.#scripts[this.#digests.add(script.digest)] = script
  }
}
