/**
 * EXEC: runs a queue of commands as one, over any keys of any shards. Main thread.
 *
 * Without dependent parts, the commands have one place in the order and all their frames enter the rings before
 * anything else: nothing can stand between them, and no lock is needed. A watch on the one shard that everything happens on
 * is checked by that shard at the start, in a frame that names all keys of the transaction: if one of them is locked, all of
 * the transaction waits.
 *
 * Otherwise every key is locked, watched ones too (or every shard, with a command that looks at the whole keyspace or a script
 * over several shards); the watches are checked under the locks; the commands run, each dependent one to its end before the
 * next; then all is unlocked.
 *
 * Clients that wait for a key which the transaction writes to are served when it is over.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import { shardBegin, shardServe, shardUnwatch } from '../commands/internal.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { keysOf } from '../hops/request-keys.js'
import { headerNumber } from '../resp/reply-reader.js'
import { RequestFlag } from '../ring/frames.js'
import { type FeedPlan, feed, planFeeding } from './feeding.js'
import type { Router } from './router.js'
import { isScript } from './scripts.js'

export interface Transaction {
  /** The connection's slot: what shards know its watches by. */
  readonly connection: number
  readonly commands: readonly CommandRequest[]
  readonly watchedKeys: readonly Uint8Array[]
  /** Runs a command of the main thread. It may change the session (SELECT). */
  readonly runOnMain: (request: CommandRequest, answer: Answer) => void
  /** The session's database now. It is asked for when EXEC comes and after each command of the main thread. */
  readonly database: () => number
  /** The same for the flags that the session gives to its requests: SELECT changes the one, HELLO the other. */
  readonly flags: () => number
  /** Has the shards remember what a command reads, if the client caches it; right before the command is sent. */
  readonly remember: (request: CommandRequest, owner: number, flags: number) => void
  readonly nilArray: Uint8Array
}

const NO_BYTES = new Uint8Array(0)
/** The shard that logs what the main thread does. */
const MAIN_THREADS_LOG = 0

/**
 * Runs the transaction; `answer` gets the array of replies, or `nilArray` when a watch was broken.
 *
 * @returns whether commands of the main thread are still to run. They may change the session (SELECT), so the client's next
 * command must not be dispatched before `answer` is called.
 */
export function executeTransaction(router: Router, transaction: Transaction, answer: Answer): boolean {
  const { commands, watchedKeys } = transaction
  const homes = commands.map((command) => (runsOnMain(command) ? -1 : router.onlyShardOf(command)))
  const watchShards = new Set(watchedKeys.map((key) => router.shardOf(key, 0, key.length)))
  const [watchShard = -1] = watchShards
  const needsLocks =
    watchShard === -1
      ? commands.some((command, i) => homes[i] === -1 && hasDependentParts(router, command))
      : watchShards.size > 1 ||
        homes.some((home) => home !== watchShard) ||
        commands.some((command) => needsAllShards(router, command))
  const plan = feedPlanOf(router, commands)
  if (!needsLocks && plan === undefined) {
    executeInOrder(router, transaction, homes, watchShard, answer)
    return false
  }
  executeLocked(router, transaction, plan, answer)
  return commands.some(runsOnMain)
}

/** Whether the command, which no shard can run as it is, must not be cut in two by others. */
function hasDependentParts(router: Router, { spec, ...rest }: CommandRequest): boolean {
  return spec.route?.on === 'hops' || (isScript(spec) && router.scripts.reachesShards({ spec, ...rest }))
}

/** Whether the command may run only while all of every shard is locked. */
function needsAllShards(router: Router, command: CommandRequest): boolean {
  if (runsOnMain(command)) return command.spec.looksAtKeyspace === true
  return keysOf(command, router.databases).length === 0 || router.needsAllShards(command)
}

/** UNWATCH, which has no route, is the session's. */
function runsOnMain(command: CommandRequest): boolean {
  return (command.spec.route?.on ?? 'main') === 'main'
}

