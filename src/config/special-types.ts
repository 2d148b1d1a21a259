/**
 * Value types that only one setting has: `save`, `client-output-buffer-limit`, `bind` and others.
 *
 * Main thread. All of them hold words, so that the value is what the directive's canonical line says.
 */

import { realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseMemorySize } from '../base/memory-size.js'
import { quoteArgument } from './arguments.js'
import { pathToText, textToPath } from './byte-text.js'
import { Refusal, sameValue, type ValueType } from './setting.js'
import { systemErrorText } from './system-error.js'
import { formatMemory } from './value-types.js'

type Words = readonly string[]

const DECIMAL = /^[+-]?[0-9]{1,18}$/

function parseDecimal(word: string): number | undefined {
  return DECIMAL.test(word) ? Number(word) : undefined
}

function joined(value: Words): string {
  return value.join(' ')
}

/** The value of a directive with several words, where no words are written as an empty text. */
function joinedOrEmpty(value: Words): string {
  return value.length === 0 ? '""' : joined(value)
}

const SEVERAL_WORDS = { takesSeveralWords: true, addsUp: false, print: joined } as const

/** `save <seconds> <changes> ...`: pairs. Lines add up; an empty text removes all of them. */
export const savePoints: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: 'pairs of seconds and changes, or an empty text for none',
  addsUp: true,
  parse(words, current) {
    if (words.length === 1 && words[0] === '') return []
    const numbers = words.map(parseDecimal)
    // The first of a pair is a time of at least a second, the second a number of changes that may be 0.
    const valid = numbers.every((number, i) => number !== undefined && number >= (i % 2 === 0 ? 1 : 0))
    if (words.length % 2 !== 0 || !valid) return new Refusal('Invalid save parameters')
    return [...current, ...numbers.map(String)]
  },
  rewriteLines(value) {
    if (value.length === 0) return [{ text: '""', force: true }]
    const lines = []
    for (let i = 0; i < value.length; i += 2) lines.push({ text: `${value[i]} ${value[i + 1]}`, force: true })
    return lines
  },
}

/** The classes of `client-output-buffer-limit`, in the order of CONFIG GET. Redis still reports the old word for replicas. */
const OUTPUT_BUFFER_CLASSES = ['normal', 'slave', 'pubsub']

/** `client-output-buffer-limit <class> <hard> <soft> <soft seconds> ...`: changes only the classes that it names. */
export const outputBufferLimits: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: 'groups of class (`normal`, `replica`, `pubsub`), hard limit, soft limit and seconds',
  parse(words, current) {
    if (words.length % 4 !== 0) return new Refusal('Wrong number of arguments in buffer limit configuration.')
    const value = [...current]
    for (let i = 0; i < words.length; i += 4) {
      const word = words[i]!.toLowerCase()
      const index = OUTPUT_BUFFER_CLASSES.indexOf(word === 'replica' ? 'slave' : word)
      if (index < 0) return new Refusal('Invalid client class specified in buffer limit configuration.')
      const hard = parseMemorySize(words[i + 1]!)
      const soft = parseMemorySize(words[i + 2]!)
      const seconds = parseDecimal(words[i + 3]!)
      if (hard === undefined || soft === undefined || seconds === undefined || seconds < 0) {
        return new Refusal('Error in hard, soft or soft_seconds setting in buffer limit configuration.')
      }
      value.splice(index * 4 + 1, 3, String(hard), String(soft), String(seconds))
    }
    return value
  },
  rewriteLines(value, defaultValue) {
    return OUTPUT_BUFFER_CLASSES.map((name, index) => {
      const [, hard, soft, seconds] = value.slice(index * 4, index * 4 + 4)
      const sizes = `${formatMemory(BigInt(hard!))} ${formatMemory(BigInt(soft!))}`
      return {
        text: `${name === 'slave' ? 'replica' : name} ${sizes} ${seconds}`,
        force: !sameValue(value.slice(index * 4, index * 4 + 4), defaultValue.slice(index * 4, index * 4 + 4)),
      }
    })
  },
}

/** `oom-score-adj-values <primary> <replica> <background process>`. */
export const oomScoreValues: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: 'three integers from -2000 to 2000',
  parse(words) {
    if (words.length !== 3) return new Refusal('wrong number of arguments')
    const numbers = words.map(parseDecimal)
    if (!numbers.every((number) => number !== undefined && number >= -2000 && number <= 2000)) {
      return new Refusal('Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
    }
    return numbers.map(String)
  },
  rewriteLines: (value, defaultValue) => [{ text: joined(value), force: !sameValue(value, defaultValue) }],
}

