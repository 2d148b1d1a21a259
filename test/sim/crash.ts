/**
 * A simulation whose shards keep logs, that ends in a crash: every log is cut somewhere, what a start would recover is
 * loaded into other shards, and compared with the model after the operations up to the cut.
 *
 * The claim that is checked: whatever is left of each log, what is recovered is the state after a prefix of the order, with
 * every operation of it whole; and when nothing is missing of the logs, nothing is missing of the state.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { AofFile } from '../../src/aof/manifest.js'
import { applyRecovery, scanLog } from '../../src/aof/recovery.js'
import { Prng } from '../../src/base/prng.js'
import { shardMark } from '../../src/commands/journal.js'
import { shardReplayFile, shardReplaying, shardReplayOn } from '../../src/commands/replay.js'
import type { CommandSpec } from '../../src/commands/spec.js'
import { bulkBody } from '../../src/resp/reply-reader.js'
import { type Asked, ClientSink, SimulatedClient } from './client.js'
import type { Model } from './model.js'
import { SimulatedServer } from './simulated-server.js'
import { checkContents, collectionQuestions, complaintAbout, Run, workOff } from './simulation.js'
import { type Profile, stepsOf } from './workload.js'

const NO_BYTES = new Uint8Array(0)
const LOG_NAME = 'appendonly.aof'

/** What a crash leaves of the logs. */
export type Loss = 'nothing' | 'tails'

export interface CrashReport {
  readonly complaint: string | undefined
  /** How many operations there were, and how many of them were recovered. */
  readonly operations: number
  readonly recovered: number
}

/** Runs the seed's steps with logs, crashes at one of them and recovers. */
export async function simulateCrash(profile: Profile, stepCount: number, loss: Loss): Promise<CrashReport> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'shardkeep-crash-'))
  try {
    return await new Crash(profile, folder, loss).run(stepCount)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

class Crash {
  readonly #random: Prng
  readonly #run: Run
  readonly #files: readonly AofFile[]

  constructor(
    private readonly profile: Profile,
    private readonly folder: string,
    private readonly loss: Loss,
  ) {
    this.#random = new Prng(profile.seed ^ 0xc4a5)
    this.#run = new Run(profile)
    this.#files = this.#run.server.shards.map(({ executor }, shard) => {
      const name = `${LOG_NAME}.${shard + 1}.incr.aof`
      const descriptor = fs.openSync(path.join(folder, name), 'a')
      executor.journal.open({ descriptor, syncsAlways: false, hasTimes: this.#random.below(2) === 0 })
      return { name, seq: shard + 1, type: 'i', shard }
    })
  }

  async run(stepCount: number): Promise<CrashReport> {
    const steps = stepsOf(this.profile, stepCount)
    const crashAt = this.loss === 'nothing' ? steps.length : this.#random.below(steps.length + 1)
    let sizes: number[] | undefined
    for (const [i, step] of steps.entries()) {
      if (i === crashAt) sizes = this.#sizes()
      this.#run.step(step)
      if (this.#random.below(10) === 0) this.#requestMarks()
    }
    // What was answered after the crash tells the model what was chosen at random before it.
    this.#run.settle()
    if (sizes === undefined) {
      this.#requestMarks()
      workOff(this.#run.server)
      sizes = this.#sizes()
    }
    if (this.loss === 'tails')
      sizes = sizes.map((size) => (this.#random.below(3) === 0 ? size : this.#random.below(size + 1)))
    sizes.forEach((size, shard) => {
      fs.truncateSync(path.join(this.folder, (this.#files[shard] as AofFile).name), size)
    })
    return this.#recover()
  }

  #sizes(): number[] {
    return this.#files.map(({ name }) => fs.statSync(path.join(this.folder, name)).size)
  }

  #requestMarks(): void {
    const { router } = this.#run.server
    router.nextGsn()
    for (let shard = 0; shard < router.shardCount; shard++) {
      const target = router.gather(1, () => {})
      router.send(shard, target, 0, shardMark, 0, 0, [NO_BYTES])
    }
  }

  async #recover(): Promise<CrashReport> {
    const manifest = { shards: this.profile.shards, files: this.#files, history: [] }
    const scan = await scanLog(this.folder, manifest)
    await applyRecovery(this.folder, LOG_NAME, manifest, scan)
    const history: Asked[] = []
    const sink = new ClientSink()
    const { shards, databases, seed } = this.profile
    const server = new SimulatedServer(shards, databases, sink, seed + 1)
    server.nowMs = this.#run.server.nowMs
    server.router.setTime(server.nowMs)
    const client = new SimulatedClient(0, server, history)
    sink.clients.push(client)
    for (const [shard, { name }] of this.#files.entries()) replay(server, shard, path.join(this.folder, name))
    const model = this.#run.modelUpTo(scan.cut)
    const complaint = typeof model === 'string' ? model : this.#compare(server, model, client, history)
    const { operations, recovered } = this.#run.countUpTo(scan.cut)
    const where = `after the operations up to ${scan.cut}, ${recovered} of ${operations}:`
    return { complaint: complaint === undefined ? undefined : `${where}\n${complaint}`, operations, recovered }
  }

  #compare(
    server: SimulatedServer,
    model: Model,
    client: SimulatedClient,
    history: readonly Asked[],
  ): string | undefined {
    const complaint = checkContents(server, model)
    if (complaint !== undefined) return complaint
    for (const argv of collectionQuestions(this.profile)) client.issue(argv, false)
    workOff(server)
    const session = { database: 0 }
    for (const { commands, reply } of history) {
      const [argv] = commands as readonly [readonly string[]]
      const wrong = complaintAbout(reply ?? 'nothing', model.run(argv, session))
      if (wrong !== undefined) return `${argv.join(' ')} gives ${reply}: ${wrong}`
    }
    return undefined
  }
}

/** Has a shard load a log. */
function replay(server: SimulatedServer, shard: number, file: string): void {
  ask(server, shard, shardReplaying, ['1'])
  ask(server, shard, shardReplayFile, [file, String(Number.MAX_SAFE_INTEGER)])
  for (let isThrough = false; !isThrough; ) {
    const report = JSON.parse(Buffer.from(bulkBody(ask(server, shard, shardReplayOn, []), 0) ?? NO_BYTES).toString())
    if (report.fault !== null || report.errors.length > 0)
      throw new Error(`the log of shard ${shard}: ${JSON.stringify(report)}`)
    isThrough = report.isThrough
  }
  ask(server, shard, shardReplaying, ['0'])
}

function ask(server: SimulatedServer, shard: number, spec: CommandSpec, words: readonly string[]): Uint8Array {
  const argv = [NO_BYTES, ...words.map((word) => Buffer.from(word, 'utf8'))]
  let reply: Uint8Array | undefined
  server.router.ask(shard, { spec, argv, database: 0, flags: 0 }, (parts) => {
    reply = parts
  })
  workOff(server)
  if (reply === undefined) throw new Error(`shard ${shard} does not answer ${spec.name}`)
  return reply
}
