/**
 * MIGRATE: moves keys to another server. The router's coordinator of that name does it (router/migrate.ts); here is the
 * command's entry, and what it asks of the shards that have the keys.
 *
 * Behaviour: https://redis.io/docs/latest/commands/migrate/
 */
import { keyEvents } from '../../store/keyspace-events.js'
import { writeDumpPayload } from '../../store/rdb/dump-payload.js'
import { RdbWriter } from '../../store/rdb/rdb-writer.js'
import { NO_EXPIRY } from '../../store/value-type.js'
import { effectOfRemoval } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { findMigrateKeys } from './migrate-options.js'

const writer = new RdbWriter()

/** `shard.migrate-dump key`: how long the key has to live in ms (0: for ever) and its payload for RESTORE, or nil. */
function migrateDump(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) {
    reply.nil()
    return
  }
  const expireAtMs = db.expireAtMs()
  writer.reset()
  writer.compresses = call.settings.rdbCompression
  writeDumpPayload(db, writer)
  reply.array(2)
  reply.integer(expireAtMs === NO_EXPIRY ? 0 : Math.max(1, expireAtMs - call.nowMs))
  reply.bulk(writer.bytes, 0, writer.position)
}

/** `shard.migrated key`: another server has the key now. */
function migrated(call: ShardCall): void {
  if (call.findForWrite(1)) {
    call.db.remove()
    call.notify(keyEvents.del, 1)
    effectOfRemoval(call, 1)
  }
  call.reply.ok()
}

const internalShape = {
  arity: 2,
  flags: [],
  group: 'server',
  since: '0.1.0',
  summary: '',
  complexity: '',
  internal: true,
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

export const shardMigrateDump: CommandSpec = {
  ...internalShape,
  name: 'shard.migrate-dump',
  keySpecs: oneKey('RO'),
  shard: migrateDump,
}

export const shardMigrated: CommandSpec = {
  ...internalShape,
  name: 'shard.migrated',
  keySpecs: oneKey('RM'),
  shard: migrated,
}

export const migrateCommands: readonly CommandSpec[] = [
  {
    name: 'migrate',
    arity: -6,
    flags: ['write', 'movablekeys'],
    group: 'generic',
    since: '2.6.0',
    summary: 'Moves keys to another server, or copies them there.',
    complexity: 'That of DUMP and DEL here and of RESTORE there, and of sending the values',
    categories: ['keyspace', 'dangerous'],
    keySpecs: [
      { flags: ['RW', 'access', 'delete'], begin: { index: 3 }, find: { lastKey: 0, keyStep: 1, limit: 0 } },
      {
        flags: ['RW', 'access', 'delete', 'incomplete'],
        begin: { keyword: 'KEYS', startFrom: -2 },
        find: { lastKey: -1, keyStep: 1, limit: 0 },
      },
    ],
    findKeys: findMigrateKeys,
    tips: ['nondeterministic_output'],
    history: [
      ['3.0.0', 'The options `COPY` and `REPLACE`.'],
      ['3.0.6', 'The option `KEYS`.'],
      ['4.0.7', 'The option `AUTH`.'],
      ['6.0.0', 'The option `AUTH2`.'],
    ],
    arguments: [
      { name: 'host', type: 'string' },
      { name: 'port', type: 'integer' },
      {
        name: 'key_or_empty_string',
        type: 'oneof',
        arguments: [
          { name: 'key', type: 'key', keySpecIndex: 0 },
          { name: 'empty_string', type: 'pure-token', token: '' },
        ],
      },
      { name: 'destination-db', type: 'integer' },
      { name: 'timeout', type: 'integer' },
      { name: 'copy', type: 'pure-token', token: 'COPY', since: '3.0.0', optional: true },
      { name: 'replace', type: 'pure-token', token: 'REPLACE', since: '3.0.0', optional: true },
      {
        name: 'authentication',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'password', type: 'string', token: 'AUTH', since: '4.0.7', optional: true },
          {
            name: 'username_password',
            type: 'block',
            token: 'AUTH2',
            since: '6.0.0',
            optional: true,
            arguments: [
              { name: 'username', type: 'string' },
              { name: 'password', type: 'string' },
            ],
          },
        ],
      },
      { name: 'key', type: 'key', token: 'KEYS', keySpecIndex: 1, since: '3.0.6', optional: true, multiple: true },
    ],
    route: { on: 'hops', coordinator: 'migrate', reach: () => 'elsewhere' },
  },
]