const BIND_ADDRESSES_MAX = 16

/** `bind <address> ...`; a leading `-` means that a missing address is not an error. */
export const bindAddresses: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: `up to ${BIND_ADDRESSES_MAX} addresses`,
  parse(words) {
    if (words.length > BIND_ADDRESSES_MAX) return new Refusal('Too many bind addresses specified.')
    return words.length === 1 && words[0] === '' ? [] : words
  },
  rewriteLines: (value, defaultValue) =>
    sameValue(value, defaultValue) ? [] : [{ text: joinedOrEmpty(value), force: true }],
}

/** `replicaof <host> <port>`, or `no one`. Held as no words or two. */
export const primaryAddress: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: 'host and port, or `no one`',
  parse(words) {
    if (words.length !== 2) return new Refusal('wrong number of arguments')
    const [host, portWord] = words as [string, string]
    if (host.toLowerCase() === 'no' && portWord.toLowerCase() === 'one') return []
    const port = parseDecimal(portWord)
    if (port === undefined || port < 0 || port > 65535) return new Refusal('Invalid master port')
    return [host, String(port)]
  },
  rewriteLines: (value) => (value.length === 0 ? [] : [{ text: joined(value), force: true }]),
}

/** `latency-tracking-info-percentiles <percentile> ...`. */
export const percentiles: ValueType<Words> = {
  ...SEVERAL_WORDS,
  description: 'numbers from 0 to 100, or an empty text for none',
  parse(words) {
    if (words.length === 1 && words[0] === '') return []
    const printed: string[] = []
    for (const word of words) {
      const percentile = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i.test(word) ? Number(word) : Number.NaN
      if (Number.isNaN(percentile)) return new Refusal('Invalid latency-tracking-info-percentiles parameters')
      if (percentile > 100 || percentile < 0) {
        return new Refusal('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
      }
      // Six digits behind the point, without the zeros at the end: Redis prints with %f and trims.
      printed.push(percentile.toFixed(6).replace(/\.?0+$/, ''))
    }
    return printed
  },
  rewriteLines: (value) => [{ text: joinedOrEmpty(value), force: true }],
}

/** The event classes that `A` stands for, in the order of CONFIG GET. */
const EVENT_CLASSES_OF_A = 'g$lshzxetd'

/** All letters in the order of CONFIG GET. `n` and `m` do not belong to `A`. */
const EVENT_LETTERS = `${EVENT_CLASSES_OF_A}nKEm`

/**
 * `notify-keyspace-events <letters>`, held without duplicates and with `A` for all its classes.
 * As in Redis 7 CONFIG GET does not show an `n` beside `A`, although it is in force; CONFIG REWRITE here writes it down.
 */
export const keyspaceEvents: ValueType<string> = {
  takesSeveralWords: false,
  addsUp: false,
  description: `letters of \`${EVENT_LETTERS}A\``,
  parse(words) {
    const letters = new Set(words[0]!.replaceAll('A', EVENT_CLASSES_OF_A))
    for (const letter of letters) {
      if (!EVENT_LETTERS.includes(letter)) {
        return new Refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
      }
    }
    const sorted = [...EVENT_LETTERS].filter((letter) => letters.has(letter)).join('')
    return sorted.startsWith(EVENT_CLASSES_OF_A) ? `A${sorted.slice(EVENT_CLASSES_OF_A.length)}` : sorted
  },
  print: (value) => (value.startsWith('A') ? value.replace('n', '') : value),
  rewriteLines: (value, defaultValue) => [{ text: quoteArgument(value), force: value !== defaultValue }],
}

/**
 * `dir <path>`: an existing folder, held as an absolute path. Redis changes its working directory; here relative paths
 * are resolved against this value instead, because a process with threads should not move under them.
 */
export const directory: ValueType<string> = {
  takesSeveralWords: false,
  addsUp: false,
  description: 'path of a folder that exists',
  parse(words, current) {
    try {
      const folder = realpathSync(resolve(textToPath(current), textToPath(words[0]!)))
      return statSync(folder).isDirectory() ? pathToText(folder) : new Refusal('Not a directory')
    } catch (error) {
      return new Refusal(systemErrorText(error))
    }
  },
  print: (value) => value,
  rewriteLines: (value) => [{ text: quoteArgument(value), force: true }],
}
