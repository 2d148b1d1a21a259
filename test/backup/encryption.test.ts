/** Encryption of backups: what was encrypted comes back, and nothing else ever comes. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decrypt, EncryptionError, encrypt, readKeyFile } from '../../src/backup/encryption.js'

const PIECE = 64 * 1024
const HEADER = 40

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function all(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const key = randomBytes(32)
const encrypted = (bytes: Uint8Array): Promise<Buffer> => all(encrypt(inPieces(bytes, 1000), key, 'a'))
const decrypted = (bytes: Uint8Array, name = 'a', withKey = key): Promise<Buffer> =>
  all(decrypt(inPieces(bytes, 777), withKey, name))

describe('encryption', () => {
  it.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5])('gives back %i bytes', async (length) => {
    const bytes = randomBytes(length)
    expect((await decrypted(await encrypted(bytes))).equals(bytes)).toBe(true)
  })

  it('notices every changed byte', async () => {
    const bytes = await encrypted(randomBytes(PIECE + 100))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] as number) ^ change
        await expect(decrypted(changed)).rejects.toThrow(EncryptionError)
      }),
      { numRuns: 60 },
    )
  })

  it('notices an end that is cut off, wherever', async () => {
    const bytes = await encrypted(randomBytes(2 * PIECE))
    const stored = PIECE + 16
    const ends = [0, 5, HEADER, HEADER + 1, HEADER + 16, HEADER + stored, HEADER + stored + 16, bytes.length - 1]
    for (const end of ends) await expect(decrypted(bytes.subarray(0, end))).rejects.toThrow(EncryptionError)
  })

  it('notices pieces that are exchanged, repeated or put behind the end', async () => {
    const bytes = await encrypted(randomBytes(3 * PIECE))
    const stored = PIECE + 16
    const header = bytes.subarray(0, HEADER)
    const [a, b, c] = [0, 1, 2].map((i) => bytes.subarray(HEADER + i * stored, HEADER + (i + 1) * stored)) as [
      Buffer,
      Buffer,
      Buffer,
    ]
    for (const order of [
      [b, a, c],
      [a, a, c],
      [a, c],
      [a, b, c, c],
    ]) {
      await expect(decrypted(Buffer.concat([header, ...order]))).rejects.toThrow(EncryptionError)
    }
  })

  it('refuses another name, and another key', async () => {
    const bytes = await encrypted(Buffer.from('x'))
    await expect(decrypted(bytes, 'b')).rejects.toThrow(EncryptionError)
    await expect(decrypted(bytes, 'a', randomBytes(32))).rejects.toThrow(EncryptionError)
  })

  it('takes keys raw, in hexadecimal and in Base64, and shows none', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-key-'))
    const file = path.join(folder, 'key')
    for (const form of [key, `${key.toString('hex')}\n`, `${key.toString('base64')}\n`]) {
      writeFileSync(file, form)
      expect(readKeyFile(file).equals(key)).toBe(true)
    }
    writeFileSync(file, 'correct horse battery staple')
    expect(() => readKeyFile(file)).toThrow(EncryptionError)
    expect(() => readKeyFile(file)).not.toThrow(/horse/)
    rmSync(folder, { recursive: true })
  })
})
