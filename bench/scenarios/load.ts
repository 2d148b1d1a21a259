/**
 * How long servers take to load a data set at their start: from an RDB file, and from an append-only log.
 *
 * Runs in the main thread of the benchmark tool. The RDB files are redis-server's; each server has written its log itself,
 * half of the keys in the base and half behind it. Each start gets a copy of the files, servers take turns, and before
 * anything is timed all of them must have loaded the same data. The times are those that servers write to their logs.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { fillKeys, keyName } from '../load/fill.js'
import { pipeCommands } from '../load/pipe.js'
import { Random } from '../random.js'
import { record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'

export interface LoadOptions {
  /** Shardkeep with its numbers of shards. */
  readonly specs: readonly ServerSpec[]
  /** The first one writes the RDB files. */
  readonly peers: readonly ServerSpec[]
  readonly keys: number
  readonly rounds: number
  readonly seed: number
}

interface Times {
  /** From the beginning of the load to its end. */
  readonly loadSeconds: number
  /** From the start of the process until it takes commands. */
  readonly startSeconds: number
}

/** One server with the files that it is to load, and how long it took. */
interface Contestant {
  readonly spec: ServerSpec
  readonly folder: string
  readonly turns: Times[]
  version: string
}

const VALUE_BYTES = 32
const LOG_SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'everysec']
const DEBUG_SETTINGS = ['--enable-debug-command', 'yes']
const POLL_MS = 100

/** Of the mixed keys, every so many-th has a large collection of each type beside it. */
const LARGE_EVERY_KEYS = 100_000
const LARGE_ELEMENTS = 5_000
const LARGE_BATCH_ELEMENTS = 500

