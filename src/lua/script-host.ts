/**
 * What a script needs of the server around it, and what a run of one is given.
 *
 * Interfaces, implemented by the shard (and by tests). Invariant: nothing here runs Lua, so that an engine is never entered
 * twice.
 */

/** Parameters of `redis.log`, the levels of the log file. */
export const LOG_DEBUG = 0
export const LOG_VERBOSE = 1
export const LOG_NOTICE = 2
export const LOG_WARNING = 3

/** Parameters of `redis.set_repl`: to whom the script's writes go. */
export const PROPAGATE_NONE = 0
export const PROPAGATE_AOF = 1
export const PROPAGATE_REPLICAS = 2
export const PROPAGATE_ALL = PROPAGATE_AOF | PROPAGATE_REPLICAS

/** What `checkPermission` answers. */
export const COMMAND_UNKNOWN = -1
export const COMMAND_REFUSED = 0
export const COMMAND_ALLOWED = 1

export interface ScriptHost {
  /**
   * Runs a command for the script in hand. Its arguments, the name first, are `bytes[offsets[i], offsets[i] + lengths[i])`.
   * They are valid until it returns. The reply is in `replyBytes[replyStart, replyEnd)`, valid until the next call.
   * An error that the command never came to (an unknown name, a write in a read-only script) is a reply as well.
   */
  call(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argumentCount: number, resp3: boolean): void
  readonly replyBytes: Uint8Array
  readonly replyStart: number
  readonly replyEnd: number
  /** Whether the user who runs the script may run this command. */
  checkPermission(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argumentCount: number): number
  /** `redis.set_repl`: a combination of the PROPAGATE bits. */
  setPropagation(to: number): void
  log(level: number, message: Uint8Array): void
  /** Messages below it are not even put together. */
  readonly logLevelMin: number
  /** Whether the script in hand must end now. Asked every 10 000 instructions, and between the steps of long work. */
  interrupt(): boolean
  /** The error that the script then ends with, without "ERR". */
  readonly interruptText: string
}

/** The keys and arguments of a run, as ranges of one buffer. An object that callers use again. */
export interface ScriptArguments {
  bytes: Uint8Array
  offsets: Int32Array
  lengths: Int32Array
  firstKey: number
  keyCount: number
  firstArgument: number
  argumentCount: number
}

export interface ScriptOptions {
  /** What an engine may take; beyond it, a script gets Lua's error "not enough memory". */
  readonly memoryBytesMax: number
  /** Whether `newproxy`, `getfenv` and `setfenv` are there (`lua-enable-deprecated-api`). */
  readonly hasDeprecatedFunctions: boolean
  /** Which of several engines this is: random numbers of the first are those of a fresh Redis, of others different ones. */
  readonly number: number
}

export const DEFAULT_SCRIPT_OPTIONS: ScriptOptions = {
  memoryBytesMax: 256 * 1024 * 1024,
  hasDeprecatedFunctions: false,
  number: 0,
}
