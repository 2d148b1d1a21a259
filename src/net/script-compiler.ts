/**
 * Says on the main thread whether a script compiles, so that the client hears of it at once and no shard gets one that does
 * not. Nothing is ever run here.
 */
import { ScriptEngine } from '../lua/script-engine.js'
import { COMMAND_UNKNOWN, LOG_WARNING, type ScriptHost } from '../lua/script-host.js'

const NOTHING = new Uint8Array(0)

const hostOfNothing: ScriptHost = {
  replyBytes: NOTHING,
  replyStart: 0,
  replyEnd: 0,
  logLevelMin: LOG_WARNING,
  interruptText: '',
  call: refuse,
  checkPermission: () => COMMAND_UNKNOWN,
  setPropagation: refuse,
  log: refuse,
  interrupt: () => false,
}

function refuse(): never {
  throw new Error('the main thread runs no scripts')
}

export class ScriptCompiler {
  #engine: ScriptEngine | null = null

  /** @returns null when the script compiles, else the encoded error */
  check(body: Uint8Array): Uint8Array | null {
    this.#engine ??= new ScriptEngine(hostOfNothing)
    const number = this.#engine.compile(body)
    if (typeof number !== 'number') return number
    this.#engine.forget(number)
    return null
  }
}
