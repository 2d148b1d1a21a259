/**
 * The main thread's half of scripts, put together: the scripts that are known, what they ask of the main thread, and
 * whether one has run for too long. Main thread.
 */
import { latin1Of } from '../base/bytes.js'
import { BUSY_FUNCTION, BUSY_SCRIPT } from '../commands/scripting/script.js'
import type { Configuration } from '../config/configuration.js'
import { ScriptBoard } from '../ring/script-board.js'
import type { ScriptMemory } from '../ring/script-memory.js'
import type { Router } from '../router/router.js'
import { FunctionLibraries } from './function-libraries.js'
import { LibraryTrial } from './library-trial.js'
import type { MainCommands } from './main-commands.js'
import { ScriptCompiler } from './script-compiler.js'
import { ScriptLine } from './script-line.js'
import { ScriptRegistry } from './script-registry.js'
import type { Session } from './session.js'

export interface ScriptingOptions {
  readonly router: Router
  readonly memory: ScriptMemory
  readonly commands: MainCommands
  readonly config: Configuration
  isOutOfMemory(): boolean
  /** Makes sure that what is written to the rings goes out. */
  touch(): void
  /** The session of a script: it has no connection. */
  makeSession(): Session
  /** A library has something for the log while it is loaded; the levels are those of lua/script-host.ts. */
  log(level: number, message: string): void
}

export class Scripting {
  readonly registry: ScriptRegistry
  readonly functions: FunctionLibraries
  readonly line: ScriptLine
  /** What commands are answered with while a script has run for too long, but for those that may end it; null mostly. */
  refusal: Uint8Array | null = null
  readonly #board: ScriptBoard
  #busyAfterMs = 0

  constructor(options: ScriptingOptions) {
    const { router, memory, commands, config } = options
    this.#board = new ScriptBoard(memory.board)
    this.registry = new ScriptRegistry(
      router,
      new ScriptCompiler(),
      this.#board,
      () => options.isOutOfMemory(),
      () => options.touch(),
    )
    const trial = new LibraryTrial((level, message) => options.log(level, latin1Of(message, 0, message.length)))
    this.functions = new FunctionLibraries(
      (code) => trial.try(code),
      (command, argv) => {
        const target = router.gather(router.shardCount, () => {})
        router.nextGsn()
        for (const { shard } of router.links) router.send(shard, target, shard, command, 0, 0, argv, 0)
        options.touch()
      },
      this.#board,
    )
    this.line = new ScriptLine(memory.lines, commands, () => options.makeSession())
    const apply = (): undefined => {
      this.#busyAfterMs = config.number('busy-reply-threshold')
      return undefined
    }
    apply()
    config.onChange('busy-reply-threshold', apply)
  }

  /** Looks whether a script has run for too long. Once in a turn. */
  look(nowMs: number): void {
    const busy = this.#board.busy(nowMs, this.#busyAfterMs)
    this.refusal = busy === null ? null : busy === 'script' ? BUSY_SCRIPT : BUSY_FUNCTION
  }
}
