/**
 * `appendfsync everysec`: what is written is synced within a second, with the marks that make it count, however seldom the rest
 * of the periodic work is done. Seen in the calls of the server on its files.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { watchingCalls } from '../durability/file-faults.js'
import { type FileCall, readCalls } from '../durability/recorded-disk.js'
import { ServerProcess } from '../durability/server-process.js'
import { testPeer } from '../support/server.js'

/** A second, and what two shared cores may add to it. Once in two seconds is what `hz 1` would give. */
const SYNC_MS_MAX = 1300
/** Of shards 0 and 1. */
const KEYS = ['b', 'a'] as const

const textOf = ({ data = '' }: FileCall): string => Buffer.from(data, 'base64').toString('latin1')

it.skipIf(testPeer !== undefined)('syncs every second with hz 1', { timeout: 30_000 }, async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'shardkeep-everysec-'))
  const directory = path.join(root, 'data')
  const traces = path.join(root, 'traces')
  mkdirSync(directory)
  mkdirSync(traces)
  const environment = { ...watchingCalls(directory), FILE_CALLS_TRACE: traces }
  const args = ['--appendonly', 'yes', '--save', '', '--hz', '1']
  const server = new ServerProcess({ directory, shards: 2, args, environment })
  try {
    if (!(await server.ready)) throw new Error(server.output)
    const client = await server.connect()
    const callsOf = (shard: number, call: string): FileCall[] =>
      readCalls(traces).filter((one) => one.call === call && one.path.includes(`.s${shard}.incr`))
    // Right behind a sync, where the next one is as far away as it can be.
    await client.call('SET', KEYS[0], '0')
    while (callsOf(0, 'fdatasync').length === 0) await sleep(5)
    await client.call('SET', KEYS[1], '1')
    client.close()
    const write = callsOf(1, 'write').find((one) => textOf(one).includes(KEYS[1]))
    if (write === undefined) throw new Error('it was answered, and not written')
    const gsn = Number(/#G:(\d+)/.exec(textOf(write))?.[1])
    const isMarked = (one: FileCall): boolean => Number(/#M:(\d+)\r\n$/.exec(textOf(one))?.[1] ?? 0) >= gsn
    /** When a sync has begun that has the write itself, and one that has the mark without which the cut is in front of it. */
    const syncedMs = (): number => {
      const mark = callsOf(0, 'write').find(isMarked)
      const syncs = [write, mark].map((one, i) =>
        callsOf(1 - i, 'fdatasync').find(({ from }) => from >= (one?.to ?? Number.POSITIVE_INFINITY)),
      )
      return Math.max(...syncs.map((sync) => sync?.from ?? Number.POSITIVE_INFINITY))
    }
    await expect.poll(syncedMs, { timeout: 5000 }).toBeLessThan(Number.POSITIVE_INFINITY)
    expect(syncedMs() - write.from).toBeLessThan(SYNC_MS_MAX)
  } finally {
    await server.end()
    rmSync(root, { recursive: true })
  }
})
