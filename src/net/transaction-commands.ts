/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH: the session's half. What EXEC does over the shards stands in
 * `router/transaction.ts`. Main thread.
 */
import { asciiBytes } from '../base/bytes.js'
import { shardUnwatch, shardWatch } from '../commands/internal.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { errors, execDiscarded } from '../resp/errors.js'
import { RequestFlag } from '../ring/frames.js'
import type { Router } from '../router/router.js'
import { isScript } from '../router/scripts.js'
import { executeTransaction } from '../router/transaction.js'
import type { Connection } from './connection.js'
import type { Dispatcher } from './dispatcher.js'
import type { Session } from './session.js'
import { trackedReads } from './tracking.js'

type SessionCommand = (
  dispatcher: Dispatcher,
  connection: Connection,
  argv: readonly Uint8Array[],
  answer: Answer,
) => void

const OK = asciiBytes('+OK\r\n')
const NIL_ARRAY = asciiBytes('*-1\r\n')
const NULL_RESP3 = asciiBytes('_\r\n')
const NO_BYTES = new Uint8Array(0)

function multi(_dispatcher: Dispatcher, { session }: Connection, _argv: readonly Uint8Array[], answer: Answer): void {
  if (session.transaction !== null) {
    answer(errors.nestedMulti)
    return
  }
  session.beginTransaction()
  answer(OK)
}

function discard(_dispatcher: Dispatcher, { session }: Connection, _argv: readonly Uint8Array[], answer: Answer): void {
  if (session.transaction === null) {
    answer(errors.discardWithoutMulti)
    return
  }
  session.endTransaction()
  session.unwatchAll()
  answer(OK)
}

function exec(dispatcher: Dispatcher, connection: Connection, argv: readonly Uint8Array[], answer: Answer): void {
  const { session } = connection
  const { database } = session
  const { monitors } = dispatcher
  const show = (ran: readonly CommandRequest[]): void => {
    if (monitors.isActive) monitors.showTransaction(connection, ran, database, argv)
  }
  const commands = session.transaction
  if (commands === null) {
    show([])
    answer(errors.execWithoutMulti)
    return
  }
  const failed = session.transactionFailed
  session.endTransaction()
  if (failed) {
    session.unwatchAll()
    show([])
    answer(errors.execAbort)
    return
  }
  if (commands.some(({ spec }) => spec.flags.includes('denyoom')) && dispatcher.policy.isOutOfMemory()) {
    session.unwatchAll()
    show([])
    answer(execDiscarded(errors.outOfMemory))
    return
  }
  const watchedKeys = session.watched
  session.watched = []
  dispatcher.commandsProcessed += commands.length
  session.executing++
  let isAnswered = false
  let holds = false
  const nilArray = session.resp === 3 ? NULL_RESP3 : NIL_ARRAY
  // Without watches it happens now; with them only the answer tells whether it has happened.
  const isWatching = watchedKeys.length > 0
  if (!isWatching) show(commands)
  // What comes right behind EXEC may name a script by its digest that one of these commands brings: it is learnt now where it
  // is sure to run, and none of the others may come too early for it. Otherwise it is when it runs, and the client's next
  // command waits for that.
  const scripts = commands.filter(({ spec }) => isScript(spec))
  const { registry } = dispatcher.scripting
  const learnsLater = isWatching ? scripts.length > 0 : scripts.some((command) => registry.lacks(command))
  if (!learnsLater) for (const command of scripts) registry.learn(command)
  const mustHold = executeTransaction(
    dispatcher.router,
    {
      connection: connection.slot,
      commands,
      watchedKeys,
      runOnMain: (request, reply) => dispatcher.main.runQueued(connection, request, reply),
      database: () => session.database,
      flags: () => (session.resp === 3 ? RequestFlag.resp3 : 0) | (session.noTouch ? RequestFlag.noTouch : 0),
      remember: trackedReads(dispatcher.router, session),
      nilArray,
    },
    (reply) => {
      isAnswered = true
      if (isWatching) show(reply === nilArray ? [] : commands)
      session.executing--
      // The answer to an EXEC before the one that holds the session changes nothing.
      if (holds) {
        session.isHeld = false
        // A command of the transaction may have given it, and nothing has been dispatched since.
        if (session.tracking !== null) session.tracking.isCachingGiven = false
      }
      answer(reply)
    },
  )
  holds = (mustHold || learnsLater) && !isAnswered
  if (holds) session.isHeld = true
}

function watch(dispatcher: Dispatcher, connection: Connection, argv: readonly Uint8Array[], answer: Answer): void {
  const { session } = connection
  if (session.transaction !== null) {
    answer(errors.watchInsideMulti)
    return
  }
  const { router } = dispatcher
  const keys = argv.slice(1)
  const name = asciiBytes(String(connection.slot))
  router.nextGsn()
  const target = router.gather(keys.length, () => answer(OK))
  keys.forEach((key, i) => {
    session.watched.push(key)
    router.send(router.shardOf(key, 0, key.length), target, i, shardWatch, session.database, 0, [NO_BYTES, key, name])
  })
}

function unwatch(_dispatcher: Dispatcher, { session }: Connection, _argv: readonly Uint8Array[], answer: Answer): void {
  session.unwatchAll()
  answer(OK)
}

/** Tells the shards that a session's watches are void. */
export function unwatchOnShards(router: Router, session: Session): void {
  const name = asciiBytes(String(session.connection.slot))
  const shards = new Set(session.watched.map((key) => router.shardOf(key, 0, key.length)))
  const target = router.gather(shards.size, () => {})
  router.nextGsn()
  let part = 0
  for (const shard of shards) router.send(shard, target, part++, shardUnwatch, 0, 0, [NO_BYTES, name])
}

export const sessionCommands: Readonly<Record<string, SessionCommand>> = { multi, exec, discard, watch, unwatch }
