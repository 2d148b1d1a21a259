/**
 * Keyspace events on their way to the main thread: each becomes a notice, behind the reply of the command that raised it.
 *
 * Runs in a shard worker. A notice says which channels were wanted when the event happened: by the time it comes to the
 * main thread, the setting may be another one. Invariant: notices have the order in which the events were raised.
 */
import { encodeEvent, Notice } from '../ring/frames.js'
import type { Keyspace } from '../store/keyspace.js'
import { EventChannel } from '../store/keyspace-events.js'
import type { Notices } from './notices.js'

/** Between the event's name and the key. No name has such a byte. */
const SEPARATOR = new Uint8Array(1)

/** What `keyspace.onEvent` must be for its events to become notices there. */
export function eventsTo(notices: Notices, keyspace: Keyspace): Keyspace['onEvent'] {
  return ({ name }, index, bytes, offset, length) => {
    notices.append(name, 0, name.length)
    notices.append(SEPARATOR, 0, SEPARATOR.length)
    notices.append(bytes, offset, length)
    const { eventClasses } = keyspace
    const forKeyspace = (eventClasses & EventChannel.keyspace) !== 0
    notices.add(Notice.event, encodeEvent(index, forKeyspace, (eventClasses & EventChannel.keyevent) !== 0))
  }
}
