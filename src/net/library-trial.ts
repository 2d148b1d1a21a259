/**
 * Tries out the code of a library: which functions it registers, or what is wrong with it.
 *
 * Main thread, in an interpreter that is there for nothing else and is made for the first library. Code that is loaded can
 * call no commands. It may run for half a second, as in Redis; meanwhile the server stands still.
 */
import type { LibraryFunction } from '../commands/server-services.js'
import { LibraryEngine } from '../lua/library-engine.js'
import { COMMAND_REFUSED, LOG_DEBUG, type ScriptHost } from '../lua/script-host.js'

const LOADING_MS_MAX = 500

const NO_BYTES = new Uint8Array(0)

/** What a library finds around it while it is loaded: a log, and nothing else. */
class TrialHost implements ScriptHost {
  readonly replyBytes = NO_BYTES
  readonly replyStart = 0
  readonly replyEnd = 0
  readonly logLevelMin = LOG_DEBUG
  readonly interruptText = ''

  constructor(readonly log: (level: number, message: Uint8Array) => void) {}

  call(): void {
    throw new Error('a library has called a command while it was loaded')
  }

  checkPermission(): number {
    return COMMAND_REFUSED
  }

  setPropagation(): void {
    throw new Error('a library has changed where its writes go while it was loaded')
  }

  /** The time is looked at by `isLate`. */
  interrupt(): boolean {
    return false
  }
}

export class LibraryTrial {
  readonly #host: TrialHost
  #engine: LibraryEngine | null = null

  constructor(log: (level: number, message: Uint8Array) => void) {
    this.#host = new TrialHost(log)
  }

  /** @returns the library's functions, or the encoded error */
  try(code: Uint8Array): readonly LibraryFunction[] | Uint8Array {
    this.#engine ??= new LibraryEngine(this.#host)
    const endMs = performance.now() + LOADING_MS_MAX
    const loaded = this.#engine.load(code, () => performance.now() > endMs)
    if (loaded instanceof Uint8Array) return loaded
    this.#engine.forget(loaded.number)
    return loaded.functions
  }
}
