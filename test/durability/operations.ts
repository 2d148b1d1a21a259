/**
 * The operations of a workload: what each client sends, in an order that a seed decides.
 *
 * Only used by tests. Every client changes keys of its own, which only its own order decides, and keys that all share. What
 * touches shared keys appends its name to a list, the log, in the same transaction or script: so the data says itself in which
 * order such operations happened, and each of them is seen to be whole.
 */
import type { Choice } from '../differential/choice.js'
import { keysOf } from './model-commands.js'

export interface Operation {
  /** Counts the operations of its client, over all generations. */
  readonly number: number
  readonly how: 'plain' | 'transaction' | 'script'
  readonly commands: readonly (readonly string[])[]
  /** Whether it appends its name to the log. */
  readonly isLogged: boolean
  /** A script says beforehand which keys it will use. */
  readonly declaresKeys: boolean
}

/** Which client it is, and what it works with in this generation. */
export interface OperationSource {
  readonly client: number
  readonly generation: number
  readonly database: number
  /** Its own of older generations, to be deleted. */
  readonly leftovers: readonly string[]
  /** How many elements it has put in its queue so far. */
  queued: number
}

export const logOf = (generation: number): string => `log:${generation}`
export const queueOf = (client: number): string => `q:${client}`
export const doneOf = (client: number, generation: number): string => `done:${client}:${generation}`
/** Lists to which a client appends the numbers of operations: nothing overwrites what they say. */
export const trailOf = (client: number, which: number, generation: number): string =>
  `c${client}:trail${which}:${generation}`
/** Where a producer says how many elements there have been. */
export const queuedOf = (client: number): string => `c${client}:queued`

/** Stands in a script's arguments for the place of the operation in the log. */
export const PLACE = '$n'

const LOG_NAME = 'log:'
const LIST_ITEMS_MAX = 12
const SHORT_MS = 200
const LONG_MS = 3_600_000

/** Runs the commands in its first argument, a JSON array; the place in the log comes from the push to the log. */
const SCRIPT = `
local place = ''
for _, command in ipairs(cjson.decode(ARGV[1])) do
  for i = 2, #command do if command[i] == '${PLACE}' then command[i] = place end end
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'MISCONF', 1, true) then return reply end
  if string.sub(command[2], 1, 4) == '${LOG_NAME}' then place = tostring(reply) end
end
return place`

/** What is sent for an operation. */
export function requestsOf({ how, commands, declaresKeys }: Operation): readonly (readonly string[])[] {
  switch (how) {
    case 'plain':
      return commands
    case 'transaction':
      return [['MULTI'], ...commands, ['EXEC']]
    case 'script': {
      const keys = declaresKeys ? [...new Set(commands.flatMap(keysOf))] : []
      return [['EVAL', SCRIPT, String(keys.length), ...keys, JSON.stringify(commands)]]
    }
  }
}

/** The next operation of a client. */
export function nextOperation(choice: Choice, source: OperationSource, number: number): Operation {
  const { client, generation, leftovers } = source
  const tag = `${client}:${number}`
  const base = { number, isLogged: false, declaresKeys: true }
  if (leftovers.length > 0 && number === 0) return { ...base, how: 'plain', commands: [['DEL', ...leftovers]] }
  // Shared keys are in the first database only.
  const kind = choice.below(source.database === 0 ? 20 : 12)
  if (kind < 9) return { ...base, how: 'plain', commands: [ownCommand(choice, source, number)] }
  if (kind < 12) {
    const commands = Array.from({ length: choice.between(1, 4) }, () => ownCommand(choice, source, number, true))
    commands.splice(choice.below(commands.length + 1), 0, trail(choice, source, number))
    const how = choice.oneIn(3) ? 'script' : 'transaction'
    return { ...base, how, commands, declaresKeys: choice.oneIn(2) }
  }
  if (kind < 14) {
    source.queued++
    const element = String(source.queued)
    const put = client % 3 === 2 ? ['ZADD', queueOf(client), element, element] : ['RPUSH', queueOf(client), element]
    return { ...base, how: 'transaction', commands: [put, ['SET', queuedOf(client), element]] }
  }
  const log = ['RPUSH', logOf(generation), tag]
  const shared = Array.from({ length: choice.between(1, 4) }, () => sharedCommand(choice, tag))
  const own = choice.oneIn(2) ? ['SET', `c${client}:shared`, tag] : trail(choice, source, number)
  if (choice.oneIn(3)) {
    const placed = [
      ['SET', `g:placed${choice.below(4)}`, PLACE],
      ['HSET', `c${client}:placed`, 'place', PLACE, 'tag', tag],
    ]
    const commands = [log, ...choice.shuffled([...shared, ...placed, own])]
    return { number, how: 'script', isLogged: true, commands, declaresKeys: choice.oneIn(2) }
  }
  return { number, how: 'transaction', isLogged: true, commands: [...shared, own, log], declaresKeys: true }
}

function trail(choice: Choice, { client, generation }: OperationSource, number: number): string[] {
  return ['RPUSH', trailOf(client, choice.below(4), generation), String(number)]
}

