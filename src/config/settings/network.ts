/**
 * Settings of listeners, connections and clients.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { bindAddresses, keyspaceEvents, outputBufferLimits } from '../special-types.js'
import {
  count,
  integer,
  LONG_MAX,
  memory,
  octal,
  oneOf,
  optionalPath,
  optionalText,
  port,
  string,
  UINT_MAX,
  yesNo,
} from '../value-types.js'

const MIB = 1024n ** 2n

const fixed = { mutable: false } as const

export const networkSettings: SettingArea = {
  title: 'Network and clients',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('bind', bindAddresses, ['*', '-::*'], 'Addresses to listen on; after a `-` a missing one is no error.', { appliesUnchanged: true, effect: 'active' }),
    setting('port', port, 6379n, 'TCP port; 0 for none.', { effect: 'active' }),
    setting('unixsocket', optionalPath, '', 'Path of a Unix socket to listen on.', { ...fixed, effect: 'active' }),
    setting('unixsocketperm', octal(0n, 0o777n), 0n, 'Mode of the Unix socket; 0 leaves it to the umask.', { ...fixed, effect: 'active' }),
    setting('tcp-backlog', count, 511n, 'Length of the queue of connections that are not accepted yet.', { ...fixed, effect: 'active' }),
    setting('tcp-keepalive', count, 300n, 'Seconds between probes of idle connections; 0 for none.', { effect: 'active' }),
    setting('timeout', count, 0n, 'Seconds after which an idle client is closed; 0 for never.', { effect: 'active' }),
    setting('maxclients', integer(1n, UINT_MAX), 10000n, 'Connections at the same time.', { effect: 'active' }),
    setting('max-new-connections-per-cycle', integer(1n, 1000n), 10n, 'Connections accepted in one turn of the event loop.'),
    setting('max-new-tls-connections-per-cycle', integer(1n, 1000n), 1n, 'TLS connections accepted in one turn of the event loop.'),
    setting('protected-mode', yesNo, true, 'Refuse clients from other machines while there is no password.', { effect: 'active' }),
    setting('bind-source-addr', optionalText, '', 'Local address of outgoing connections.'),
    setting('socket-mark-id', integer(0n, UINT_MAX), 0n, 'Mark of the sockets for packet filters; 0 for none.', fixed),
    setting('client-output-buffer-limit', outputBufferLimits, ['normal', '0', '0', '0', 'slave', '268435456', '67108864', '60', 'pubsub', '33554432', '8388608', '60'], 'Pending output from which a client is closed: at once (hard), or when exceeded for some seconds (soft).', { effect: 'active' }),
    setting('client-query-buffer-limit', memory(MIB, LONG_MAX), 1024n * MIB, 'Input that a client may send without completing a command.', { effect: 'active' }),
    setting('proto-max-bulk-len', memory(MIB, LONG_MAX), 512n * MIB, 'The longest argument, and so the longest string.', { effect: 'active' }),
    setting('maxmemory-clients', memory(-100n, LONG_MAX, { orPercent: true }), 0n, 'Memory for all clients together, from which the largest are closed; 0 for no limit.', { effect: 'active' }),
    setting('tracking-table-max-keys', integer(0n, LONG_MAX), 1000000n, 'Keys remembered for client-side caching; 0 for no limit.', { effect: 'active' }),
    setting('client-default-resp', integer(2n, 3n), 2n, 'Protocol version of a new connection.', { ...fixed, hidden: true }),
    setting('io-threads', integer(1n, 128n), 1n, 'Threads that read and write sockets.', fixed),
    setting('io-threads-do-reads', yesNo, false, 'Let I/O threads also read.', fixed),
    setting('notify-keyspace-events', keyspaceEvents, '', 'Events that are published when keys change; empty for none.', { effect: 'active' }),
    setting('acl-pubsub-default', oneOf(['allchannels', 'resetchannels']), 'resetchannels', 'Channels that a new user may use.'),
    setting('acllog-max-len', integer(0n, LONG_MAX), 128n, 'Entries that ACL LOG keeps.'),
    setting('aclfile', string({ description: 'path' }), '', 'File with the users; empty when they stand in the configuration file.', fixed),
    setting('requirepass', optionalText, '', 'Password of the default user.', { sensitive: true, effect: 'active' }),
  ],
}