/** FUNCTION LOAD and its like: they change what the main thread has, and a shard logs that. */
function isLoggedByMain(command: CommandRequest): boolean {
  return runsOnMain(command) && command.spec.flags.includes('write')
}

/** What the transaction does for clients that wait with a destination on another shard. */
function feedPlanOf(router: Router, commands: readonly CommandRequest[]): FeedPlan | undefined {
  const { feeds } = router
  if (!feeds.isActive) return undefined
  const writes = commands.filter(({ spec }) => spec.flags.includes('write') || isScript(spec))
  const keys = writes.map((command) => keysOf(command, router.databases))
  const isWhole = writes.some((command, i) => keys[i]?.length === 0 || router.needsAllShards(command))
  const written = keys.flat().map(({ key }) => key)
  return planFeeding(router, isWhole ? feeds.sources() : written)
}

/**
 * Has those served who wait for keys that the commands may have made ready, behind the commands, as these are sent. Calls
 * `done` when they are.
 */
function serveAfter(router: Router, commands: readonly CommandRequest[], done: () => void): void {
  const keysOfShard = new Map<number, Uint8Array[]>()
  const add = (shard: number, key: Uint8Array): void => {
    const names = keysOfShard.get(shard)
    if (names === undefined) keysOfShard.set(shard, [NO_BYTES, key])
    else names.push(key)
  }
  for (const command of commands) {
    if (runsOnMain(command)) continue
    const keys = keysOf(command, router.databases)
    for (const { key } of keys) add(router.shardOf(key, 0, key.length), key)
    // What has no keys is on every shard, and may make every key ready: that is what an empty name says.
    if (keys.length === 0) for (const { shard } of router.links) add(shard, NO_BYTES)
  }
  if (keysOfShard.size === 0) {
    done()
    return
  }
  const target = router.gather(keysOfShard.size, done)
  let part = 0
  for (const [shard, argv] of keysOfShard) router.send(shard, target, part++, shardServe, 0, 0, argv)
}

function joinReplies(replies: readonly Uint8Array[]): Uint8Array {
  return joinBytes([asciiBytes(`*${replies.length}\r\n`), ...replies])
}

/** `watchShard` is the one shard that all of it happens on when there is a watch, or -1. */
function executeInOrder(
  router: Router,
  transaction: Transaction,
  homes: readonly number[],
  watchShard: number,
  answer: Answer,
): void {
  const { commands, connection } = transaction
  const replies: Uint8Array[] = new Array(commands.length)
  const connectionName = asciiBytes(String(connection))
  const mayServe = router.blocked.size > 0 && commands.length > 0
  let missing = commands.length + (mayServe ? 2 : 1)
  let aborted = false
  const arrived = (): void => {
    if (--missing === 0) answer(aborted ? transaction.nilArray : joinReplies(replies))
  }
  const conditional = watchShard >= 0 ? RequestFlag.conditional : 0
  const within = mayServe ? RequestFlag.within : 0
  const atHome = homes.filter((home) => home >= 0).length
  const extra = watchShard >= 0 ? 2 : 0
  let homeTarget = 0
  if (atHome + extra > 0) {
    const indexes = commands.flatMap((_, i) => ((homes[i] as number) >= 0 ? [i] : []))
    homeTarget = router.gather(atHome + extra, (parts) => {
      if (watchShard >= 0) aborted = headerNumber(parts[0] as Uint8Array, 0) === 1
      const from = watchShard >= 0 ? 1 : 0
      indexes.forEach((index, k) => {
        replies[index] = parts[from + k] as Uint8Array
      })
      missing -= atHome
      arrived()
    })
  } else {
    missing--
  }
  let part = 0
  router.beginOperation()
  router.actingFlags = within
  if (watchShard >= 0) {
    const keys = commands.flatMap((command) => keysOf(command, router.databases).map(({ key }) => key))
    const argv = [NO_BYTES, connectionName, ...transaction.watchedKeys, ...keys]
    router.send(watchShard, homeTarget, part++, shardBegin, 0, 0, argv)
  }
  commands.forEach((command, i) => {
    const home = homes[i] as number
    transaction.remember(command, 0, conditional)
    if (home >= 0) {
      const flags = transaction.flags() | conditional
      router.send(home, homeTarget, part++, command.spec, transaction.database(), flags, command.argv)
      return
    }
    const answerThis: Answer = (reply) => {
      replies[i] = reply
      arrived()
    }
    const flags = transaction.flags() | within
    if (runsOnMain(command)) transaction.runOnMain(command, answerThis)
    else router.coordinate({ ...command, database: transaction.database(), flags }, answerThis)
  })
  router.actingFlags = 0
  if (mayServe) serveAfter(router, commands, arrived)
  if (watchShard >= 0) router.send(watchShard, homeTarget, part, shardUnwatch, 0, 0, [NO_BYTES, connectionName])
  // Commands of the main thread may have asked shards for something as well.
  const reachesAll = homes.includes(-1)
  router.endOperation(new Set(reachesAll ? router.links.keys() : homes.filter((home) => home >= 0)))
  if (atHome + extra === 0 && commands.length === 0) answer(joinReplies([]))
}

