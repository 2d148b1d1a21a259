/**
 * What replies about collections may differ in: Redis gives no order to what a hash or a set holds, chooses by chance, and
 * streams tell times.
 *
 * Only used by tests.
 */
import { type Allowance, CLOCK_MS_MAX } from './allowance.js'
import { bulkOf, elementsOf, integerOf, isErrorReply } from './reply-bytes.js'
import type { Argv } from './step.js'

const COMMA = ','.charCodeAt(0)
const ASTERISK = '*'.charCodeAt(0)

/** Whether two arrays, sets or maps hold the same, in any order of groups of so many elements. */
export function isSameInAnyOrder(ours: Buffer, redis: Buffer, groupSize: number): boolean {
  const own = elementsOf(ours)
  const other = elementsOf(redis)
  if (own === undefined || other === undefined || ours[0] !== redis[0] || own.length !== other.length) return false
  return sortedGroups(own, groupSize).equals(sortedGroups(other, groupSize))
}

function sortedGroups(elements: readonly Buffer[], groupSize: number): Buffer {
  const groups: Buffer[] = []
  for (let i = 0; i < elements.length; i += groupSize) groups.push(Buffer.concat(elements.slice(i, i + groupSize)))
  return Buffer.concat(groups.sort(Buffer.compare))
}

/** Whether two replies are of the same types and have as many elements, all the way down. */
export function isSameShape(ours: Buffer, redis: Buffer): boolean {
  if (ours[0] !== redis[0]) return false
  const own = elementsOf(ours)
  const other = elementsOf(redis)
  if (own === undefined && other === undefined) {
    return ours[0] === COMMA || (bulkOf(ours) !== undefined && bulkOf(redis) !== undefined)
  }
  if (own?.length !== other?.length) return false
  return (own ?? []).every((element, i) => isSameShape(element, other?.[i] as Buffer))
}

/** The values behind these names are times in ms. */
const TIME_FIELDS = ['idle', 'seen-time']

/** How many nodes a radix tree has is the tree's own business. */
const LAYOUT_FIELDS = ['radix-tree-nodes']

const ENTRY_ID = /^\d+-\d+$/

/** `[id, consumer, time, count]` or `[id, time, count]`, of which the time is the last but one. */
function isPendingEntry(elements: readonly Buffer[]): boolean {
  if (elements.length !== 3 && elements.length !== 4) return false
  const isEntry = ENTRY_ID.test(bulkOf(elements[0] as Buffer)?.toString('latin1') ?? '')
  return isEntry && elements.slice(-2).every((element) => integerOf(element) !== undefined)
}

function areCloseTimes(ours: Buffer, redis: Buffer): boolean {
  const own = integerOf(ours)
  const other = integerOf(redis)
  if (own === undefined || other === undefined) return false
  return own - other <= CLOCK_MS_MAX && other - own <= CLOCK_MS_MAX
}

const nameBefore = (elements: readonly Buffer[], i: number): string =>
  i === 0 ? '' : (bulkOf(elements[i - 1] as Buffer)?.toString('latin1') ?? '')

/** Whether two descriptions of a stream differ only in times and in the layout of the tree. */
function isSameButForTimes(ours: Buffer, redis: Buffer): boolean {
  if (ours.equals(redis)) return true
  const other = elementsOf(redis)
  const own = elementsOf(ours)
  if (own === undefined || own.length !== other?.length || ours[0] !== redis[0]) return false
  const isPending = isPendingEntry(own) && isPendingEntry(other)
  return own.every((element, i) => {
    const counterpart = other[i] as Buffer
    const name = nameBefore(own, i)
    const isTime = TIME_FIELDS.includes(name) || (isPending && i === own.length - 2)
    if (isTime && areCloseTimes(element, counterpart)) return true
    if (LAYOUT_FIELDS.includes(name) && integerOf(element) !== undefined && integerOf(counterpart) !== undefined) {
      return true
    }
    return isSameButForTimes(element, counterpart)
  })
}

