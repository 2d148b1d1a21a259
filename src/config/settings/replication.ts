/**
 * Settings of replication and of the cluster.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { primaryAddress } from '../special-types.js'
import {
  count,
  INT_MAX,
  integer,
  LONG_MAX,
  memory,
  oneOf,
  optionalText,
  port,
  string,
  UINT64_MAX,
  yesNo,
} from '../value-types.js'

const MIB = 1024n ** 2n

/** A backlog below this would not hold even one reconnection. Redis's own least size. */
const BACKLOG_BYTES_MIN = 16n * 1024n

/** Redis keeps the names with the old word for replicas. */
function formerly(name: string) {
  return { aliases: [name] }
}

export const replicationSettings: SettingArea = {
  title: 'Replication',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('replicaof', primaryAddress, [], 'The server to follow.', { ...formerly('slaveof'), mutable: false }),
    setting('masterauth', optionalText, '', 'Password for the server to follow.', { sensitive: true }),
    setting('masteruser', optionalText, '', 'User for the server to follow.', { sensitive: true }),
    setting('replica-serve-stale-data', yesNo, true, 'Answer while the link to the primary is down.', formerly('slave-serve-stale-data')),
    setting('replica-read-only', yesNo, true, 'Refuse writes on a replica.', formerly('slave-read-only')),
    setting('replica-lazy-flush', yesNo, false, 'Empty the data set in the background before a full synchronisation.', formerly('slave-lazy-flush')),
    setting('replica-ignore-maxmemory', yesNo, true, 'Leave eviction to the primary.', formerly('slave-ignore-maxmemory')),
    setting('replica-ignore-disk-write-errors', yesNo, false, 'Let a replica go on when its disk fails.'),
    setting('replica-priority', count, 100n, 'Preference when a replica is to be promoted; lowest first, 0 for never.', formerly('slave-priority')),
    setting('replica-announced', yesNo, true, 'Let Sentinel report this replica.'),
    setting('replica-announce-ip', optionalText, '', 'Address that a replica reports.', formerly('slave-announce-ip')),
    setting('replica-announce-port', port, 0n, 'Port that a replica reports; 0 for its own.', formerly('slave-announce-port')),
    setting('repl-diskless-sync', yesNo, true, 'Send snapshots to replicas without writing them to disk.'),
    setting('repl-diskless-sync-delay', count, 5n, 'Seconds to wait for more replicas before a snapshot is sent.'),
    setting('repl-diskless-sync-max-replicas', count, 0n, 'Replicas at which a snapshot is sent without waiting; 0 for no such number.'),
    setting('repl-diskless-load', oneOf(['disabled', 'on-empty-db', 'swapdb']), 'disabled', 'Load a snapshot from the socket instead of from disk.', { deniedWhileLoading: true }),
    setting('repl-disable-tcp-nodelay', yesNo, false, 'Save bandwidth to replicas at the price of delay.'),
    setting('repl-ping-replica-period', integer(1n, INT_MAX), 10n, 'Seconds between pings to replicas.', formerly('repl-ping-slave-period')),
    setting('repl-timeout', integer(1n, INT_MAX), 60n, 'Seconds after which a silent replication link is given up.'),
    setting('repl-backlog-size', memory(1n, LONG_MAX, { clamp: [BACKLOG_BYTES_MIN, LONG_MAX] }), MIB, 'History kept for replicas that come back.'),
    setting('repl-backlog-ttl', integer(0n, LONG_MAX), 3600n, 'Seconds after which the history is freed when there is no replica; 0 for never.'),
    setting('min-replicas-to-write', count, 0n, 'Replicas without which writes are refused; 0 for none.', formerly('min-slaves-to-write')),
    setting('min-replicas-max-lag', count, 10n, 'Seconds of lag up to which a replica counts.', formerly('min-slaves-max-lag')),
    setting('propagation-error-behavior', oneOf(['ignore', 'panic', 'panic-on-replicas']), 'ignore', 'What to do when a replicated command fails.'),
  ],
}

const HOST_NAME_LENGTH_MAX = 255

function checkHostName(text: string): string | undefined {
  if (text.length > HOST_NAME_LENGTH_MAX) return 'Hostnames must be less than 256 characters'
  if (/^[A-Za-z0-9.-]*$/.test(text)) return undefined
  return 'Hostnames may only contain alphanumeric characters, hyphens or dots'
}

/** Characters that have a meaning in the cluster's own configuration file. */
const NODE_NAME_FORBIDDEN = /[!#$%&()*+:;<>?@[\]^{|}~\0]/

function checkNodeName(text: string): string | undefined {
  return NODE_NAME_FORBIDDEN.test(text) ? 'Announced human node name contained invalid character' : undefined
}

export const clusterSettings: SettingArea = {
  title: 'Cluster',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('cluster-enabled', yesNo, false, 'Be a node of a cluster.', { mutable: false }),
    setting('cluster-config-file', string({ description: 'file name' }), 'nodes.conf', 'File in which a node keeps the state of the cluster.', { mutable: false }),
    setting('cluster-port', port, 0n, 'Port of the cluster bus; 0 for the port of clients + 10000.', { mutable: false }),
    setting('cluster-node-timeout', integer(0n, LONG_MAX), 15000n, 'Milliseconds after which a silent node counts as failed.'),
    setting('cluster-ping-interval', integer(0n, LONG_MAX), 0n, 'Milliseconds between pings of the cluster bus.', { hidden: true }),
    setting('cluster-require-full-coverage', yesNo, true, 'Answer only while every slot is served.'),
    setting('cluster-replica-no-failover', yesNo, false, 'Never let a replica take over by itself.', formerly('cluster-slave-no-failover')),
    setting('cluster-replica-validity-factor', count, 10n, 'How old the data of a replica may be for it to take over.', formerly('cluster-slave-validity-factor')),
    setting('cluster-migration-barrier', count, 1n, 'Replicas that a primary keeps before one may move to another.'),
    setting('cluster-allow-replica-migration', yesNo, true, 'Let replicas move to primaries that have none.'),
    setting('cluster-allow-reads-when-down', yesNo, false, 'Answer reads while the cluster is down.'),
    setting('cluster-allow-pubsubshard-when-down', yesNo, true, 'Serve sharded channels while the cluster is down.'),
    setting('cluster-announce-ip', optionalText, '', 'Address that the node reports.'),
    setting('cluster-announce-port', port, 0n, 'Port that the node reports; 0 for its own.'),
    setting('cluster-announce-tls-port', port, 0n, 'TLS port that the node reports; 0 for its own.'),
    setting('cluster-announce-bus-port', port, 0n, 'Bus port that the node reports; 0 for its own.'),
    setting('cluster-announce-hostname', string({ emptyIsUnset: true, check: checkHostName }), '', 'Host name that the node reports.'),
    setting('cluster-announce-human-nodename', string({ emptyIsUnset: true, check: checkNodeName }), '', 'Name of the node for people.'),
    setting('cluster-preferred-endpoint-type', oneOf(['ip', 'hostname', 'unknown-endpoint']), 'ip', 'What redirections name.'),
    setting('cluster-link-sendbuf-limit', memory(0n, UINT64_MAX), 0n, 'Pending output at which a link of the bus is closed; 0 for no limit.'),
  ],
}
