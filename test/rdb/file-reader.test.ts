/**
 * RDB files as they are read: everything that can stand in one, in blocks of any size, and damaged ones, which are
 * refused with the place of the damage and never read without end.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { RdbFileError } from '../../src/rdb/file-error.js'
import { type RdbFileEvents, RdbFileReader } from '../../src/rdb/file-reader.js'
import { RdbOpcode, RdbType } from '../../src/store/rdb/rdb-format.js'
import { samples } from '../store/rdb/payload-samples.js'
import { everyForm, fileOf, LIBRARY, writeStringKey, writeText } from './file-samples.js'

/** More for a long run by hand. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 300)

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-rdb-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface SeenKey {
  readonly name: string
  readonly database: number
  readonly expireAtMs: number
  readonly idleSeconds: number
  readonly frequency: number
  readonly bytes: Buffer
}

interface Seen {
  readonly keys: SeenKey[]
  readonly events: string[]
}

async function readAll(content: Uint8Array, checksChecksum = true): Promise<Seen> {
  const file = path.join(folder, 'dump.rdb')
  writeFileSync(file, content)
  const events: string[] = []
  const into: RdbFileEvents = {
    aux: (name, value) => events.push(`${name}=${value}`),
    library: (code) => events.push(`library ${Buffer.from(code).toString()}`),
    moduleData: (name) => events.push(`module ${name}`),
    checksumMissing: () => events.push('no checksum'),
  }
  const reader = await RdbFileReader.open(file, checksChecksum, into)
  const keys: SeenKey[] = []
  try {
    while (!reader.isAtEnd) {
      await reader.fill()
      while (reader.next()) {
        const { key, keyOffset, keyLength, bytes, entryOffset, entryLength } = reader
        const { database, expireAtMs, idleSeconds, frequency } = reader
        keys.push({
          name: Buffer.from(key.subarray(keyOffset, keyOffset + keyLength)).toString('latin1'),
          bytes: Buffer.from(bytes.subarray(entryOffset, entryOffset + entryLength)),
          database,
          expireAtMs,
          idleSeconds,
          frequency,
        })
      }
    }
  } finally {
    await reader.close()
  }
  return { keys, events }
}

describe('an RDB file', () => {
  // Whoever wrote the file may have put something behind it (an append-only file): that is none of its business.
  it('ends with its end', async () => {
    const content = Buffer.concat([everyForm(), Buffer.from('*1\r\n')])
    expect((await readAll(content)).keys.length).toBe(samples.length + 2)
  })

  it('shows all that is in it', async () => {
    const { keys, events } = await readAll(everyForm())
    expect(events).toEqual(['redis-ver=7.4.0', 'module shardtest', `library ${LIBRARY}`])
    expect(keys.map(({ name }) => name)).toEqual([...samples.map(({ name }) => name), 'expires', 'expires in seconds'])
    // The bytes of each value are those of the sample.
    samples.forEach(({ payload }, i) => {
      expect(keys[i]?.bytes.subarray(-(payload.length - 11))).toEqual(Buffer.from(payload.subarray(1, -10)))
    })
    expect(keys.at(-2)).toMatchObject({ database: 9, expireAtMs: 4_000_000_000_123, idleSeconds: 1000, frequency: -1 })
    expect(keys.at(-1)).toMatchObject({ database: 9, expireAtMs: 2_000_000_000_000, idleSeconds: -1, frequency: 200 })
  })

  it('may have values longer than a block, and blocks that end anywhere', async () => {
    const prng = new Prng(7)
    const lengths = Array.from({ length: 400 }, () => prng.below(20_000))
    lengths.splice(200, 0, 5_000_000)
    const content = fileOf(10, (writer) => {
      writer.compresses = false
      for (const [i, length] of lengths.entries()) writeStringKey(writer, `key:${i}`, 'v'.repeat(length))
      // A list of many elements, whose end only shows element by element.
      writer.byte(RdbType.list)
      writeText(writer, 'list')
      writer.length(300_000)
      for (let i = 0; i < 300_000; i++) writeText(writer, `element ${i}`)
    })
    const { keys } = await readAll(content)
    expect(keys.length).toBe(lengths.length + 1)
    expect(keys.map(({ bytes }) => bytes.length).slice(0, lengths.length)).toEqual(
      lengths.map((length, i) => {
        const header = length < 64 ? 1 : length < 16384 ? 2 : 5
        // A text of few characters may be shorter: "vvv" is no number, so it stands as it is.
        return 1 + 1 + `key:${i}`.length + header + length
      }),
    )
  })

  it.each([1, 4, 5, 9, 10, 11, 12])('may be of version %i', async (version) => {
    const content = fileOf(version, (writer) => writeStringKey(writer, 'key', 'value'))
    const { keys } = await readAll(version < 5 ? content.subarray(0, -8) : content)
    expect(keys.map(({ name }) => name)).toEqual(['key'])
  })

  it('may be without a checksum', async () => {
    const content = fileOf(10, (writer) => writeStringKey(writer, 'key', 'value'), false)
    expect((await readAll(content)).events).toEqual(['no checksum'])
  })

  it('is refused with a wrong checksum, unless nobody asks', async () => {
    const content = fileOf(10, (writer) => writeStringKey(writer, 'key', 'value'))
    content.set(Buffer.from('foobar00'), content.length - 8)
    await expect(readAll(content)).rejects.toThrow(/^RDB CRC error: Wrong RDB checksum expected: \([0-9a-f]+\) but got/)
    expect((await readAll(content, false)).keys.length).toBe(1)
  })

  it.each([
    ['nothing', '', 'the file ends at byte 0 in the middle'],
    ['no RDB', 'This is no RDB file', 'Wrong signature'],
    ['a later version', 'REDIS0013\xff', "Can't handle RDB format version 13"],
    ['version 0', 'REDIS0000\xff', "Can't handle RDB format version 0"],
    ['no version', 'REDISabcd\xff', "Can't handle RDB format version 0"],
    [
      'an unknown type',
      'REDIS0010\x1f\x01k\x01v',
      'malformed data at byte 12: expected a value, and not one of the unknown type 31',
    ],
    ['an unknown code', 'REDIS0010\xf0\x01k', 'expected a value, and not one of the unknown type 240'],
    ['no end', 'REDIS0010\x00\x01k\x01v', 'the file ends at byte 14 in the middle'],
    ['a length beyond everything', 'REDIS0010\x00\x01k\x81\xff\xff\xff\xff\xff\xff\xff\xff', 'expected a length'],
    [
      'a long value that is not there',
      `REDIS0010\x00\x01k\x80\x7f\xff\xff\xff${'v'.repeat(9)}`,
      'the file ends at byte 26',
    ],
    ['functions of a release candidate', 'REDIS0010\xf6\x01f', 'functions in the form of Redis 7.0'],
  ])('is refused with %s in it', async (_, content, message) => {
    await expect(readAll(Buffer.from(content, 'latin1'))).rejects.toThrow(message)
  })

  it('names the module whose values it has', async () => {
    const content = fileOf(10, (writer) => {
      writer.byte(RdbType.module2)
      writeText(writer, 'key')
      // The type of RedisJSON.
      writer.length64(0x45e25238, 0xdf912c03)
    })
    await expect(readAll(content)).rejects.toThrow("not one of the module type 'ReJSON-RL'")
  })

  it('is refused wherever it is cut off', async () => {
    const content = everyForm()
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
    const prng = new Prng(seed)
    for (let round = 0; round < ROUNDS; round++) {
      const length = prng.below(content.length)
      await expect(readAll(content.subarray(0, length)), `seed ${seed}, ${length} bytes`).rejects.toThrow(
        `the file ends at byte ${length} in the middle`,
      )
    }
  })

  it('does no harm when it is damaged', async () => {
    const content = everyForm()
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
    const prng = new Prng(seed)
    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      let bytes = Buffer.from(content)
      for (let changes = 1 + prng.below(3); changes > 0; changes--) {
        const at = prng.below(bytes.length)
        const which = prng.below(3)
        if (which === 0) bytes[at] = prng.below(256)
        else if (which === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + prng.below(9))])
        else
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.alloc(prng.below(9), prng.below(256)),
            bytes.subarray(at),
          ])
      }
      try {
        await readAll(bytes, false)
      } catch (error) {
        if (!(error instanceof RdbFileError)) throw new Error(`seed ${seed}, round ${round}`, { cause: error })
        expect(error.message, `seed ${seed}, round ${round}`).toMatch(/at byte \d+|signature|version|FATAL/)
        refused++
      }
    }
    expect(refused, `seed ${seed}`).toBeGreaterThan(ROUNDS / 10)
  })
})

it('keeps the codes of the format', () => {
  expect(Object.values(RdbOpcode)).toEqual([0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff])
})
