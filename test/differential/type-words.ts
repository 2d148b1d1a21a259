/**
 * The words of the data types: elements, scores, ranges, identifiers of stream entries, places on earth, bits, payloads.
 *
 * Only used by tests. Invariant: no word depends on the clock. Durations are either 0 or so long that no entry of a stream
 * gets as old within an episode.
 */
import type { CommandGroup } from '../../src/commands/spec.js'
import type { Choice } from './choice.js'
import { dumpPayloads } from './dump-payloads.js'
import { FLOATS, INTEGERS, latin1, wordsOf } from './number-words.js'

/** Elements that many collections share: short and long, numbers at which the encoding of an integer set changes, bytes. */
const ELEMENTS = [
  ...wordsOf(`
  a b c m1 m2 m3 f1 f2 f3 1 2 3 12 -1 0 00 -0 1.5 127 128 -128 -129 4095 4096 32767 32768 -32768 -32769 2147483647
  2147483648 -2147483648 -2147483649 8388607 8388608 9223372036854775807 9223372036854775808 -9223372036854775808
  Palermo Catania +inf [a (a
`),
  '',
  ' ',
  '\0',
  '\xff\xfe',
  'm\r\n1',
  'v'.repeat(63),
  'v'.repeat(64),
  'w'.repeat(65),
  'x'.repeat(300),
].map(latin1)

/** Whether the element is the text of an integer of 64 bits, as a set of integers has them. */
function isInteger(element: Buffer): boolean {
  const text = element.toString('latin1')
  return /^(0|-?[1-9]\d*)$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)
}

/** As many as it takes to get beyond the usual thresholds of 128 and 512 elements. */
const MANY_ELEMENTS = 700

const SCORES = wordsOf(`
  0 1 2 3 4 5 -1 -2 1.5 2.5 -0 0.1 0.2 1e2 inf -inf +inf 1e308 -1e308 3.0 9007199254740993 1.7976931348623157e308 5e-324
  123456789012 0.30000000000000004
`)

const INDEXES = wordsOf('0 0 1 2 3 5 10 100 -1 -1 -2 -3 -5 -100 9223372036854775807 -9223372036854775808')

const COUNTS = wordsOf('1 1 1 2 2 3 5 10 100 9223372036854775807')
const BROKEN_COUNTS = wordsOf('0 -1 -2 -9223372036854775808 9223372036854775808 x 1.5')

/** Numbers of entries end at 2^53 - 1 here; after this one there is room for those that an episode adds. */
export const ENTRIES_MAX = 9_007_199_254_000_000
const ENTRIES = wordsOf(`0 1 2 5 100 1000000 ${ENTRIES_MAX} -1 x`)

/** Redis answers with as many elements as it is asked for, so that less than nothing must not be much. */
export const DRAWN_WITH_REPETITION_MAX = 1000
const REPEATING_COUNTS = wordsOf('-1 -2 -5 -20 -300')

const GROUP_NAMES = [...wordsOf('g1 g1 g1 g1 g1 g1 g2 g2'), ''].map(latin1)
const CONSUMER_NAMES = [...wordsOf('c1 c1 c2 c3'), '\0'].map(latin1)

const EDGE_IDS = wordsOf(`
  0 0-0 0-1 1 1-1 2-1 3-1 5-3 1-18446744073709551615 18446744073709551615 18446744073709551615-18446744073709551615
`)
const SPECIAL_IDS = wordsOf('- + - + $ > (1-1 (0 (5')
const BROKEN_IDS = wordsOf(`
  18446744073709551616 1-18446744073709551616 ( 1-* 0-* 5-* *-1 1- -1 -1-1 1-1-1 a 1.5 (- (+ 01-01
`)

/** No episode lasts as long as the shorter one, and entries that are given an idle time get the longer one. */
const IDLE_TIMES_MIN = wordsOf('0 0 0 0 500000000 999999999999999')
const IDLE_TIMES = wordsOf('0 1000000000 1000000001')
const BROKEN_IDLE_TIMES = wordsOf('-1 9223372036854775807 9223372036854775808 x')

const LONGITUDES = wordsOf(`
  13.361389 13.361389 15.087269 15.087269 13.361390 0 -0 180 -180 179.9999 -122.4194 2.3522 1e1 1e-9
`)
const LATITUDES = wordsOf(`
  38.115556 38.115556 37.502669 37.502669 38.115557 0 -0 85.05112878 -85.05112878 85 37.7749 48.8566 1e-9
`)
const BROKEN_COORDINATES = wordsOf('180.0001 -180.0001 85.06 -85.06 nan inf abc 1e400 13.361389x')
const DISTANCES = wordsOf('0 1 10 100 200 500 1000 5000 20000 40000 1e7 1e9 0.5 166.2742')
const BROKEN_DISTANCES = wordsOf('-1 nan inf abc 1e400')

