/**
 * The first line of a script, where it declares how it behaves: `#!lua flags=no-writes,allow-oom`. Both threads.
 *
 * A script without such a line is run as Redis before 7.0 did, which has a flag of its own here.
 */
import { latin1Of } from '../../base/bytes.js'
import { splitInline } from '../../resp/inline.js'

export const ScriptFlag = {
  noWrites: 1,
  allowOom: 2,
  allowStale: 4,
  noCluster: 8,
  allowCrossSlotKeys: 16,
  /** The script declares nothing. */
  undeclared: 32,
  /** Not declared but found in the text: it touches no keys but those in KEYS. */
  namesItsKeys: 64,
} as const

const FLAGS: ReadonlyMap<string, number> = new Map([
  ['no-writes', ScriptFlag.noWrites],
  ['allow-oom', ScriptFlag.allowOom],
  ['allow-stale', ScriptFlag.allowStale],
  ['no-cluster', ScriptFlag.noCluster],
  ['allow-cross-slot-keys', ScriptFlag.allowCrossSlotKeys],
])

/** The flag of that name, 0 where there is none. */
export function scriptFlag(name: string): number {
  return FLAGS.get(name) ?? 0
}

export interface Shebang {
  readonly flags: number
  /** Bytes before the line's end, which stays, so that line numbers are the client's. */
  readonly length: number
}

/** Reads a script's first line; returns the text of an error, without its code, when it makes no sense. */
export function parseShebang(body: Uint8Array): Shebang | string {
  if (body[0] !== 0x23 || body[1] !== 0x21) return { flags: ScriptFlag.undeclared, length: 0 }
  const length = body.indexOf(10)
  if (length < 0) return 'Invalid script shebang'
  const parts = splitInline(body, 0, length) ?? []
  const [engine, ...options] = parts.map((part) => latin1Of(part, 0, part.length))
  if (engine === undefined) return 'Invalid engine in script shebang'
  if (engine !== '#!lua') return `Unexpected engine in script shebang: ${engine}`
  let flags = 0
  for (const option of options) {
    if (!option.startsWith('flags=')) return `Unknown lua shebang option: ${option}`
    const names = option.slice('flags='.length)
    for (const name of names === '' ? [] : names.split(',')) {
      const flag = FLAGS.get(name)
      if (flag === undefined) return `Unexpected flag in script shebang: ${name}`
      flags |= flag
    }
  }
  return { flags, length }
}

/** Whether a script is refused as a whole when memory is out. One that declares nothing is only refused its first write. */
export function needsMemory(flags: number): boolean {
  return (flags & (ScriptFlag.undeclared | ScriptFlag.allowOom | ScriptFlag.noWrites)) === 0
}
