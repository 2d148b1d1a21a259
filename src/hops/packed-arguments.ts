/** Arguments joined into one buffer, in the shape that frames are written from. Main thread. */
import { joinBytes } from '../base/bytes.js'

export interface PackedArguments {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
}

/** Without argument 0, which does not travel. */
export function pack(argv: readonly Uint8Array[]): PackedArguments {
  const offsets = new Int32Array(argv.length)
  const lengths = new Int32Array(argv.length)
  let length = 0
  for (let i = 1; i < argv.length; i++) {
    offsets[i] = length
    lengths[i] = (argv[i] as Uint8Array).length
    length += lengths[i] as number
  }
  return { bytes: argv.length === 2 ? (argv[1] as Uint8Array) : joinBytes(argv.slice(1)), offsets, lengths }
}
