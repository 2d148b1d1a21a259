/**
 * Digests of data, as DEBUG DIGEST makes them: `xorDigest` adds data whose order does not matter, `mixDigest` data whose
 * order does.
 *
 * Runs on every thread; a digest is 20 bytes that begin as zeros.
 *
 * Algorithm: xorDigest and mixDigest in Redis's debug.c.
 */
import { SHA1_BYTES, sha1Into } from './sha1.js'

export const DIGEST_BYTES = SHA1_BYTES

const hash = new Uint8Array(SHA1_BYTES)

/** Adds `data` to the digest; the order of several such calls does not matter. */
export function xorDigest(digest: Uint8Array, data: Uint8Array): void {
  sha1Into(hash, data)
  xorBytes(digest, hash)
}

/** Adds `data` to the digest so that the result depends on what was added before. */
export function mixDigest(digest: Uint8Array, data: Uint8Array): void {
  xorDigest(digest, data)
  sha1Into(digest, digest)
}

/** Adds another digest, as if what it was made of had been added with `xorDigest`. */
export function xorBytes(digest: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = (digest[i] as number) ^ (other[i] as number)
}
