/**
 * How much memory collections take: many small hashes, one large set and one large sorted set, and how much of them the
 * garbage collector has to look at.
 *
 * Runs in the main thread of the benchmark tool. Each collection is measured on a server of its own, whose resident memory
 * is taken from the kernel.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import type { Argument } from '../load/encode.js'
import { type Figures, record } from '../results.js'
import { type ServerSpec, startServer } from '../servers.js'
import { textTable } from '../table.js'

export interface CollectionMemoryOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  /** Hashes; a set and a sorted set have five times as many members. */
  readonly hashes: number
}

interface Filling {
  readonly name: string
  readonly elements: number
  readonly commands: number
  /** The command with this number. */
  readonly command: (index: number) => Argument[]
  readonly check: readonly [command: readonly Argument[], answer: number]
}

const FIELDS = 10
const MEMBERS_A_COMMAND = 100
const COMMANDS_A_WRITE = 200
const SETTLE_MS = 3_000
const WARM_UP_COMMANDS = 20_000

/** Fills each kind of collection into each server, prints and records resident bytes for each element. */
export async function collectionMemory(options: CollectionMemoryOptions): Promise<void> {
  const members = options.hashes * 5
  const fillings = [hashes(options.hashes), oneKey('SADD', 'set', members), oneKey('ZADD', 'zset', members)]
  const rows: Array<Array<string | number>> = []
  for (const filling of fillings) {
    const measured: Figures[] = []
    for (const spec of [options.own, ...options.peers]) measured.push(await measure(spec, filling))
    const [own, ...others] = measured as [Figures, ...Figures[]]
    for (const peer of others) {
      const ratio = Number(((own.bytesPerKey ?? Number.NaN) / (peer.bytesPerKey ?? Number.NaN)).toFixed(4))
      rows.push([
        filling.name,
        own.bytesPerKey?.toFixed(1) ?? '',
        peer.name,
        peer.bytesPerKey?.toFixed(1) ?? '',
        ratio.toFixed(2),
        ((own.heapGrowthBytes ?? Number.NaN) / 2 ** 20).toFixed(1),
      ])
      record({
        scenario: 'collection-memory',
        shards: options.own.shards ?? 0,
        command: filling.name,
        keys: filling.elements,
        own,
        peer,
        ratio,
      })
    }
  }
  process.stdout.write(
    `${textTable(['collection', 'RSS bytes/element', 'peer', 'its bytes/element', 'ratio', 'V8 heap growth MiB'], rows)}\n`,
  )
}

function hashes(count: number): Filling {
  return {
    name: `${count} hashes of ${FIELDS} small fields`,
    elements: count * FIELDS,
    commands: count,
    command: (index) => {
      const command: Argument[] = ['HSET', `hash:${index}`]
      for (let field = 0; field < FIELDS; field++) command.push(`field${field}`, `value${index % 1000}`)
      return command
    },
    check: [['DBSIZE'], count],
  }
}

function oneKey(name: 'SADD' | 'ZADD', key: string, members: number): Filling {
  return {
    name: `one ${name === 'SADD' ? 'set' : 'sorted set'} of ${members} members`,
    elements: members,
    commands: Math.ceil(members / MEMBERS_A_COMMAND),
    command: (index) => {
      const command: Argument[] = [name, key]
      for (let i = 0; i < MEMBERS_A_COMMAND; i++) {
        const member = index * MEMBERS_A_COMMAND + i
        // Scores in no order: a member is inserted anywhere.
        if (name === 'ZADD') command.push((member * 7919) % 1_000_003)
        command.push(`member:${member}`)
      }
      return command
    },
    check: [[name === 'SADD' ? 'SCARD' : 'ZCARD', key], members],
  }
}

async function measure(spec: ServerSpec, filling: Filling): Promise<Figures> {
  const server = await startServer(spec)
  try {
    const version = await server.version()
    const client = await RawClient.connect(server.port)
    // Code and buffers that the load needs are not memory of the data.
    await fill(client, filling, Math.min(WARM_UP_COMMANDS, filling.commands))
    await client.call('FLUSHALL')
    await delay(SETTLE_MS)
    const before = server.residentBytes()
    const heapBefore = await server.infoNumber('shardkeep_v8_heap_used')
    await fill(client, filling, filling.commands)
    const [question, answer] = filling.check
    const actual = await client.call(...question)
    if (actual !== answer) throw new Error(`${spec.name} holds ${String(actual)}, not ${answer}: ${filling.name}`)
    client.close()
    await delay(SETTLE_MS)
    const bytesPerKey = (server.residentBytes() - before) / filling.elements
    const heapGrowth = (await server.infoNumber('shardkeep_v8_heap_used')) - heapBefore
    return { name: spec.name, version, bytesPerKey, heapGrowthBytes: Number.isNaN(heapGrowth) ? null : heapGrowth }
  } finally {
    await server.stop()
  }
}

async function fill(client: RawClient, filling: Filling, commands: number): Promise<void> {
  for (let from = 0; from < commands; from += COMMANDS_A_WRITE) {
    const count = Math.min(COMMANDS_A_WRITE, commands - from)
    await client.pipeline(Array.from({ length: count }, (_, i) => filling.command(from + i)))
  }
}
