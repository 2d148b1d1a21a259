/**
 * Damages payloads of DUMP in small ways, each with the checksum that it should have.
 *
 * Only used by tests.
 */
import type { Prng } from '../../../src/base/prng.js'
import { DUMP_FOOTER_BYTES } from '../../../src/store/rdb/rdb-format.js'
import { sealed } from './payload-samples.js'

/** Bytes that say something wherever lengths and encodings stand. */
const TELLING_BYTES = [0, 1, 0x7f, 0x80, 0x81, 0xc3, 0xfe, 0xff] as const

/** Changes a few bytes, cuts some out, doubles some or puts others in. */
export function damaged(payload: Uint8Array, prng: Prng): Uint8Array {
  let bytes = Buffer.from(payload.subarray(0, payload.length - DUMP_FOOTER_BYTES))
  for (let changes = 1 + prng.below(3); changes > 0; changes--) {
    const at = prng.below(bytes.length + 1)
    const length = prng.below(6)
    switch (prng.below(6)) {
      case 0:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, prng.below(256)), bytes.subarray(at)])
        break
      case 3:
        if (at < bytes.length) bytes[at] = TELLING_BYTES[prng.below(TELLING_BYTES.length)] as number
        break
      case 4:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8))
        break
      default:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) + (prng.below(2) === 0 ? 1 : 255)
    }
  }
  return sealed(bytes)
}
