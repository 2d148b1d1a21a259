/**
 * Encryption of backups: AES-256-GCM in pieces, so that a file of any size is checked piece by piece while it is read.
 *
 * Any thread. Invariant: `decrypt` yields no byte that is not authentic, and ends without an error only when every piece was
 * there, in order, up to the last one.
 *
 *   magic "SKENC1\r\n" | salt, 32 bytes | ( up to 64 KiB encrypted | tag, 16 bytes )...
 *
 * Each file has a key of its own: HKDF-SHA256 of the key in the key file, with the salt, and as info a name for the purpose and
 * the file's name, so that a file does not pass for another one. The nonce of a piece is 7 zero bytes, its number in 32 bits
 * (highest first), and 1 for the last piece, else 0: a piece that is moved, repeated or left out does not decrypt. The magic
 * is authenticated with each piece. The scheme is STREAM of https://eprint.iacr.org/2015/189.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { systemErrorText } from '../config/system-error.js'
import { chunksOf } from './chunks.js'

const MAGIC = Buffer.from('SKENC1\r\n', 'latin1')
const SALT_BYTES = 32
const HEADER_BYTES = MAGIC.length + SALT_BYTES
export const KEY_BYTES = 32
const PIECE_BYTES = 64 * 1024
const TAG_BYTES = 16
const NONCE_BYTES = 12
const PIECES_MAX = 2 ** 32
const CIPHER = 'aes-256-gcm'

/** The key file, or what was encrypted, is not what it should be. */
export class EncryptionError extends Error {
  readonly code = 'BACKUP_ENCRYPTION'
}

/**
 * Reads a key: 32 bytes as they are, 64 hexadecimal digits, or Base64.
 * @throws EncryptionError, which does not show what the file holds
 */
export function readKeyFile(file: string): Buffer {
  let content: Buffer
  try {
    content = readFileSync(file)
  } catch (error) {
    throw new EncryptionError(`the key file ${file} cannot be read: ${systemErrorText(error)}`)
  }
  if (content.length === KEY_BYTES) return content
  const text = content.toString('latin1').trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  throw new EncryptionError(
    `the key file ${file} does not hold a key: 32 bytes, 64 hexadecimal digits, or Base64 of them`,
  )
}

/** Tells keys apart, and says nothing about them. */
export function keyFingerprint(key: Uint8Array): string {
  return createHash('sha256').update('shardkeep backup key\n').update(key).digest('hex').slice(0, 16)
}

/** @param name the file's name, which must be the same when it is decrypted */
export async function* encrypt(
  content: AsyncIterable<Uint8Array>,
  key: Uint8Array,
  name: string,
): AsyncGenerator<Uint8Array> {
  const salt = randomBytes(SALT_BYTES)
  const fileKey = keyOfFile(key, salt, name)
  yield Buffer.concat([MAGIC, salt])
  let number = 0
  for await (const { bytes, isLast } of chunksOf(content, () => PIECE_BYTES)) {
    if (number === PIECES_MAX) throw new EncryptionError('the content is too long to be encrypted')
    const cipher = createCipheriv(CIPHER, fileKey, nonceOf(number++, isLast), { authTagLength: TAG_BYTES })
    cipher.setAAD(MAGIC)
    const encrypted = cipher.update(bytes)
    cipher.final()
    yield Buffer.concat([encrypted, cipher.getAuthTag()])
  }
}

/**
 * The reverse.
 * @throws EncryptionError
 */
export async function* decrypt(
  content: AsyncIterable<Uint8Array>,
  key: Uint8Array,
  name: string,
): AsyncGenerator<Uint8Array> {
  const file = content[Symbol.asyncIterator]()
  try {
    const { header, rest } = await takeHeader(file)
    if (!header.subarray(0, MAGIC.length).equals(MAGIC))
      throw new EncryptionError(`${name} is not encrypted as backups are`)
    const fileKey = keyOfFile(key, header.subarray(MAGIC.length), name)
    let number = 0
    for await (const { bytes, isLast } of chunksOf(joined(rest, file), () => PIECE_BYTES + TAG_BYTES)) {
      const encryptedBytes = bytes.length - TAG_BYTES
      if (encryptedBytes < 0) throw new EncryptionError(`${name} ends in the middle of piece ${number}`)
      const decipher = createDecipheriv(CIPHER, fileKey, nonceOf(number, isLast), { authTagLength: TAG_BYTES })
      decipher.setAAD(MAGIC)
      decipher.setAuthTag(bytes.subarray(encryptedBytes))
      const decrypted = decipher.update(bytes.subarray(0, encryptedBytes))
      try {
        decipher.final()
      } catch {
        // OpenSSL does not say more than that it does not fit.
        throw new EncryptionError(`piece ${number} of ${name} is damaged, is not where it belongs, or has another key`)
      }
      number++
      if (decrypted.length > 0) yield decrypted
    }
  } finally {
    await file.return?.()
  }
}

async function takeHeader(file: AsyncIterator<Uint8Array>): Promise<{ header: Buffer; rest: Buffer }> {
  let start = Buffer.alloc(0)
  while (start.length < HEADER_BYTES) {
    const { done, value } = await file.next()
    if (done === true) throw new EncryptionError('an encrypted file ends before it begins')
    start = Buffer.concat([start, value])
  }
  return { header: start.subarray(0, HEADER_BYTES), rest: start.subarray(HEADER_BYTES) }
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

function keyOfFile(key: Uint8Array, salt: Uint8Array, name: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, `shardkeep backup\n${name}`, KEY_BYTES))
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(number, 7)
  nonce[11] = isLast ? 1 : 0
  return nonce
}