function placeOf(argv: Argv, option: string): number {
  return argv.findIndex((argument) => argument.toString('latin1').toLowerCase() === option)
}

export const collectionAllowances: readonly Allowance[] = [
  {
    name: 'order of a set',
    reason: 'sets are in no order',
    commands: ['smembers', 'sinter', 'sunion', 'sdiff', 'hkeys', 'hvals', 'spop', 'keys'],
    allows: (ours, redis) => isSameInAnyOrder(ours, redis, 1),
  },
  {
    name: 'order of a hash',
    reason: 'the fields of a hash are in no order',
    commands: ['hgetall'],
    allows: (ours, redis) => isSameInAnyOrder(ours, redis, 2),
  },
  {
    name: 'chosen by chance',
    reason: 'the commands choose; a step of its own sees to it that they choose from what is there',
    commands: ['srandmember', 'hrandfield', 'zrandmember'],
    allows: isSameShape,
  },
  {
    name: 'unsorted elements of a set',
    reason: 'SORT of a set in no order, or by what several elements have in common',
    commands: ['sort', 'sort_ro'],
    allows(ours, redis, argv) {
      if (placeOf(argv, 'by') < 0 || ours[0] !== ASTERISK || redis[0] !== ASTERISK) return false
      const isPart = placeOf(argv, 'limit') >= 0
      const own = elementsOf(ours)
      return isPart ? own?.length === elementsOf(redis)?.length : isSameInAnyOrder(ours, redis, 1)
    },
  },
  {
    name: 'texts that compare as equal',
    reason: 'a zero byte ends a text of SORT ALPHA, and Redis leaves texts that are then the same in no order',
    commands: ['sort', 'sort_ro'],
    allows(ours, redis, argv) {
      if (placeOf(argv, 'alpha') < 0 || !ours.includes(0) || ours[0] !== ASTERISK || redis[0] !== ASTERISK) return false
      const isPart = placeOf(argv, 'limit') >= 0
      return isPart ? elementsOf(ours)?.length === elementsOf(redis)?.length : isSameInAnyOrder(ours, redis, 1)
    },
  },
  {
    name: 'payload',
    reason: 'the order of elements in the payload of DUMP; steps of their own restore them on the other server',
    commands: ['dump'],
    allows: (ours, redis) => bulkOf(ours) !== undefined && bulkOf(redis) !== undefined,
  },
  {
    name: 'times of a stream',
    reason: 'when an entry was delivered, and when a consumer was seen; how many nodes the tree of entries has',
    commands: ['xpending', 'xinfo|consumers', 'xinfo|stream'],
    allows: isSameButForTimes,
  },
  {
    name: 'stale errors of numbers',
    reason: 'SORT in Redis fails when any earlier command met a number out of range (errno is not reset)',
    commands: ['sort', 'sort_ro'],
    endsEpisode: true,
    allows: (ours, redis) =>
      !isErrorReply(ours) && redis.toString('latin1') === "-ERR One or more scores can't be converted into double\r\n",
  },
  {
    name: 'several mistakes',
    reason: 'which of several mistakes with different keys is answered, when the keys are on several shards',
    commands: ['xread', 'xreadgroup'],
    allows: (ours, redis, argv) =>
      isErrorReply(ours) && isErrorReply(redis) && argv.length - placeOf(argv, 'streams') > 4,
  },
  {
    name: 'order of streams',
    reason:
      'when a stream is named twice and the streams are on several shards, it is not known which time gave entries',
    commands: ['xread', 'xreadgroup'],
    allows(ours, redis, argv) {
      const streams = argv.slice(placeOf(argv, 'streams') + 1).map((argument) => argument.toString('latin1'))
      const keys = streams.slice(0, streams.length >> 1)
      return new Set(keys).size < keys.length && isSameInAnyOrder(ours, redis, ours[0] === ASTERISK ? 1 : 2)
    },
  },
]
