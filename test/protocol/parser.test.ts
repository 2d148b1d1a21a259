/** The request parser, fed as a connection feeds it: in any pieces, it must find the same commands and the same faults. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ParseResult, ParseState, RequestParser } from '../../src/resp/request-parser.js'
import { cutAt, encodeRequest } from './raw-exchange.js'

const BULK_BYTES_MAX = 512 * 1024 * 1024

interface FeedOptions {
  readonly authenticated?: boolean
  /** Where in its buffer a kept command is put when more bytes come: a connection moves it now and then. */
  readonly keepAt?: (round: number) => number
}

/**
 * Gives pieces to one parser as a connection does: what is left of a piece is kept from its command's start on, and
 * parsed again, with the same state, when more has come. A fault ends it.
 */
class Feeder {
  readonly commands: Buffer[][] = []
  error = ''
  readonly #parser = new RequestParser()
  readonly #state = new ParseState()
  #kept: Uint8Array = new Uint8Array(0)
  #round = 0

  constructor(readonly options: FeedOptions = {}) {}

  feed(piece: Uint8Array): void {
    if (this.error !== '') return
    const at = this.options.keepAt?.(this.#round++) ?? 0
    const bytes = new Uint8Array(at + this.#kept.length + piece.length)
    bytes.set(this.#kept, at)
    bytes.set(piece, at + this.#kept.length)
    this.#kept = bytes.subarray(this.#parse(bytes, at))
  }

  #parse(bytes: Uint8Array, from: number): number {
    const parser = this.#parser
    let start = from
    while (start < bytes.length) {
      const { authenticated = true } = this.options
      const result = parser.parse(bytes, start, bytes.length, this.#state, authenticated, BULK_BYTES_MAX)
      if (result === ParseResult.incomplete) return start
      if (result === ParseResult.error) {
        this.error = parser.error
        return bytes.length
      }
      if (result === ParseResult.command) this.commands.push(currentCommand(parser))
      start = parser.end
    }
    return start
  }
}

function currentCommand(parser: RequestParser): Buffer[] {
  const command: Buffer[] = []
  for (let i = 0; i < parser.argc; i++) {
    const offset = parser.offsets[i] as number
    command.push(Buffer.from(parser.bytes.slice(offset, offset + (parser.lengths[i] as number))))
  }
  return command
}

function feedAll(pieces: readonly Uint8Array[], options: FeedOptions = {}): Feeder {
  const feeder = new Feeder(options)
  for (const piece of pieces) feeder.feed(piece)
  return feeder
}

/** Compares at once what would take seconds as objects. */
function expectCommands(feeder: Feeder, commands: readonly (readonly Uint8Array[])[], where: string): void {
  expect(feeder.error, where).toBe('')
  const same = Buffer.concat(feeder.commands.map(encodeRequest)).equals(Buffer.concat(commands.map(encodeRequest)))
  if (!same) expect(feeder.commands, where).toEqual(commands)
}

/** Bytes that would mislead a parser that looked inside arguments. */
const TREACHEROUS = Buffer.from('*1\r\n$4\r\nPING\r\n\0\xff\r', 'latin1')

function argumentOf(length: number): Buffer {
  return Buffer.alloc(length, TREACHEROUS)
}

/** Around these lengths a header gets another digit, or a buffer its limit. */
const BORDER_LENGTHS = [9, 10, 99, 100, 999, 1000, 16 * 1024, 32 * 1024, 64 * 1024].flatMap((n) => [n - 1, n, n + 1])

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('requests in pieces', () => {
  const frames: readonly (readonly [name: string, bytes: Buffer, commands: readonly (readonly Buffer[])[]])[] = [
    ['a command', encodeRequest(['GET', 'key']), [[latin1('GET'), latin1('key')]]],
    ['empty arguments', encodeRequest(['ECHO', '']), [[latin1('ECHO'), latin1('')]]],
    [
      'lengths of one to four digits',
      encodeRequest(['SET', argumentOf(9), argumentOf(10), argumentOf(99), argumentOf(100), argumentOf(1000)]),
      [[latin1('SET'), ...[9, 10, 99, 100, 1000].map(argumentOf)]],
    ],
    [
      'more arguments than the parser has room for at first',
      encodeRequest(Array.from({ length: 130 }, (_, i) => `argument ${i}`)),
      [Array.from({ length: 130 }, (_, i) => latin1(`argument ${i}`))],
    ],
    ['an inline command', latin1('SET "a\\x00b" \'c d\'\r\n'), [[latin1('SET'), latin1('a\0b'), latin1('c d')]]],
    [
      'all kinds in a row',
      Buffer.concat([
        latin1('\r\n*0\r\n*-1\r\nPING\n'),
        encodeRequest(['SET', TREACHEROUS, 'v']),
        latin1('  \r\nECHO x\r\n'),
        encodeRequest(['GET', '']),
      ]),
      [
        [latin1('PING')],
        [latin1('SET'), TREACHEROUS, latin1('v')],
        [latin1('ECHO'), latin1('x')],
        [latin1('GET'), latin1('')],
      ],
    ],
  ]

  it.each(frames)('%s: cut in two at every offset', (_name, bytes, commands) => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      for (const keepAt of [() => 0, () => 5]) {
        expectCommands(feedAll(cutAt(bytes, [cut]), { keepAt }), commands, `cut at ${cut}`)
      }
    }
  })

  it.each(frames)('%s: cut in three', (_name, bytes, commands) => {
    // All pairs of a short frame; of a long one, every step-th.
    const step = Math.max(1, Math.floor(bytes.length / 60))
    for (let first = 0; first <= bytes.length; first += step) {
      for (let second = first; second <= bytes.length; second += step) {
        const pieces = cutAt(bytes, [first, second])
        expectCommands(feedAll(pieces, { keepAt: (round) => round * 3 }), commands, `cut at ${first} and ${second}`)
      }
    }
  })

  it.each(frames)('%s: byte by byte', (_name, bytes, commands) => {
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
    expectCommands(feedAll(pieces, { keepAt: (round) => round % 4 }), commands, 'byte by byte')
  })
})

const argument = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 2, arbitrary: fc.constantFrom(...BORDER_LENGTHS).map(argumentOf) },
  { weight: 1, arbitrary: fc.nat(200_000).map(argumentOf) },
)
const request = fc.array(argument, { minLength: 1, maxLength: 80 })
const requests = fc.array(request, { minLength: 1, maxLength: 6 })
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

