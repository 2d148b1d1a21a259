/**
 * CLIENT LIST and CLIENT INFO: what is shown of a connection, and which connections a type names.
 *
 * Runs on the main thread. Invariant: a line has one `field=value` after the other, separated by single spaces, and no
 * value holds a space (client-attributes.ts keeps them out of names), because tools split the lines there.
 */
import { encodeError, errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { SessionView } from './server-services.js'

const INVALID_CLIENT_ID = encodeError('ERR Invalid client ID')

export type ClientType = 'normal' | 'master' | 'replica' | 'pubsub'

const CLIENT_TYPES: ReadonlyMap<string, ClientType> = new Map([
  ['normal', 'normal'],
  ['slave', 'replica'],
  ['replica', 'replica'],
  ['pubsub', 'pubsub'],
  ['master', 'master'],
])

/** The type of that name in any case, or undefined. */
export function clientTypeOf(name: string): ClientType | undefined {
  return CLIENT_TYPES.get(name.toLowerCase())
}

/** Told from the flag letters; a connection in MONITOR counts as normal, though its stream is much like a replica's. */
export function typeOfSession(session: SessionView): ClientType {
  const flags = session.flagLetters
  if (flags.includes('M')) return 'master'
  if (flags.includes('S')) return 'replica'
  if (flags.includes('P')) return 'pubsub'
  return 'normal'
}

export function unknownClientType(name: string): Uint8Array {
  return encodeError(`ERR Unknown client type '${name}'`)
}

/** CLIENT LIST [TYPE type | ID id ...] */
export function listClients(call: MainCall): void {
  const { reply, server } = call
  let shown: SessionView[]
  const option = call.argc > 2 ? call.word(2) : ''
  if (call.argc === 2) {
    shown = [...server.sessions()]
  } else if (option === 'type' && call.argc === 4) {
    const type = clientTypeOf(call.text(3))
    if (type === undefined) {
      reply.error(unknownClientType(call.text(3)))
      return
    }
    shown = [...server.sessions()].filter((session) => typeOfSession(session) === type)
  } else if (option === 'id' && call.argc > 3) {
    shown = []
    for (let i = 3; i < call.argc; i++) {
      const id = call.int64(i)
      if (id === undefined) {
        reply.error(INVALID_CLIENT_ID)
        return
      }
      const session = server.sessionById(Number(id))
      if (session !== undefined) shown.push(session)
    }
  } else {
    reply.error(errors.syntax)
    return
  }
  reply.verbatim(shown.map((session) => `${clientLine(session, call)}\n`).join(''))
}

/** CLIENT INFO: the line of the calling connection. */
export function clientInfo(call: MainCall): void {
  call.reply.verbatim(`${clientLine(call.session, call)}\n`)
}

function wholeSeconds(fromMs: number, toMs: number): number {
  return Math.max(0, Math.floor((toMs - fromMs) / 1000))
}

/**
 * One connection as Redis shows it. There is no fixed reply buffer here (rbs, rbp, obl): what waits to be sent is
 * counted as the output list (oll, omem). The fields that Redis added after 7.0 stand behind all older ones, because
 * programs that match whole lines were written against the older order.
 */
function clientLine(session: SessionView, call: MainCall): string {
  const inTransaction = session.queuedCommands >= 0
  const waiting = session.outputBytes
  // Only a command in execution holds arguments outside the query buffer, and just one is: this one.
  const argumentsInHand = session === call.session ? argumentBytes(call) : 0
  return [
    `id=${session.id}`,
    `addr=${session.address}`,
    `laddr=${session.localAddress}`,
    `fd=${session.fileDescriptor}`,
    `name=${session.name}`,
    `age=${wholeSeconds(session.createdAtMs, call.nowMs)}`,
    `idle=${wholeSeconds(session.lastInteractionMs, call.nowMs)}`,
    `flags=${session.flagLetters}`,
    `db=${session.database}`,
    `sub=${session.subscriptionCount('channel')}`,
    `psub=${session.subscriptionCount('pattern')}`,
    `ssub=${session.subscriptionCount('shardChannel')}`,
    `multi=${session.queuedCommands}`,
    `qbuf=${session.queryBufferBytes}`,
    `qbuf-free=${session.queryBufferFreeBytes}`,
    `argv-mem=${argumentsInHand}`,
    `multi-mem=${inTransaction ? session.queuedBytes : 0}`,
    'rbs=0',
    'rbp=0',
    'obl=0',
    `oll=${waiting > 0 ? 1 : 0}`,
    `omem=${waiting}`,
    `tot-mem=${session.totalMemoryBytes + argumentsInHand}`,
    `events=${waiting > 0 ? 'rw' : 'r'}`,
    `cmd=${session.lastCommand === '' ? 'NULL' : session.lastCommand}`,
    `user=${session.user}`,
    `redir=${session.tracking?.redirectTo ?? -1}`,
    `resp=${session.resp}`,
    `lib-name=${session.libraryName}`,
    `lib-ver=${session.libraryVersion}`,
    `watch=${session.watchedKeys}`,
  ].join(' ')
}

function argumentBytes(call: MainCall): number {
  let total = 0
  for (let i = 0; i < call.argc; i++) total += call.lengths[i] as number
  return total
}
