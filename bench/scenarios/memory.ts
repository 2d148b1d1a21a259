/**
 * How much memory a key takes, and how much of it the garbage collector has to look at.
 *
 * Runs in the main thread of the benchmark tool. Resident memory is taken from the kernel, not from what a server says.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { fillKeys } from '../load/fill.js'
import { type Figures, record } from '../results.js'
import { type ServerSpec, startServer } from '../servers.js'
import { textTable } from '../table.js'

export interface MemoryOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly keys: number
  /** How many keys the growth of V8's heap is measured with; only a server on V8 has one. */
  readonly heapKeys: number
}

const VALUE_BYTES = 32
/** Warms code and buffers up, so that they do not count as memory of the keys. They are overwritten many times. */
const WARM_UP_KEYS = 1_000
const WARM_UP_ROUNDS = 300
/** Lets background work (incremental rehashing, freeing of pages, garbage collection) come to its end. */
const SETTLE_MS = 3_000

/** Fills each server in turn, prints and records bytes of resident memory for each key. */
export async function memory(options: MemoryOptions): Promise<void> {
  const measured: Figures[] = []
  for (const spec of [options.own, ...options.peers]) measured.push(await measure(spec, options))
  const megabytes = (bytes: number | null | undefined): string => (bytes == null ? '-' : (bytes / 2 ** 20).toFixed(1))
  const rows = measured.map((one) => [
    one.name,
    one.version,
    (one.bytesPerKey ?? 0).toFixed(1),
    megabytes(one.heapGrowthBytes),
  ])
  process.stdout.write(
    `${options.keys} keys of 16 bytes with values of ${VALUE_BYTES} bytes; heap growth at ${options.heapKeys} keys\n`,
  )
  process.stdout.write(`${textTable(['server', 'version', 'RSS bytes/key', 'V8 heap growth MiB'], rows)}\n`)
  const [own, ...others] = measured as [Figures, ...Figures[]]
  for (const peer of others) {
    const ratio = Number(((own.bytesPerKey ?? Number.NaN) / (peer.bytesPerKey ?? Number.NaN)).toFixed(4))
    record({
      scenario: 'memory',
      shards: options.own.shards ?? 0,
      keys: options.keys,
      valueBytes: VALUE_BYTES,
      own,
      peer,
      ratio,
    })
  }
}

async function measure(spec: ServerSpec, options: MemoryOptions): Promise<Figures> {
  const server = await startServer(spec)
  try {
    const version = await server.version()
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
      await fillKeys({ port: server.port, from: 0, to: WARM_UP_KEYS, valueBytes: VALUE_BYTES })
    }
    await expectSize(server.port, WARM_UP_KEYS)
    await delay(SETTLE_MS)
    const before = server.residentBytes()
    const heapBefore = await server.infoNumber('shardkeep_v8_heap_used')
    await fillKeys({ port: server.port, from: WARM_UP_KEYS, to: WARM_UP_KEYS + options.keys, valueBytes: VALUE_BYTES })
    await expectSize(server.port, WARM_UP_KEYS + options.keys)
    await delay(SETTLE_MS)
    const bytesPerKey = (server.residentBytes() - before) / options.keys
    if (Number.isNaN(heapBefore)) return { name: spec.name, version, bytesPerKey, heapGrowthBytes: null }
    await fillKeys({
      port: server.port,
      from: WARM_UP_KEYS + options.keys,
      to: WARM_UP_KEYS + options.heapKeys,
      valueBytes: VALUE_BYTES,
    })
    await delay(SETTLE_MS)
    const heapGrowthBytes = (await server.infoNumber('shardkeep_v8_heap_used')) - heapBefore
    return { name: spec.name, version, bytesPerKey, heapGrowthBytes }
  } finally {
    await server.stop()
  }
}

async function expectSize(port: number, keys: number): Promise<void> {
  const client = await RawClient.connect(port)
  const size = await client.call('DBSIZE')
  client.close()
  if (size !== keys) throw new Error(`DBSIZE is ${String(size)} after ${keys} keys were set`)
}
