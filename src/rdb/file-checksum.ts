/**
 * The checksum of an RDB file, computed apart from what the file holds. Runs on the main thread.
 */
import { open } from 'node:fs/promises'
import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { RdbFileError } from './file-error.js'

const BLOCK_BYTES = 1024 * 1024

export interface FileChecksum {
  readonly crc: Crc64
  /** The bytes behind what was added up: the checksum, where the file has one. */
  readonly next: Uint8Array
}

/** Adds up the beginning of a file; ends sooner when nobody wants the result any more. */
export async function checksumOf(path: string, length: number, isUnwanted: () => boolean): Promise<FileChecksum> {
  const crc = new Crc64()
  const next = new Uint8Array(CRC64_BYTES)
  const block = new Uint8Array(BLOCK_BYTES)
  const file = await open(path, 'r')
  try {
    for (let at = 0; at < length && !isUnwanted(); ) {
      const { bytesRead } = await file.read(block, 0, Math.min(BLOCK_BYTES, length - at), at)
      if (bytesRead === 0) break
      crc.update(block, 0, bytesRead)
      at += bytesRead
    }
    if (length >= 0) await file.read(next, 0, CRC64_BYTES, length)
  } finally {
    await file.close()
  }
  return { crc, next }
}

/** For a file whose checksum is another one than what stands there. */
export function checksumError(crc: Crc64, stored: Uint8Array): RdbFileError {
  const expected = new Uint8Array(CRC64_BYTES)
  crc.writeTo(expected, 0)
  return new RdbFileError(
    `RDB CRC error: Wrong RDB checksum expected: (${hexOf(expected)}) but got (${hexOf(stored)}). Aborting now.`,
  )
}

/** Eight bytes, lowest first, as one hexadecimal number. */
function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .reverse()
    .toString('hex')
    .replace(/^0+(?=.)/, '')
}
