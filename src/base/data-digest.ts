/**
 * Digests of data, as DEBUG DIGEST makes them: `xorDigest` adds data whose order does not matter, `mixDigest` data whose
 * order does.
 *
 * Runs on every thread; a digest is 20 bytes that begin as zeros.
 *
 * Algorithm: xorDigest and mixDigest in Redis's debug.c.
 */
import { createHash } from 'node:crypto'

export const DIGEST_BYTES = 20

function sha1(data: Uint8Array): Buffer {
  return createHash('sha1').update(data).digest()
}

/** Adds `data` to the digest; the order of several such calls does not matter. */
export function xorDigest(digest: Uint8Array, data: Uint8Array): void {
  xorBytes(digest, sha1(data))
}

/** Adds `data` to the digest so that the result depends on what was added before. */
export function mixDigest(digest: Uint8Array, data: Uint8Array): void {
  xorDigest(digest, data)
  digest.set(sha1(digest))
}

/** Adds another digest, as if what it was made of had been added with `xorDigest`. */
export function xorBytes(digest: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = (digest[i] as number) ^ (other[i] as number)
}
