/**
 * CLIENT KILL, in its old form (an address) and its new one (filters, all of which must hold).
 *
 * Runs on the main thread.
 */
import { encodeError, errors } from '../resp/errors.js'
import { userExists } from './acl.js'
import type { ClientType } from './client-list.js'
import { clientTypeOf, typeOfSession, unknownClientType } from './client-list.js'
import type { MainCall } from './main-call.js'
import type { SessionView } from './server-services.js'

const ID_NOT_POSITIVE = encodeError('ERR client-id should be greater than 0')
const AGE_NOT_AN_INTEGER = encodeError('ERR maxage is not an integer or out of range')
const AGE_NOT_POSITIVE = encodeError('ERR maxage should be greater than 0')
const NO_SUCH_CLIENT = encodeError('ERR No such client')

/** A filter that is left out holds for every connection. */
interface KillFilters {
  id?: number
  type?: ClientType
  address?: string
  localAddress?: string
  user?: string
  /** Connections younger than this are spared. */
  ageSecondsMin?: number
  skipSelf: boolean
}

/** CLIENT KILL addr | [ID id] [TYPE type] [ADDR addr] [LADDR addr] [USER user] [MAXAGE seconds] [SKIPME yes|no] */
export function killClients(call: MainCall): void {
  if (call.argc === 3) {
    // The old form kills its own caller as well.
    const killed = killMatching(call, { address: call.text(2), skipSelf: false })
    if (killed === 0) call.reply.error(NO_SUCH_CLIENT)
    else call.reply.ok()
    return
  }
  const filters = readFilters(call)
  if (filters instanceof Uint8Array) call.reply.error(filters)
  else call.reply.integer(killMatching(call, filters))
}

/** The filters, or the error reply to the first argument that is wrong. */
function readFilters(call: MainCall): KillFilters | Uint8Array {
  const filters: KillFilters = { skipSelf: true }
  for (let i = 2; i < call.argc; i += 2) {
    if (i + 1 === call.argc) return errors.syntax
    const value = call.text(i + 1)
    switch (call.word(i)) {
      case 'id': {
        const id = call.int64(i + 1)
        if (id === undefined || id < 1n) return ID_NOT_POSITIVE
        filters.id = Number(id)
        break
      }
      case 'maxage': {
        const age = call.int64(i + 1)
        if (age === undefined) return AGE_NOT_AN_INTEGER
        if (age < 1n) return AGE_NOT_POSITIVE
        filters.ageSecondsMin = Number(age)
        break
      }
      case 'type': {
        const type = clientTypeOf(value)
        if (type === undefined) return unknownClientType(value)
        filters.type = type
        break
      }
      case 'addr':
        filters.address = value
        break
      case 'laddr':
        filters.localAddress = value
        break
      case 'user':
        if (!userExists(value)) return encodeError(`ERR No such user '${value}'`)
        filters.user = value
        break
      case 'skipme': {
        const choice = value.toLowerCase()
        if (choice !== 'yes' && choice !== 'no') return errors.syntax
        filters.skipSelf = choice === 'yes'
        break
      }
      default:
        return errors.syntax
    }
  }
  return filters
}

function matches(session: SessionView, filters: KillFilters, nowMs: number): boolean {
  if (filters.address !== undefined && session.address !== filters.address) return false
  if (filters.localAddress !== undefined && session.localAddress !== filters.localAddress) return false
  if (filters.type !== undefined && typeOfSession(session) !== filters.type) return false
  if (filters.id !== undefined && session.id !== filters.id) return false
  if (filters.user !== undefined && session.user !== filters.user) return false
  if (filters.ageSecondsMin !== undefined) {
    const ageSeconds = Math.floor((nowMs - session.createdAtMs) / 1000)
    if (ageSeconds < filters.ageSecondsMin) return false
  }
  return true
}

/** Kills and counts. The caller's own connection is closed only when its reply has gone out. */
function killMatching(call: MainCall, filters: KillFilters): number {
  // Collected first: killing takes a session out of the collection that is walked here.
  const doomed = [...call.server.sessions()].filter(
    (session) => matches(session, filters, call.nowMs) && !(filters.skipSelf && session === call.session),
  )
  for (const session of doomed) {
    if (session === call.session) session.closeAfterReply()
    else session.kill()
  }
  return doomed.length
}
