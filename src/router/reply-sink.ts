/** Whoever takes the replies to clients from the router. Types only. */
import type { BlockedClientSink } from './blocked-clients.js'
import type { NoticeSink } from './notice-assembly.js'

/** Takes the replies to clients: `count` whole replies from `sequence` on, or with count 0 a piece of one. */
export type ReplySink = BlockedClientSink & NoticeSink
