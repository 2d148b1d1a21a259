/**
 * Client-side caching: which clients want to hear of changes, of which keys and where, and what they are told.
 *
 * Runs on the main thread. Who has read which key is remembered by the shards (shard/tracking-table.ts), which tell of
 * changes by notices. What a client is told stands behind the replies to all that it has sent so far (see
 * `Connection.push`), and so behind every value that was read before the change. Clients in broadcasting mode hear of all
 * keys with their prefixes, at the end of the turn, each key once.
 *
 * Invariant: the shards know whether anybody tracks at all, and whether anybody is told of keys that nobody has read.
 */
import { asciiBytes, latin1Of } from '../base/bytes.js'
import type { TrackingOptions } from '../commands/server-services.js'
import { containerOf, idOf, specs } from '../commands/table.js'
import type { CommandRequest } from '../hops/request.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import { CHANGE_ID_BYTES, changeClients, changeIsModified, changeOrigin, Notice, ORIGIN_MASK } from '../ring/frames.js'
import type { Router } from '../router/router.js'
import { isScript } from '../router/scripts.js'
import { isTrackedRead, trackKeys, trackKeysOf } from '../router/tracking-route.js'
import { ClientTracking } from './client-tracking.js'
import type { Connection } from './connection.js'
import type { Session } from './session.js'

const INVALIDATE = asciiBytes('>2\r\n$10\r\ninvalidate\r\n')
const INVALIDATE_MESSAGE = asciiBytes('*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n')
const REDIRECTION_BROKEN = asciiBytes('>2\r\n$21\r\ntracking-redir-broken\r\n')

/**
 * The clients that hear of keys with one prefix, and what they must be told: keys, and the origin of their changes, 0 where
 * these have several.
 */
interface Audience {
  readonly clients: Set<ClientTracking>
  readonly changes: Map<string, number>
}

/** The connection of that id, as long as it is there. */
type FindConnection = (id: number) => Connection | undefined

export class Tracking {
  readonly #clients = new Map<number, ClientTracking>()
  readonly #audiences = new Map<string, Audience>()
  readonly #freeOrigins: number[] = []
  #hasChanges = false
  readonly #find: FindConnection
  readonly #tellShards: (isActive: boolean, isBroadcasting: boolean) => void
  readonly #body = new ReplyWriter()
  /** What all clients with one prefix are told who want to hear of everything. */
  readonly #broadcastBody = new ReplyWriter()
  readonly #message = new ReplyWriter()
  readonly #ids = new Float64Array(1)
  readonly #idBytes = new Uint8Array(this.#ids.buffer)

  /** @param tellShards in what order shards hear of it must be that of the commands around it */
  constructor(find: FindConnection, tellShards: (isActive: boolean, isBroadcasting: boolean) => void) {
    this.#find = find
    this.#tellShards = tellShards
    for (let origin = ORIGIN_MASK; origin > 0; origin--) this.#freeOrigins.push(origin)
  }

  get clientCount(): number {
    return this.#clients.size
  }

  get prefixCount(): number {
    return this.#audiences.size
  }