function executeLocked(router: Router, transaction: Transaction, plan: FeedPlan | undefined, answer: Answer): void {
  const { commands, watchedKeys, connection } = transaction
  router.nextGsn()
  const keys = [...watchedKeys, ...(plan?.keys ?? [])]
  for (const command of commands) {
    if (!runsOnMain(command)) for (const { key } of keysOf(command, router.databases)) keys.push(key)
  }
  const whole = commands.some((command) => needsAllShards(router, command))
  const watchShards = [...new Set(watchedKeys.map((key) => router.shardOf(key, 0, key.length)))]
  const connectionName = asciiBytes(String(connection))
  // With the connection's name, whatever it asks of its watches next waits until this transaction is through with them.
  // So its record has the transaction's number, and no log is complete up to there before that record is written.
  const besides = commands.some(isLoggedByMain) ? [MAIN_THREADS_LOG] : []
  const lock = router.lock(whole ? 'all' : keys, connectionName, besides)
  const replies: Uint8Array[] = []
  let database = transaction.database()
  let flags = transaction.flags()

  const finish = (reply: Uint8Array): void => {
    if (watchShards.length > 0) {
      const target = router.gather(watchShards.length, () => {})
      watchShards.forEach((shard, i) => {
        router.send(shard, target, i, shardUnwatch, 0, 0, [NO_BYTES, connectionName], lock.owner)
      })
    }
    feed(router, lock.owner, plan, () => {
      router.unlock(lock.owner, lock.shards, () => answer(reply))
    })
  }
  const run = (command: CommandRequest, next: Answer): void => {
    transaction.remember(command, lock.owner, 0)
    if (!runsOnMain(command)) {
      router.run({ ...command, database, flags }, next, lock.owner)
      return
    }
    router.actingOwner = lock.owner
    transaction.runOnMain(command, next)
    router.actingOwner = 0
    // What the client sends after EXEC waits, so that only the transaction's own commands can have changed the session.
    database = transaction.database()
    flags = transaction.flags()
  }
  let isRunning = false
  // A loop, because a thousand commands of the main thread in a row would be as many calls within each other.
  const runOn = (): void => {
    if (isRunning) return
    isRunning = true
    for (let done = -1; done < replies.length && replies.length < commands.length; ) {
      done = replies.length
      run(commands[done] as CommandRequest, (reply) => {
        replies.push(reply)
        runOn()
      })
    }
    isRunning = false
    if (replies.length === commands.length) finish(joinReplies(replies))
  }
  if (watchShards.length === 0) {
    runOn()
    return
  }
  const target = router.gather(watchShards.length, (parts) => {
    if (parts.some((part) => headerNumber(part, 0) === 1)) finish(transaction.nilArray)
    else runOn()
  })
  watchShards.forEach((shard, i) => {
    router.send(shard, target, i, shardBegin, 0, 0, [NO_BYTES, connectionName], lock.owner)
  })
}
