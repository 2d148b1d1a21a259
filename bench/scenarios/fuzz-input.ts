/**
 * Makes hostile input: bytes, broken protocol, and well-formed commands with arguments that make no sense.
 *
 * Pure but for its random numbers, so that a seed gives the same input again.
 */
import { type Argument, encodeCommand } from '../load/encode.js'
import type { Random } from '../random.js'

/** How many key names the attackers use. All lie below `fuzz:`, where nobody else has keys. */
export const FUZZ_KEYS: readonly string[] = Array.from({ length: 64 }, (_, index) => `fuzz:${index}`)

/**
 * Commands that end the server, change how it works for everybody, or remove the keys of the session that is checked.
 * They do as they are told, so the fuzzer may not tell them.
 */
const FORBIDDEN = new Set(
  `shutdown debug config replicaof slaveof failover flushall flushdb swapdb client save bgsave bgrewriteaof acl cluster
  module script eval evalsha eval_ro evalsha_ro function fcall fcall_ro sync psync replconf migrate pfselftest pfdebug
  latency slowlog monitor`.split(/\s+/),
)

const COMMANDS_FALLBACK =
  `get set del mget mset msetnx append strlen incr incrby incrbyfloat decr decrby getrange setrange getset
  getex getdel setex psetex setnx substr lcs setbit getbit bitcount bitop bitpos bitfield exists expire pexpire expireat
  pexpireat ttl pttl expiretime pexpiretime persist type rename renamenx copy move scan keys randomkey object touch unlink
  dump restore sort multi exec discard watch unwatch select echo ping hello auth reset quit info command dbsize time
  memory subscribe unsubscribe publish psubscribe wait lolwut lpush rpush lpop lrange sadd smembers hset hget zadd
  zrange xadd xread pfadd geoadd`.split(/\s+/)

const WORDS: readonly string[] =
  'EX PX EXAT PXAT NX XX GT LT GET KEEPTTL PERSIST COUNT MATCH TYPE LIMIT BY STORE DB REPLACE IDX LEN WITHMATCHLEN ENCODING HELP REFCOUNT AND OR NOT * ? a*b [a-z'.split(
    ' ',
  )
/** No number between a million and 2^32: SETRANGE and SETBIT would rightly take memory for it. */
const NUMBERS: readonly string[] =
  '0 1 -1 2 5 100 1000 65536 -65536 4294967296 9223372036854775807 -9223372036854775808 9223372036854775808 18446744073709551616 1e400 nan inf -inf 0x10 1.5 -0 +1 01'
    .split(' ')
    .concat(' 1', '1 ', '')
const PROTOCOL_BYTES = '*$:+-\r\n\r\n0123456789 abcGETSET"\'\\x\0'

const INPUT_BYTES_MAX = 4_000
const PIPELINE_MAX = 20

/** The commands of `names` that may be fuzzed; a built-in list when the server names none. */
export function fuzzableCommands(names: readonly string[]): readonly string[] {
  const known = names.length > 0 ? names : COMMANDS_FALLBACK
  return known.map((name) => name.toLowerCase()).filter((name) => !FORBIDDEN.has(name) && !name.includes('|'))
}

export class FuzzInput {
  readonly #random: Random
  readonly #commands: readonly string[]

  constructor(random: Random, commands: readonly string[]) {
    this.#random = random
    this.#commands = commands
  }

  /** What one connection sends at once. */
  next(): Buffer {
    const kind = this.#random.below(10)
    if (kind === 0) return this.#random.bytes(1 + this.#random.below(INPUT_BYTES_MAX))
    if (kind === 1) return this.#protocolNoise()
    if (kind === 2) return this.#lengths()
    if (kind === 3) return this.#inline()
    const pipeline = this.#pipeline()
    return kind <= 6 ? pipeline : this.#mutate(pipeline)
  }

  /** Cuts `input` into pieces, so that the parser meets it at every possible boundary. */
  split(input: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let at = 0
    while (at < input.length && pieces.length < 10) {
      const behind = at + 1 + this.#random.below(Math.min(input.length - at, 50))
      pieces.push(input.subarray(at, behind))
      at = behind
    }
    if (at < input.length) pieces.push(input.subarray(at))
    return pieces
  }

  #protocolNoise(): Buffer {
    const length = 1 + this.#random.below(200)
    let text = ''
    for (let index = 0; index < length; index += 1) text += PROTOCOL_BYTES[this.#random.below(PROTOCOL_BYTES.length)]
    return Buffer.from(text, 'latin1')
  }

  /** Headers that promise what never comes, or what cannot be. */
  #lengths(): Buffer {
    const count = this.#random.pick([
      '-1',
      '0',
      '1',
      '3',
      '1048576',
      '1048577',
      '2147483648',
      '99999999999999999999',
      '',
      '1a',
    ])
    const length = this.#random.pick([
      '-1',
      '0',
      '3',
      '1000000',
      '536870912',
      '536870913',
      '4294967296',
      '-9223372036854775808',
      '',
      'x',
    ])
    return Buffer.from(`*${count}\r\n$${length}\r\nabc\r\n`, 'latin1')
  }

  #inline(): Buffer {
    const words = Array.from({ length: 1 + this.#random.below(5) }, () => String(this.#argument()).slice(0, 200))
    const quoted = words.map((word) =>
      this.#random.pick([word, `"${word}"`, `'${word}'`, `"${word}`, `${word}\\`, `"\\x${word}"`]),
    )
    return Buffer.from(`${[this.#random.pick(this.#commands), ...quoted].join(' ')}\r\n`, 'latin1')
  }

  #pipeline(): Buffer {
    return Buffer.concat(
      Array.from({ length: 1 + this.#random.below(PIPELINE_MAX) }, () => {
        const count = this.#random.oneIn(20) ? this.#random.below(200) : this.#random.below(6)
        const name = this.#random.pick(this.#commands)
        return encodeCommand([
          this.#random.oneIn(2) ? name : name.toUpperCase(),
          ...Array.from({ length: count }, () => this.#argument()),
        ])
      }),
    )
  }

  #argument(): Argument {
    const kind = this.#random.below(10)
    if (kind <= 4) return this.#random.pick(FUZZ_KEYS)
    if (kind <= 6) return this.#random.pick(NUMBERS)
    if (kind === 7) return this.#random.pick(WORDS)
    if (kind === 8) return this.#random.bytes(this.#random.below(40))
    return this.#random.oneIn(10)
      ? this.#random.bytes(this.#random.below(20_000))
      : String(this.#random.below(1_000_000))
  }

  #mutate(input: Buffer): Buffer {
    let bytes = Buffer.from(input)
    const changes = 1 + this.#random.below(4)
    for (let change = 0; change < changes && bytes.length > 1; change += 1) {
      const at = this.#random.below(bytes.length)
      const kind = this.#random.below(5)
      if (kind === 0) bytes[at] = this.#random.next() & 0xff
      else if (kind === 1) bytes = bytes.subarray(0, at)
      else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
      else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), this.#random.bytes(3), bytes.subarray(at)])
      else bytes = Buffer.concat([bytes, bytes.subarray(at)])
    }
    return bytes
  }
}