  /** Begins for a client, or changes what it has asked for before; prefixes are added to those that it has. */
  start(session: Session, options: TrackingOptions, prefixes: readonly string[]): void {
    const wasActive = this.#clients.size > 0
    const wasBroadcasting = this.#audiences.size > 0
    const tracking = session.tracking ?? new ClientTracking(session.id)
    session.tracking = tracking
    this.#clients.set(session.id, tracking)
    tracking.redirectTo = options.redirectTo
    tracking.isBroadcast = options.isBroadcast
    tracking.isOptIn = options.isOptIn
    tracking.isOptOut = options.isOptOut
    tracking.noLoop = options.noLoop
    tracking.isRedirectBroken = false
    // Those for whom no number is left hear of their own changes, which does no harm.
    if (options.noLoop && tracking.origin === 0) tracking.origin = this.#freeOrigins.pop() ?? 0
    if (!options.noLoop) this.#freeOrigin(tracking)
    if (options.isBroadcast) {
      for (const prefix of prefixes.length === 0 ? [''] : prefixes) this.#join(tracking, prefix)
    }
    if (!wasActive || wasBroadcasting !== this.#audiences.size > 0) this.#tellMode()
  }

  stop(session: Session): void {
    const { tracking } = session
    if (tracking === null) return
    session.tracking = null
    this.#clients.delete(session.id)
    this.#freeOrigin(tracking)
    const wasBroadcasting = this.#audiences.size > 0
    for (const prefix of tracking.prefixSet) {
      const audience = this.#audiences.get(prefix) as Audience
      audience.clients.delete(tracking)
      if (audience.clients.size === 0) this.#audiences.delete(prefix)
    }
    if (this.#clients.size === 0 || wasBroadcasting !== this.#audiences.size > 0) this.#tellMode()
  }

  #tellMode(): void {
    this.#tellShards(this.#clients.size > 0, this.#audiences.size > 0)
  }

  #freeOrigin(tracking: ClientTracking): void {
    // At the other end than where they are taken: one is used again as late as possible.
    if (tracking.origin !== 0) this.#freeOrigins.unshift(tracking.origin)
    tracking.origin = 0
  }