export async function load(options: LoadOptions): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'shardkeep-bench-load-'))
  const rows: Array<Array<string | number>> = []
  try {
    for (const kind of ['strings, RDB', 'mixed types, RDB', 'strings, AOF'] as const) {
      const folders = await prepare(kind, options, path.join(work, 'files'))
      const own = options.specs.map((spec, i) => contestant(spec, folders[i] as string))
      const peers = options.peers.map((spec, i) => contestant(spec, folders[own.length + i] as string))
      const settings = kind === 'strings, AOF' ? LOG_SETTINGS : []
      await takeTurns([...own, ...peers], settings, options.rounds, path.join(work, 'copy'))
      for (const one of own) for (const peer of peers) rows.push(recordPair(kind, one, peer, options))
      rmSync(path.join(work, 'files'), { recursive: true, force: true })
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const head = ['data', 'shards', 'load s', 'start s', 'peer', 'load s', 'start s', 'ratio']
  process.stdout.write(`\n${options.keys} keys\n${textTable(head, rows)}\n`)
}

function contestant(spec: ServerSpec, folder: string): Contestant {
  return { spec, folder, turns: [], version: '' }
}

/** Makes the files. @returns the folder of each server, Shardkeep's first */
async function prepare(kind: string, options: LoadOptions, into: string): Promise<string[]> {
  const specs = [...options.specs, ...options.peers]
  if (kind === 'strings, AOF') {
    const folders: string[] = []
    for (const [i, spec] of specs.entries()) {
      folders.push(path.join(into, String(i)))
      await withServer(spec, LOG_SETTINGS, (server) => writeLog(server, options), folders.at(-1))
    }
    return folders
  }
  const [writer] = options.peers
  if (writer === undefined) throw new Error('the scenario needs a server to compare with, which writes the files')
  await withServer(
    writer,
    [],
    async (server) => {
      if (kind === 'strings, RDB') await fillKeys({ port: server.port, ...range(0, options.keys) })
      else await pipeCommands(server.port, mixedKeys(options.keys, options.seed))
      await call(server, 'SAVE')
    },
    into,
  )
  return specs.map(() => into)
}

function range(from: number, to: number): { from: number; to: number; valueBytes: number } {
  return { from, to, valueBytes: VALUE_BYTES }
}

/** Half of the keys, a rewrite that puts them into the base, and the other half. */
async function writeLog(server: RunningServer, { keys }: LoadOptions): Promise<void> {
  const half = Math.floor(keys / 2)
  await fillKeys({ port: server.port, ...range(0, half) })
  await call(server, 'BGREWRITEAOF')
  do await delay(POLL_MS)
  while ((await server.infoNumber('aof_rewrite_in_progress')) !== 0)
  await fillKeys({ port: server.port, ...range(half, keys) })
}

/** Runs a server, and keeps the files that it leaves when it has ended. */
async function withServer(
  spec: ServerSpec,
  settings: readonly string[],
  act: (server: RunningServer) => Promise<void>,
  into: string | undefined,
): Promise<void> {
  const server = await startServer(spec, settings)
  try {
    await act(server)
  } finally {
    await server.stop(into)
  }
}

async function takeTurns(
  all: readonly Contestant[],
  settings: readonly string[],
  rounds: number,
  copy: string,
): Promise<void> {
  const digests = new Set<string>()
  for (const one of all) {
    await start(one, [...settings, ...DEBUG_SETTINGS], copy, async (server) => {
      one.version = await server.version()
      digests.add(`${await call(server, 'DBSIZE')} ${await call(server, 'DEBUG', 'DIGEST')}`)
    })
  }
  if (digests.size !== 1) throw new Error(`the servers have not loaded the same: ${[...digests].join(', ')}`)
  for (let round = 0; round < rounds; round += 1) {
    // A machine that gets slower would always favour whoever goes first.
    for (const one of round % 2 === 0 ? all : [...all].reverse()) {
      const startedAtMs = Date.now()
      await start(one, settings, copy, async (server) => {
        one.turns.push(timesIn(server.log(), startedAtMs))
      })
    }
    process.stderr.write('.')
  }
}

/** Starts a server on a copy of its files. */
async function start(
  { spec, folder }: Contestant,
  settings: readonly string[],
  copy: string,
  act: (server: RunningServer) => Promise<void>,
): Promise<void> {
  cpSync(folder, copy, { recursive: true })
  try {
    await withServer(spec, [...settings, '--dir', copy], act, undefined)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** What a server has written about its start. All of them write these lines as Redis does. */
function timesIn(log: string, startedAtMs: number): Times {
  const seconds = [...log.matchAll(/DB loaded from [^\n]*?: ([\d.]+) seconds/g)].at(-1)?.[1]
  const readyAt = /(\d+ \w{3} \d{4} [\d:.]+) \* Ready to accept connections/.exec(log)?.[1]
  if (seconds === undefined || readyAt === undefined) throw new Error(`the log tells no times:\n${log.slice(-1000)}`)
  return { loadSeconds: Number(seconds), startSeconds: (Date.parse(readyAt) - startedAtMs) / 1000 }
}

function recordPair(kind: string, own: Contestant, peer: Contestant, options: LoadOptions): Array<string | number> {
  const ratio = median(own.turns.map((turn, i) => turn.loadSeconds / (peer.turns[i]?.loadSeconds ?? Number.NaN)))
  const side = ({ spec, version, turns }: Contestant) => ({
    name: spec.name,
    version,
    loadSeconds: Number(median(turns.map((turn) => turn.loadSeconds)).toFixed(3)),
    startSeconds: Number(median(turns.map((turn) => turn.startSeconds)).toFixed(3)),
  })
  const [ownSide, peerSide] = [side(own), side(peer)]
  record({
    scenario: 'load',
    shards: own.spec.shards ?? 0,
    command: kind,
    keys: options.keys,
    valueBytes: VALUE_BYTES,
    rounds: options.rounds,
    own: ownSide,
    peer: peerSide,
    ratio: Number(ratio.toFixed(4)),
  })
  const cells = ({ loadSeconds, startSeconds }: Times): string[] => [loadSeconds.toFixed(2), startSeconds.toFixed(2)]
  return [kind, own.spec.shards ?? '', ...cells(ownSide), peer.spec.name, ...cells(peerSide), ratio.toFixed(2)]
}

/** Half strings, of which a third expire, half small collections of all types, and a few large ones. */
function* mixedKeys(keys: number, seed: number): Generator<readonly (string | number)[]> {
  const random = new Random(seed)
  const text = (length: number): string => Array.from({ length }, () => random.below(36).toString(36)).join('')
  const list = (count: number, make: (i: number) => readonly (string | number)[]): (string | number)[] =>
    Array.from({ length: count }, (_, i) => make(i)).flat()
  for (let number = 0; number < keys; number += 1) {
    const key = keyName(number)
    const kind = number % 20
    if (kind < 7) yield ['SET', key, text(VALUE_BYTES)]
    else if (kind < 10) yield ['SET', key, text(VALUE_BYTES), 'EX', 86_400 + number]
    else if (kind < 14) yield ['HSET', key, ...list(5, (i) => [`field${i}`, text(10)])]
    else if (kind < 16) yield ['RPUSH', key, ...list(6, () => [text(8)])]
    else if (kind < 18) yield ['SADD', key, ...list(6, () => [kind === 16 ? random.below(10_000) : text(8)])]
    else yield ['ZADD', key, ...list(6, () => [random.below(1000), text(8)])]
    if (number % LARGE_EVERY_KEYS !== 0) continue
    for (let at = 0; at < LARGE_ELEMENTS; at += LARGE_BATCH_ELEMENTS) {
      yield ['HSET', `hash:${number}`, ...list(LARGE_BATCH_ELEMENTS, (i) => [`field${at + i}`, text(12)])]
      yield ['RPUSH', `list:${number}`, ...list(LARGE_BATCH_ELEMENTS, () => [text(20)])]
      yield ['SADD', `set:${number}`, ...list(LARGE_BATCH_ELEMENTS, (i) => [`member${at + i}`])]
      yield [
        'ZADD',
        `zset:${number}`,
        ...list(LARGE_BATCH_ELEMENTS, (i) => [random.below(1_000_000) / 1000, `member${at + i}`]),
      ]
    }
  }
}

async function call(server: RunningServer, ...words: readonly string[]): Promise<string> {
  const client = await RawClient.connect(server.port)
  try {
    return String(await client.call(...(words as [string, ...string[]])))
  } finally {
    client.close()
  }
}
