/**
 * What a script engine needs around it: commands go to a store of ours in the test's own thread.
 *
 * Only used by tests.
 */

import { lookup } from '../../src/commands/table.js'
import { COMMAND_ALLOWED, COMMAND_UNKNOWN, type ScriptArguments, type ScriptHost } from '../../src/lua/script-host.js'
import { OneShard } from '../commands/one-shard.js'

export class StoreHost implements ScriptHost {
  replyBytes: Uint8Array = Buffer.alloc(0)
  readonly replyStart = 0
  replyEnd = 0
  logLevelMin = 0
  interruptText = 'Script killed by user with SCRIPT KILL...'
  readonly logged: string[] = []
  readonly propagations: number[] = []
  interruptions = 0
  /** Says that the script in hand must end. */
  mustEnd: () => boolean = () => false
  /** Replies that the store is not asked for, by the text of the command. */
  readonly recorded = new Map<string, string>()
  readonly #store = new OneShard()

  call(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argumentCount: number): void {
    const argv = words(bytes, offsets, lengths, argumentCount)
    this.replyBytes = Buffer.from(this.recorded.get(argv.join(' ')) ?? this.#answer(argv), 'latin1')
    this.replyEnd = this.replyBytes.length
  }

  /** The checks that a script's commands go through, as far as these tests need them, and the store's reply. */
  #answer(argv: readonly string[]): string {
    const spec = lookup(argv[0]!)
    if (spec === undefined) return '-ERR Unknown Redis command called from script\r\n'
    if (spec.arity > 0 ? argv.length !== spec.arity : argv.length < -spec.arity) {
      return '-ERR Wrong number of args calling Redis command from script\r\n'
    }
    return this.#store.call(...argv)
  }

  checkPermission(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argumentCount: number): number {
    return lookup(words(bytes, offsets, lengths, argumentCount)[0]!) === undefined ? COMMAND_UNKNOWN : COMMAND_ALLOWED
  }

  setPropagation(to: number): void {
    this.propagations.push(to)
  }

  log(level: number, message: Uint8Array): void {
    this.logged.push(`${level} ${Buffer.from(message).toString('latin1')}`)
  }

  interrupt(): boolean {
    this.interruptions++
    return this.mustEnd()
  }
}

function words(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, count: number): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: count }, (_, i) => text.toString('latin1', offsets[i]!, offsets[i]! + lengths[i]!))
}

/** Keys and arguments, one character a byte, as a run of a script gets them. */
export function scriptArguments(keys: readonly string[], args: readonly string[]): ScriptArguments {
  const all = [...keys, ...args]
  const lengths = Int32Array.from(all, (word) => word.length)
  const offsets = new Int32Array(all.length)
  for (let i = 1; i < all.length; i++) offsets[i] = offsets[i - 1]! + lengths[i - 1]!
  return {
    bytes: Buffer.from(all.join(''), 'latin1'),
    offsets,
    lengths,
    firstKey: 0,
    keyCount: keys.length,
    firstArgument: keys.length,
    argumentCount: args.length,
  }
}