const ENCODINGS = wordsOf('u1 u2 u5 u8 u8 u16 u32 u63 i1 i2 i5 i8 i8 i16 i32 i64 u64 i65 u0 i0 i i08 U8 x8 8')
const BIT_OFFSETS = wordsOf('0 1 2 3 5 7 8 9 15 16 31 32 63 64 100 1000 4095 8191')
const BROKEN_BIT_OFFSETS = wordsOf('-1 4294967295 4294967296 9223372036854775807 9223372036854775808 # #-1 #x abc 1.5')

/** Weights of references with and without a place for the element, to keys, to fields, and to what is not there. */
const SORT_PATTERNS = wordsOf('nosort nosort k* k* key:* k*->f1 k*->f2 key:*->m1 * *->f1 x # k*-> ->f1 k*->* k')
const GET_PATTERNS = wordsOf('# # k* k*->f1 key:* k*->f2 * x *->a k*->')

/** Timeouts in seconds that are soon over, and those that are none. 0 would be for ever. */
export const BLOCKING_SECONDS = [
  ...wordsOf(`
  0.01 0.01 0.001 .01 1e-2 1e-300 -1 -0.01 abc nan inf -inf 1e300 99999999999999999999 0.01x
`),
  '',
]
export const BLOCKING_MILLISECONDS = [...wordsOf('1 5 10 -1 x 1.5 9223372036854775808'), '']

/** What the bounds of a command's range are. */
export type RangeKind = 'index' | 'score' | 'lex'
export const RANGE_KINDS: readonly RangeKind[] = ['index', 'score', 'lex']

export interface TypeWordsOptions {
  /** Elements are of so many kinds that collections grow beyond the usual thresholds. */
  readonly hasLargeCollections: boolean
  /** All members have the same score: only then it is defined which members are between two others. */
  readonly hasOneScore: boolean
}

export class TypeWords {
  readonly #choice: Choice
  /** What the collections of this workload hold, over and over again. */
  readonly #elements: readonly Buffer[]
  readonly #hasLargeCollections: boolean
  /** Elements are integers, as sets of integers are only kept in their own way without anything else. */
  readonly #hasIntegersOnly: boolean
  readonly #hasOneScore: boolean
  readonly #anyValue: () => Buffer
  /** The first part of the identifier of the next stream entry. */
  #nextEntry = 1

  constructor(choice: Choice, { hasLargeCollections, hasOneScore }: TypeWordsOptions, anyValue: () => Buffer) {
    this.#choice = choice
    this.#hasLargeCollections = hasLargeCollections
    this.#hasOneScore = hasOneScore
    this.#anyValue = anyValue
    this.#hasIntegersOnly = choice.oneIn(5)
    const pool = this.#hasIntegersOnly ? ELEMENTS.filter(isInteger) : ELEMENTS
    this.#elements = choice.shuffled(pool).slice(0, choice.between(4, 24))
  }

  /** An element of a list or a set, a member of a sorted set, a field of a hash or of an entry. */
  element(): Buffer {
    const choice = this.#choice
    if (this.#hasLargeCollections && choice.oneIn(2)) {
      const n = choice.below(MANY_ELEMENTS)
      return latin1(!this.#hasIntegersOnly && choice.oneIn(2) ? `m${n}` : String(n))
    }
    return choice.oneIn(this.#hasIntegersOnly ? 100 : 10) ? this.#anyValue() : choice.of(this.#elements)
  }

  score(): Buffer {
    const choice = this.#choice
    if (this.#hasOneScore) return latin1('0')
    if (choice.oneIn(25)) return latin1(choice.of(FLOATS))
    return latin1(choice.oneIn(3) ? String(choice.between(-1000, 1000) / 8) : choice.of(SCORES))
  }

  /** Where a range of scores begins or ends. */
  scoreBound(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(3)) return latin1(choice.of(['-inf', '+inf', 'inf', '(-inf', '(inf', '(']))
    return choice.oneIn(3) ? Buffer.concat([latin1('('), this.score()]) : this.score()
  }

  /** Where a range of members of one score begins or ends. */
  lexBound(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(3)) return latin1(choice.of(['-', '+', '-', '+', '[', '(', '', 'a', '[+']))
    return Buffer.concat([latin1(choice.of(['[', '('])), this.element()])
  }

  /** For ZRANGE and ZRANGESTORE, whose options say what kind of a bound it is. */
  anyBound(range: RangeKind): Buffer {
    const choice = this.#choice
    const kind = choice.oneIn(15) ? choice.of(RANGE_KINDS) : range
    return kind === 'score' ? this.scoreBound() : kind === 'lex' ? this.lexBound() : this.index()
  }

  index(): Buffer {
    return this.#of(INDEXES)
  }

  count(): Buffer {
    return this.#of(this.#choice.oneIn(6) ? BROKEN_COUNTS : COUNTS)
  }

  /** How many entries a stream has had, or a group has read. */
  entries(): Buffer {
    return this.#of(ENTRIES)
  }

  /** How many elements are chosen by chance; below zero with repetitions. */
  randomCount(): Buffer {
    return this.#choice.oneIn(3) ? this.#of(REPEATING_COUNTS) : this.count()
  }

  /** The identifier of a new entry, mostly greater than all before it. */
  newEntryId(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(25)) return latin1(choice.of([...BROKEN_IDS, ...EDGE_IDS.slice(0, 9)]))
    // The greatest identifiers are the last ones of a stream.
    if (choice.oneIn(300)) return latin1(choice.of(EDGE_IDS))
    this.#nextEntry += choice.below(3)
    return latin1(`${this.#nextEntry}-${choice.oneIn(4) ? '*' : choice.below(4)}`)
  }

