/**
 * The main thread's half of scripts, put together: the scripts that are known, what they ask of the main thread, and
 * whether one has run for too long. Main thread.
 */
import { latin1Of } from '../base/bytes.js'
import { BUSY_FUNCTION, BUSY_SCRIPT } from '../commands/scripting/script.js'
import type { CommandSpec } from '../commands/spec.js'
import { specs } from '../commands/table.js'
import type { Configuration } from '../config/configuration.js'
import { ScriptBoard } from '../ring/script-board.js'
import type { ScriptMemory } from '../ring/script-memory.js'
import type { Router } from '../router/router.js'
import { FunctionLibraries } from './function-libraries.js'
import { LibraryTrial } from './library-trial.js'
import type { MainCommands } from './main-commands.js'
import type { Monitors } from './monitors.js'
import { ScriptCompiler } from './script-compiler.js'
import { ScriptLine } from './script-line.js'
import { ScriptRegistry } from './script-registry.js'
import type { Session } from './session.js'
import type { WriteState } from './write-refusals.js'

export interface ScriptingOptions {
  readonly router: Router
  readonly memory: ScriptMemory
  readonly commands: MainCommands
  readonly config: Configuration
  readonly state: WriteState
  readonly monitors: Monitors
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
    this.registry = new ScriptRegistry(router, new ScriptCompiler(), this.#board, options.state, () => options.touch())
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
    this.line = new ScriptLine(memory.lines, commands, options.monitors, () => options.makeSession())
    options.monitors.onChange = (isActive) => {
      this.#board.isMonitored = isActive
    }
    const apply = (): undefined => {
      this.#busyAfterMs = config.number('busy-reply-threshold')
      return undefined
    }
    apply()
    config.onChange('busy-reply-threshold', apply)
  }

  /** Whether the command's script or function says that it writes nothing, so that CLIENT PAUSE WRITE lets it pass. */
  declaresNoWrites(id: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array): boolean {
    if ((specs[id] as CommandSpec).name !== 'fcall') return this.registry.declaresNoWrites(id, bytes, offsets, lengths)
    const name = latin1Of(bytes, offsets[1] as number, lengths[1] as number)
    return this.functions.find(name)?.function.flags.includes('no-writes') === true
  }

  /** Looks whether a script has run for too long. Once in a turn. */
  look(nowMs: number): void {
    const busy = this.#board.busy(nowMs, this.#busyAfterMs)
    this.refusal = busy === null ? null : busy === 'script' ? BUSY_SCRIPT : BUSY_FUNCTION
  }
}