/** Fractions of the length as offsets: cuts stay in place when fast-check shrinks the bytes. */
function offsetsIn(bytes: Uint8Array, fractions: readonly number[]): number[] {
  return fractions.map((fraction) => Math.floor(fraction * (bytes.length + 1)))
}

describe('random requests', () => {
  it('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(requests, cuts, fc.nat(20), (commands, fractions, shift) => {
        const bytes = Buffer.concat(commands.map(encodeRequest))
        const pieces = cutAt(bytes, offsetsIn(bytes, fractions))
        expectCommands(feedAll(pieces, { keepAt: (round) => (round * shift) % 17 }), commands, 'in pieces')
      }),
      { numRuns: 400 },
    )
  })

  it('have the same faults whole and in pieces when bytes of them are changed', () => {
    const short = fc.array(fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 4,
    })
    const byte = fc.oneof(fc.constantFrom(...'*$\r\n-+0129 "\'\\\0'.split('').map((c) => c.charCodeAt(0))), fc.nat(255))
    const mutations = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), byte), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(short, mutations, cuts, fc.boolean(), (commands, changes, fractions, authenticated) => {
        const bytes = Buffer.concat(commands.map(encodeRequest))
        for (const [fraction, value] of changes) bytes[Math.floor(fraction * bytes.length)] = value
        const whole = feedAll([bytes], { authenticated })
        const cut = feedAll(cutAt(bytes, offsetsIn(bytes, fractions)), { authenticated, keepAt: (round) => round % 3 })
        expect(cut.error).toBe(whole.error)
        expect(cut.commands).toEqual(whole.commands)
        expect(whole.error).toMatch(PROTOCOL_ERROR_OR_NONE)
      }),
      { numRuns: 3000 },
    )
  })
})

const PROTOCOL_ERROR_OR_NONE =
  /^$|^Protocol error: (invalid multibulk length|invalid bulk length|expected '\$', got '[\s\S]'|unbalanced quotes in request|unauthenticated multibulk length|unauthenticated bulk length|too big (inline request|mbulk count string|bulk count string))$/

/** Counts how often a byte of a buffer is read by its index. */
function counting(bytes: Uint8Array): { bytes: Uint8Array; count: () => number } {
  let count = 0
  const proxy = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && key >= '0' && key < ':') count++
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { bytes: proxy, count: () => count }
}

describe('the cost of a request in many pieces', () => {
  /** Parses a growing part of `request`, `step` bytes more each time, and returns how many bytes were looked at. */
  function bytesLookedAt(request: Uint8Array, step: number): number {
    const parser = new RequestParser()
    const state = new ParseState()
    const { bytes, count } = counting(request)
    let result: number = ParseResult.incomplete
    for (let limit = step; result === ParseResult.incomplete; limit += step) {
      result = parser.parse(bytes, 0, Math.min(limit, request.length), state, true, BULK_BYTES_MAX)
    }
    expect(result).toBe(ParseResult.command)
    expect(parser.end).toBe(request.length)
    return count()
  }

  it('grows with its length, not with the square of it: 100,000 arguments', () => {
    const request = encodeRequest(Array.from({ length: 100_000 }, (_, i) => `k${i}`))
    const whole = bytesLookedAt(request, request.length)
    const pieces = Math.ceil(request.length / 100)
    // A piece costs no more than the header that it cuts, a second time.
    expect(bytesLookedAt(request, 100)).toBeLessThan(whole + pieces * 16)
  }, 20_000)

  it('grows with the number of pieces only, where they are of one argument: 10 MB', () => {
    const request = encodeRequest(['SET', 'key', Buffer.alloc(10_000_000, 'x')])
    expect(bytesLookedAt(request, 1000)).toBeLessThan(200)
  })

  it('does not move 100,000 arguments for each piece that stands elsewhere than at the beginning', () => {
    // The command stands behind another one in its buffer, as it does in a pipeline.
    const first = encodeRequest(['PING'])
    const bytes = Buffer.concat([first, encodeRequest(Array.from({ length: 100_000 }, () => 'k'))])
    const parser = new RequestParser()
    const state = new ParseState()
    const startedAt = performance.now()
    let result: number = ParseResult.incomplete
    for (let limit = first.length + 20; result === ParseResult.incomplete; limit += 20) {
      result = parser.parse(bytes, first.length, Math.min(limit, bytes.length), state, true, BULK_BYTES_MAX)
    }
    expect(result).toBe(ParseResult.command)
    expect(parser.argc).toBe(100_000)
    expect(parser.offsets[99_999]).toBe(bytes.length - 3)
    // Some 35,000 pieces: a few milliseconds, against several seconds for moving them all each time.
    expect(performance.now() - startedAt).toBeLessThan(1000)
  }, 30_000)
})
