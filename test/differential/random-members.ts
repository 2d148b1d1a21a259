/**
 * Commands that choose members by chance: what each server gives must be there, as often as it may, and SPOP must have taken
 * away what it gave. After SPOP our key is given what Redis's has left, so that both are the same again.
 *
 * Only used by tests.
 */
import { isSameShape } from './collection-allowances.js'
import { type Comparison, nameOf } from './comparison.js'
import { bulkOf, elementsOf, integerOf, isErrorReply } from './reply-bytes.js'
import { CONTROL, type Replies, type ServerPair } from './server-pair.js'
import { type Argv, shownBytes } from './step.js'

export interface RandomMembersStep {
  readonly database: number
  readonly protocol: 2 | 3
  /** SPOP, SRANDMEMBER, HRANDFIELD or ZRANDMEMBER of a key. */
  readonly argv: Argv
}

/** What differs, and the replies that show it. */
export interface Finding {
  readonly what: string
  readonly ours: Buffer
  readonly redis: Buffer
}

const words = (...texts: string[]): Argv => texts.map((text) => Buffer.from(text))

/** Everything that a command chooses from; a wrong type is the command's own error. */
function contentsCommand(name: string, key: Buffer): Argv {
  if (name === 'hrandfield') return [Buffer.from('HGETALL'), key]
  if (name === 'zrandmember') return [Buffer.from('ZRANGE'), key, ...words('0', '-1', 'WITHSCORES')]
  return [Buffer.from('SMEMBERS'), key]
}

/** The bytes of all strings and doubles of a reply, of arrays in arrays one after the other. */
function leavesOf(reply: Buffer): string[] {
  const elements = elementsOf(reply)
  if (elements !== undefined) return elements.flatMap(leavesOf)
  const text = bulkOf(reply) ?? (reply[0] === ','.charCodeAt(0) ? reply.subarray(1, -2) : undefined)
  return text === undefined ? [] : [shownBytes(text)]
}

function inPairs(leaves: readonly string[]): string[] {
  return leaves.flatMap((leaf, i) => (i % 2 === 0 ? [`${leaf} ${leaves[i + 1]}`] : []))
}

/** Whether what was chosen is there, and nothing twice unless a count below zero allows it. */
function isFrom(contents: Buffer, reply: Buffer, argv: Argv): boolean {
  const isSet = ['spop', 'srandmember'].includes(nameOf(argv))
  const hasValues = argv.length > 3
  const all = isSet ? leavesOf(contents) : inPairs(leavesOf(contents))
  const pool = new Set(isSet || hasValues ? all : leavesOf(contents).filter((_, i) => i % 2 === 0))
  const chosen = hasValues ? inPairs(leavesOf(reply)) : leavesOf(reply)
  const mayRepeat = argv.length > 2 && Number(argv[2]) < 0
  return chosen.every((one) => pool.has(one)) && (mayRepeat || new Set(chosen).size === chosen.length)
}

export async function checkRandomMembers(
  pair: ServerPair,
  comparison: Comparison,
  step: RandomMembersStep,
): Promise<Finding | undefined> {
  const { argv } = step
  const key = argv[1] as Buffer
  const setUp = [words('HELLO', String(step.protocol)), words('SELECT', String(step.database))]
  const replies = await pair.exchange(CONTROL, [...setUp, contentsCommand(nameOf(argv), key), argv])
  const [, , ourContents, ours] = replies.ours as [Buffer, Buffer, Buffer, Buffer]
  const [, , redisContents, redis] = replies.redis as [Buffer, Buffer, Buffer, Buffer]
  comparison.count(argv, redis)
  const found = (what: string): Finding => ({ what, ours, redis })
  if (isErrorReply(redis) || leavesOf(redis).length === 0) return ours.equals(redis) ? undefined : found('the replies')
  if (!isSameShape(ours, redis)) return found('the kind of reply')
  if (!isFrom(redisContents, redis, argv)) return found('Redis chose something that is not there')
  if (!isFrom(ourContents, ours, argv)) return found('chose something that is not there, or twice the same')
  return nameOf(argv) === 'spop' ? equalise(pair, key, ours, ourContents) : undefined
}

/** Compares what SPOP has left with what it gave, and brings both servers to the same members. */
async function equalise(pair: ServerPair, key: Buffer, popped: Buffer, contents: Buffer): Promise<Finding | undefined> {
  const look: Argv[] = ['SMEMBERS', 'SCARD', 'DUMP', 'PEXPIRETIME'].map((name) => [Buffer.from(name), key])
  const left = await pair.exchange(CONTROL, look)
  const gone = new Set(leavesOf(popped))
  const expected = leavesOf(contents).filter((member) => !gone.has(member))
  const [members, size] = left.ours as [Buffer, Buffer]
  if (leavesOf(members).sort().join('\n') !== expected.sort().join('\n')) {
    return { what: 'SMEMBERS after SPOP', ours: members, redis: left.redis[0] as Buffer }
  }
  if (!size.equals(left.redis[1] as Buffer)) return { what: 'SCARD', ours: size, redis: left.redis[1] as Buffer }
  const payload = bulkOf(left.redis[2] as Buffer)
  if (payload === undefined) return undefined
  const expireAt = integerOf(left.redis[3] as Buffer) ?? 0n
  const restore = [
    Buffer.from('RESTORE'),
    key,
    Buffer.from(String(expireAt < 0n ? 0n : expireAt)),
    payload,
    ...words('REPLACE', 'ABSTTL'),
  ]
  const restored: Replies = await pair.exchange(CONTROL, [restore])
  const [ours, redis] = [restored.ours[0] as Buffer, restored.redis[0] as Buffer]
  const isDone = ours.equals(redis) && redis.toString() === '+OK\r\n'
  return isDone ? undefined : { what: 'RESTORE of what SPOP left', ours, redis }
}
