/**
 * CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: client-side caching, as far as a client asks for it. What it is told
 * of its keys, and when, is decided in `net/tracking.ts`.
 *
 * Runs on the main thread. Behaviour: https://redis.io/docs/latest/commands/client-tracking/ and the pages of the others.
 */
import { asciiBytes } from '../base/bytes.js'
import { encodeError, errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { TrackingOptions } from './server-services.js'

const REDIRECTS_TWICE = encodeError('ERR A client can only redirect to a single other client')
const NO_SUCH_CLIENT = encodeError('ERR The client ID you want redirect to does not exist')
const PREFIX_WITHOUT_BROADCAST = encodeError('ERR PREFIX option requires BCAST mode to be enabled')
const BROADCAST_SWITCHED = encodeError(
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a " +
    'different mode.',
)
const BROADCAST_WITH_OPTION = encodeError('ERR OPTIN and OPTOUT are not compatible with BCAST')
const BOTH_OPTIONS = encodeError("ERR You can't specify both OPTIN mode and OPTOUT mode")
const OPTION_SWITCHED = encodeError(
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a " +
    'different mode.',
)
const CACHING_WITHOUT_TRACKING = encodeError(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
)
const CACHING_YES_REFUSED = encodeError('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.')
const CACHING_NO_REFUSED = encodeError('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.')

interface TrackingRequest {
  readonly options: TrackingOptions
  readonly prefixes: readonly string[]
}

/** CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP] */
export function tracking(call: MainCall): void {
  const request = readOptions(call)
  if (request === undefined) return
  const mode = call.word(2)
  if (mode === 'off') {
    call.session.stopTracking()
  } else if (mode === 'on') {
    const refusal = refusalOf(call, request)
    if (refusal !== undefined) {
      call.reply.error(refusal)
      return
    }
    call.session.startTracking(request.options, request.prefixes)
  } else {
    call.reply.error(errors.syntax)
    return
  }
  call.reply.ok()
}

/** The options, or undefined when they are wrong and the error is written. */
function readOptions(call: MainCall): TrackingRequest | undefined {
  const prefixes: string[] = []
  let redirectTo = 0
  let isBroadcast = false
  let isOptIn = false
  let isOptOut = false
  let noLoop = false
  for (let i = 3; i < call.argc; i++) {
    const option = call.word(i)
    const isLast = i === call.argc - 1
    if (option === 'redirect' && !isLast) {
      if (redirectTo !== 0) {
        call.reply.error(REDIRECTS_TWICE)
        return undefined
      }
      const id = call.int64(++i)
      if (id === undefined) {
        call.reply.error(errors.notAnInteger)
        return undefined
      }
      redirectTo = Number(id)
      if (call.server.sessionById(redirectTo) === undefined) {
        call.reply.error(NO_SUCH_CLIENT)
        return undefined
      }
    } else if (option === 'prefix' && !isLast) prefixes.push(call.text(++i))
    else if (option === 'bcast') isBroadcast = true
    else if (option === 'optin') isOptIn = true
    else if (option === 'optout') isOptOut = true
    else if (option === 'noloop') noLoop = true
    else {
      call.reply.error(errors.syntax)
      return undefined
    }
  }
  return { options: { redirectTo, isBroadcast, isOptIn, isOptOut, noLoop }, prefixes }
}

/** Why options that are right by themselves do not go together, or not with what the client has asked for before. */
function refusalOf(call: MainCall, { options, prefixes }: TrackingRequest): Uint8Array | undefined {
  const { isBroadcast, isOptIn, isOptOut } = options
  const { tracking: current } = call.session
  if (!isBroadcast && prefixes.length > 0) return PREFIX_WITHOUT_BROADCAST
  if (current !== null && current.isBroadcast !== isBroadcast) return BROADCAST_SWITCHED
  if (isBroadcast && (isOptIn || isOptOut)) return BROADCAST_WITH_OPTION
  if (isOptIn && isOptOut) return BOTH_OPTIONS
  if (current !== null && ((isOptIn && current.isOptOut) || (isOptOut && current.isOptIn))) return OPTION_SWITCHED
  return isBroadcast ? overlapOf(prefixes, current?.prefixes ?? []) : undefined
}

/** A key must not belong to two prefixes of a client, which would be told twice. */
function overlapOf(prefixes: readonly string[], existing: readonly string[]): Uint8Array | undefined {
  for (const [i, prefix] of prefixes.entries()) {
    const present = existing.find((other) => overlap(prefix, other))
    if (present !== undefined) return overlapError(prefix, `an existing prefix '${present}'`)
    const provided = prefixes.slice(i + 1).find((other) => overlap(prefix, other))
    if (provided !== undefined) return overlapError(prefix, `another provided prefix '${provided}'`)
  }
  return undefined
}

function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a)
}

function overlapError(prefix: string, other: string): Uint8Array {
  return encodeError(`ERR Prefix '${prefix}' overlaps with ${other}. Prefixes for a single client must not overlap.`)
}

/** CLIENT CACHING YES|NO: for the next command, or the next transaction. */
export function caching(call: MainCall): void {
  const { tracking: current } = call.session
  if (current === null) {
    call.reply.error(CACHING_WITHOUT_TRACKING)
    return
  }
  const word = call.word(2)
  if (word !== 'yes' && word !== 'no') {
    call.reply.error(errors.syntax)
  } else if (word === 'yes' && !current.isOptIn) {
    call.reply.error(CACHING_YES_REFUSED)
  } else if (word === 'no' && !current.isOptOut) {
    call.reply.error(CACHING_NO_REFUSED)
  } else {
    current.isCachingGiven = true
    call.reply.ok()
  }
}

/** The id of the client that invalidations go to, 0 for this one, -1 for none. */
export function getRedirection(call: MainCall): void {
  call.reply.integer(call.session.tracking?.redirectTo ?? -1)
}

export function trackingInfo(call: MainCall): void {
  const { reply } = call
  const { tracking: current } = call.session
  const flags = [current === null ? 'off' : 'on']
  if (current?.isBroadcast === true) flags.push('bcast')
  if (current?.isOptIn === true) flags.push('optin', ...(current.isCachingGiven ? ['caching-yes'] : []))
  if (current?.isOptOut === true) flags.push('optout', ...(current.isCachingGiven ? ['caching-no'] : []))
  if (current?.noLoop === true) flags.push('noloop')
  if (current?.isRedirectBroken === true) flags.push('broken_redirect')
  reply.map(3)
  reply.bulkText('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('redirect')
  reply.integer(current?.redirectTo ?? -1)
  reply.bulkText('prefixes')
  const prefixes = current?.prefixes ?? []
  reply.array(prefixes.length)
  for (const prefix of prefixes) reply.bulkBytes(asciiBytes(prefix))
}
