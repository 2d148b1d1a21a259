/** Arguments as ranges of one buffer, the shape that frames are written from and read to, and as buffers by themselves. Any thread. */
import { copyOf, joinBytes } from '../base/bytes.js'

export interface PackedArguments {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
}

const NO_BYTES = new Uint8Array(0)

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

/** The opposite of `pack`: each argument copied out, with nothing in the place of argument 0. */
export function unpack(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): Uint8Array[] {
  const argv: Uint8Array[] = [NO_BYTES]
  for (let i = 1; i < argc; i++) argv.push(copyOf(bytes, offsets[i] as number, lengths[i] as number))
  return argv
}