  /** The identifier of an entry that may be there. */
  entryId(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(20)) return latin1(choice.of([...BROKEN_IDS, ...SPECIAL_IDS]))
    if (choice.oneIn(8)) return latin1(choice.of(EDGE_IDS))
    const entry = Math.max(0, this.#nextEntry - choice.below(choice.oneIn(3) ? 100 : 8))
    return latin1(choice.oneIn(4) ? String(entry) : `${entry}-${choice.below(3)}`)
  }

  /** Where a range of entries begins or ends. */
  entryBound(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(3)) return latin1(choice.of(SPECIAL_IDS))
    return choice.oneIn(8) ? Buffer.concat([latin1('('), this.entryId()]) : this.entryId()
  }

  /** What XREADGROUP reads from. */
  readFrom(): Buffer {
    return this.#choice.oneIn(2) ? latin1('>') : this.entryId()
  }

  /** MAXLEN or MINID. */
  trimThreshold(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(12)) return this.entryBound()
    return choice.oneIn(2)
      ? this.#of(wordsOf('0 1 2 5 5 10 10 100 100 1000'))
      : latin1(String(Math.max(0, this.#nextEntry - choice.below(60))))
  }

  group(): Buffer {
    return this.#choice.oneIn(30) ? this.element() : this.#choice.of(GROUP_NAMES)
  }

  consumer(): Buffer {
    return this.#choice.oneIn(30) ? this.element() : this.#choice.of(CONSUMER_NAMES)
  }

  idleTimeMin(): Buffer {
    return this.#of(this.#choice.oneIn(12) ? BROKEN_IDLE_TIMES : IDLE_TIMES_MIN)
  }

  idleTime(): Buffer {
    return this.#of(this.#choice.oneIn(12) ? BROKEN_IDLE_TIMES : IDLE_TIMES)
  }

  longitude(): Buffer {
    return this.#coordinate(180, LONGITUDES)
  }

  latitude(): Buffer {
    return this.#coordinate(85, LATITUDES)
  }

  #coordinate(most: number, usual: readonly string[]): Buffer {
    const choice = this.#choice
    if (choice.oneIn(40)) return this.#of(BROKEN_COORDINATES)
    if (!choice.oneIn(3)) return this.#of(usual)
    const within = choice.oneIn(2) ? most : 2
    return latin1(String(choice.between(-within * 1000, within * 1000) / 1000))
  }

  distance(): Buffer {
    const choice = this.#choice
    if (choice.oneIn(20)) return this.#of(BROKEN_DISTANCES)
    return choice.oneIn(3) ? latin1(String(choice.below(2_000_000) / 100)) : this.#of(DISTANCES)
  }

  bitEncoding(): Buffer {
    return this.#of(ENCODINGS)
  }

  bitOffset(): Buffer {
    return this.#of(this.#choice.oneIn(15) ? BROKEN_BIT_OFFSETS : BIT_OFFSETS)
  }

  bitfieldOffset(): Buffer {
    const offset = this.bitOffset()
    return this.#choice.oneIn(3) ? Buffer.concat([latin1('#'), offset]) : offset
  }

  bitfieldValue(): Buffer {
    return this.#of(this.#choice.oneIn(2) ? INTEGERS : wordsOf('0 1 -1 2 10 100 127 128 255 256 -128 -129 1000'))
  }

  bit(): Buffer {
    return this.#of(wordsOf('0 1 0 1 0 1 0 1 0 1 2 -1 x 01'))
  }

  /** What DUMP has given for a value of such a group of commands, or of any; now and then with one bit changed. */
  payload(group: CommandGroup | undefined): Buffer {
    const choice = this.#choice
    const fitting = dumpPayloads.filter((one) => one.group === group)
    const payload = Buffer.from(choice.of(fitting.length > 0 ? fitting : dumpPayloads).bytes)
    if (choice.oneIn(12)) {
      const at = choice.below(payload.length)
      payload[at] = (payload[at] as number) ^ (1 << choice.below(8))
    }
    return choice.oneIn(40) ? payload.subarray(0, choice.below(payload.length)) : payload
  }

  sortPattern(): Buffer {
    return this.#of(SORT_PATTERNS)
  }

  getPattern(): Buffer {
    return this.#of(GET_PATTERNS)
  }

  blockingSeconds(): Buffer {
    return this.#of(this.#choice.oneIn(4) ? BLOCKING_SECONDS : BLOCKING_SECONDS.slice(0, 4))
  }

  blockingMilliseconds(): Buffer {
    return this.#of(this.#choice.oneIn(4) ? BLOCKING_MILLISECONDS : BLOCKING_MILLISECONDS.slice(0, 3))
  }

  #of(words: readonly string[]): Buffer {
    return latin1(this.#choice.of(words))
  }
}