  #join(tracking: ClientTracking, prefix: string): void {
    let audience = this.#audiences.get(prefix)
    if (audience === undefined) {
      audience = { clients: new Set(), changes: new Map() }
      this.#audiences.set(prefix, audience)
    }
    audience.clients.add(tracking)
    tracking.prefixSet.add(prefix)
  }

  /** Takes a notice of a shard, if it is about keys that clients may have cached. */
  onNotice(kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void {
    if (kind === Notice.changed) this.#changed(number, bytes, offset, length)
    else if (kind === Notice.allChanged) for (const tracking of this.#clients.values()) this.#send(tracking, null)
  }

  #changed(number: number, bytes: Uint8Array, offset: number, length: number): void {
    const count = changeClients(number)
    const origin = changeOrigin(number)
    const keyOffset = offset + count * CHANGE_ID_BYTES
    const keyLength = length - count * CHANGE_ID_BYTES
    if (count > 0) {
      const body = this.#body
      body.attachScratch()
      body.array(1)
      body.bulk(bytes, keyOffset, keyLength)
    }
    for (let i = 0; i < count; i++) {
      const from = offset + i * CHANGE_ID_BYTES
      this.#idBytes.set(bytes.subarray(from, from + CHANGE_ID_BYTES))
      const tracking = this.#clients.get(this.#ids[0] as number)
      if (tracking === undefined || tracking.isBroadcast || isOwn(tracking, origin)) continue
      this.#send(tracking, this.#body)
    }
    if (!changeIsModified(number) || this.#audiences.size === 0) return
    const key = latin1Of(bytes, keyOffset, keyLength)
    for (const [prefix, { changes }] of this.#audiences) {
      // Who has changed a key itself must be told of it all the same when somebody else has, too.
      if (key.startsWith(prefix)) changes.set(key, (changes.get(key) ?? origin) === origin ? origin : 0)
    }
    this.#hasChanges = true
  }

  /** Tells those in broadcasting mode of what has changed since the last time. */
  broadcast(): void {
    if (!this.#hasChanges) return
    this.#hasChanges = false
    for (const { clients, changes } of this.#audiences.values()) {
      if (changes.size === 0) continue
      const keys = [...changes.keys()].sort()
      const all = this.#broadcastBody
      writeKeys(all, keys)
      for (const tracking of clients) {
        if (tracking.origin === 0) {
          this.#send(tracking, all)
          continue
        }
        const told = keys.filter((key) => !isOwn(tracking, changes.get(key) as number))
        if (told.length === 0) continue
        writeKeys(this.#body, told)
        this.#send(tracking, this.#body)
      }
      changes.clear()
    }
  }

  /** Sends keys, which have been written as an array; null stands for all keys. */
  #send(tracking: ClientTracking, keys: ReplyWriter | null): void {
    const isRedirected = tracking.redirectTo !== 0
    const connection = this.#find(isRedirected ? tracking.redirectTo : tracking.id)
    if (connection === undefined || connection.isClosing) {
      if (isRedirected) this.#tellBroken(tracking)
      return
    }
    const message = this.#message
    message.attachScratch()
    message.resp3 = connection.session.resp === 3
    if (message.resp3) message.encoded(INVALIDATE)
    // In RESP2 a message must come from a channel, and nobody can redirect to a channel of its own connection.
    else if (isRedirected && connection.session.isSubscribed) message.encoded(INVALIDATE_MESSAGE)
    else return
    if (keys === null) message.nil()
    else message.raw(keys.bytes, keys.start, keys.position - keys.start)
    connection.push(message.bytes, message.start, message.position - message.start)
  }

  #tellBroken(tracking: ClientTracking): void {
    tracking.isRedirectBroken = true
    const connection = this.#find(tracking.id)
    if (connection === undefined || connection.session.resp !== 3) return
    const message = this.#message
    message.attachScratch()
    message.encoded(REDIRECTION_BROKEN)
    message.integer(tracking.redirectTo)
    connection.push(message.bytes, message.start, message.position - message.start)
  }
}

/** The arguments of `shard.tracking`. */
export function trackingArguments(isActive: boolean, isBroadcasting: boolean): readonly Uint8Array[] {
  return [new Uint8Array(0), asciiBytes(isActive ? '1' : '0'), asciiBytes(isBroadcasting ? '1' : '0')]
}

function writeKeys(body: ReplyWriter, keys: readonly string[]): void {
  body.attachScratch()
  body.array(keys.length)
  for (const key of keys) body.bulkBytes(asciiBytes(key))
}

/** Whether a change was made by this client, and it does not want to hear of such. */
function isOwn(tracking: ClientTracking, origin: number): boolean {
  return tracking.origin !== 0 && tracking.origin === origin
}

/** Before a command of a client that tracks is routed. `endTracked` must follow. */
export function beginTracked(
  router: Router,
  tracking: ClientTracking,
  id: number,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
): void {
  router.origin = tracking.origin
  const spec = specs[id]
  if (spec === undefined || !tracking.remembers(tracking.isCachingGiven)) return
  if (isScript(spec)) router.reader = tracking.idBytes
  if (!isTrackedRead(id)) return
  trackKeys(router, tracking.idBytes, spec, bytes, offsets, lengths, argc, 0, 0)
}

/** After a command of a client that tracks: CLIENT CACHING holds for one command, or for one transaction. */
export function endTracked(router: Router, session: Session, id: number): void {
  router.origin = 0
  router.reader = null
  const { tracking } = session
  if (tracking === null || !tracking.isCachingGiven || session.transaction !== null) return
  const spec = specs[id]
  if (spec === undefined || (containerOf(spec) ?? spec).name !== 'client') tracking.isCachingGiven = false
}

/** What EXEC does before each command of a transaction: CLIENT CACHING before it holds for all of them. */
export function trackedReads(
  router: Router,
  session: Session,
): (request: CommandRequest, owner: number, flags: number) => void {
  const wasCachingGiven = session.tracking?.isCachingGiven === true
  return (request, owner, flags) => {
    const { tracking } = session
    if (tracking === null || !tracking.remembers(wasCachingGiven || tracking.isCachingGiven)) return
    if (isScript(request.spec)) router.reader = tracking.idBytes
    if (!isTrackedRead(idOf(request.spec))) return
    trackKeysOf(router, tracking.idBytes, request, owner, flags)
  }
}