/** A command on keys that all clients change: it must do something in whatever state it finds them. */
function sharedCommand(choice: Choice, tag: string): string[] {
  const key = (kind: string): string => `g:${kind}${choice.below(4)}`
  switch (choice.below(14)) {
    case 0:
      return ['SET', key('text'), tag]
    case 1:
      return ['MSET', 'g:text0', tag, 'g:text1', tag, 'g:text2', tag, 'g:text3', tag]
    case 2:
      return ['INCR', key('count')]
    case 3:
      return ['RPUSH', key('list'), tag]
    case 4:
      return ['LTRIM', key('list'), String(-LIST_ITEMS_MAX), '-1']
    case 5:
      return ['LMOVE', key('list'), key('list'), choice.of(['LEFT', 'RIGHT']), choice.of(['LEFT', 'RIGHT'])]
    case 6:
      return ['SADD', key('set'), String(choice.below(20)), String(choice.below(20))]
    case 7:
      return ['SINTERSTORE', key('set'), key('set'), key('set')]
    case 8:
      return ['SMOVE', key('set'), key('set'), String(choice.below(20))]
    case 9:
      return ['HSET', key('hash'), String(choice.below(8)), tag]
    case 10:
      return ['ZINCRBY', key('zset'), String(choice.between(1, 9)), String(choice.below(8))]
    case 11:
      return ['DEL', key('text'), key('set')]
    case 12:
      return [choice.of(['RENAME', 'COPY']), key('text'), key('text')]
    default:
      return ['SDIFFSTORE', key('set'), key('set'), key('set')]
  }
}

/**
 * A command on keys of the client's own.
 * @param isInside in a transaction or script, where a result that chance decides would not be known
 */
function ownCommand(choice: Choice, source: OperationSource, number: number, isInside = false): string[] {
  const { client, database } = source
  if (choice.oneIn(8)) return trail(choice, source, number)
  const key = (kind: string, count = 4): string => `c${client}:${kind}${choice.below(count)}`
  const text = String(number)
  const end = (): string => choice.of(['LEFT', 'RIGHT'])
  const small = (): string => String(choice.below(24))
  switch (choice.below(isInside ? 32 : 38)) {
    case 0:
    case 1:
      return ['SET', key('text'), text]
    case 2:
      return ['MSET', ...[0, 1, 2, 3].flatMap((i) => [`c${client}:text${i}`, text])]
    case 3:
      return ['APPEND', key('bits', 2), text.slice(-1)]
    case 4:
      return ['SET', key('bits', 2), text]
    case 5:
      return ['SETRANGE', key('bits', 2), String(choice.below(12)), text]
    case 6:
      return ['BITOP', choice.of(['OR', 'XOR']), `c${client}:bits2`, `c${client}:bits0`, `c${client}:bits1`]
    case 7:
    case 8:
      return ['INCR', key('count')]
    case 9:
      return ['INCRBYFLOAT', key('float', 2), '0.5']
    case 10:
    case 11:
      return ['RPUSH', key('list'), text, `${text}b`]
    case 12:
      return ['LPUSH', key('list'), text]
    case 13:
      return ['LPOP', key('list'), '2']
    case 14:
      return ['LTRIM', key('list'), String(-LIST_ITEMS_MAX), '-1']
    case 15:
    case 16:
      return ['LMOVE', key('list'), key('list'), end(), end()]
    case 17:
      return ['HSET', key('hash'), small(), text, small(), text]
    case 18:
      return ['HINCRBY', key('hashcount', 2), small(), '3']
    case 19:
      return ['HDEL', key('hash'), small(), small()]
    case 20:
      return ['SADD', key('set'), small(), small(), small()]
    case 21:
      return ['SREM', key('set'), small(), small()]
    case 22:
      return ['SINTERSTORE', key('set'), key('set'), key('set')]
    case 23:
      return ['SUNIONSTORE', key('set'), key('set'), key('set')]
    case 24:
      return ['SMOVE', key('set'), key('set'), small()]
    case 25:
      return ['ZADD', key('zset'), text, small()]
    case 26:
      return ['ZINCRBY', key('zset'), '2', small()]
    case 27:
      return ['ZUNIONSTORE', key('zset'), '2', key('zset'), key('zset'), 'AGGREGATE', 'MAX']
    case 28:
      return ['ZPOPMIN', key('zset')]
    case 29:
      return ['DEL', key('text'), key('list'), key('hash'), key('count')]
    case 30:
      return ['SET', key('far'), text, 'PXAT', String(Date.now() + LONG_MS + number)]
    case 31:
      return choice.of([
        ['COPY', key('text'), key('text'), 'REPLACE'],
        ['RENAME', key('text'), key('text')],
        ['MSETNX', key('text'), text, key('text'), text],
      ])
    case 32:
      return choice.oneIn(3) ? ['GETDEL', key('text')] : ['SADD', `c${client}:bag`, text, `${text}b`]
    case 33:
      return ['SPOP', `c${client}:bag`]
    case 34:
      return ['XADD', `c${client}:stream`, 'MAXLEN', '=', '20', '*', 'number', text]
    case 35:
      return ['SET', key('soon'), text, 'PX', String(choice.between(1, SHORT_MS))]
    case 36:
      return ['SET', key('long'), text, 'PX', String(LONG_MS)]
    default:
      if (database !== 0 && choice.oneIn(6)) return ['FLUSHDB', choice.of(['SYNC', 'ASYNC'])]
      return choice.oneIn(2)
        ? ['PEXPIREAT', key('far'), String(Date.now() + LONG_MS + number)]
        : ['PERSIST', key('far')]
  }
}
