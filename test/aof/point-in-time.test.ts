/** Going back in the log: to any operation and to any second that is kept, over compactions and changes of the number of shards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLog, operationsBetween } from '../../src/tools/log-folder.js'
import { restorePointInTime } from '../../src/tools/point-in-time.js'
import { startServer, type TestServer } from '../support/server.js'

const NAMES = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' }
const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-point-'))
const source = path.join(folder, 'source')
afterAll(() => rmSync(folder, { recursive: true }))

function start(dir: string, shards: number): Promise<TestServer> {
  const args = ['--dir', dir, '--appendonly', 'yes', '--aof-history-retention', '3600']
  return startServer({ shards, args })
}

async function valuesIn(dir: string): Promise<(string | null)[]> {
  const server = await start(dir, 1)
  try {
    return await server.client().mget('counter', 'other', 'moved')
  } finally {
    await server.stop()
  }
}

interface Write {
  readonly gsn: number
  readonly seconds: number
}

describe('point in time', () => {
  /** The operations that set the counter, in order: the i-th sets it to i + 1. */
  let writes: Write[] = []

  beforeAll(async () => {
    const { mkdirSync } = await import('node:fs')
    mkdirSync(source)
    let counter = 0
    for (const shards of [2, 2, 1]) {
      const server = await start(source, shards)
      const client = server.client()
      for (let i = 0; i < 3; i++) {
        await client.mset('counter', ++counter, 'other', counter)
        if (counter % 2 === 0) await client.set(`moved`, counter)
      }
      await client.bgrewriteaof()
      while (!(await client.info('persistence')).includes('aof_rewrite_in_progress:0')) await sleep(10)
      await client.mset('counter', ++counter, 'other', counter)
      await sleep(1100)
      await server.stop()
    }
    const log = await openLog(source, NAMES)
    const seen: Write[] = []
    for await (const { gsn, seconds, units } of operationsBetween(log, 0, log.cut)) {
      if (units.some(({ bytes }) => Buffer.from(bytes).includes('counter'))) seen.push({ gsn, seconds })
    }
    writes = seen
  }, 120_000)

  it('knows every write in its order', () => {
    expect(writes).toHaveLength(12)
    expect(writes.map(({ gsn }) => gsn)).toEqual([...writes.map(({ gsn }) => gsn)].sort((a, b) => a - b))
  })

  it('goes back to any operation', async () => {
    for (const [i, value] of [1, 4, 6, 12].entries()) {
      const out = path.join(folder, `seq${i}`)
      const { gsn } = writes[value - 1] as Write
      expect(await restorePointInTime({ ...NAMES, dir: source, out, toSeq: String(gsn) })).toBe(gsn)
      const [counter, other] = await valuesIn(out)
      expect([counter, other], `operation ${gsn}`).toEqual([String(value), String(value)])
    }
  }, 60_000)

  it('goes back to any second', async () => {
    const out = path.join(folder, 'time')
    const { seconds } = writes[5] as Write
    await restorePointInTime({ ...NAMES, dir: source, out, toTime: new Date(seconds * 1000).toISOString() })
    const last = writes.findLastIndex((write) => write.seconds <= seconds) + 1
    expect((await valuesIn(out)).slice(0, 2)).toEqual([String(last), String(last)])
  })

  it('refuses what is not kept, and what has not been', async () => {
    const log = await openLog(source, NAMES)
    const options = { ...NAMES, dir: source, out: path.join(folder, 'none') }
    await expect(restorePointInTime({ ...options, toSeq: String(log.cut + 1) })).rejects.toThrow('is complete up to')
    await expect(restorePointInTime({ ...options, toTime: '1000' })).rejects.toThrow('does not go back to that time')
    await expect(restorePointInTime({ ...options, toSeq: 'x' })).rejects.toThrow('x is no sequence number')
  })
})
