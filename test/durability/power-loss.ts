/**
 * A run whose file calls are written down, and the servers that find what a loss of power at some moment of it leaves.
 *
 * Only used by tests.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Choice } from '../differential/choice.js'
import { checkState, type Generation, type Survival } from './checker.js'
import { watchingCalls } from './file-faults.js'
import type { SyncMode } from './lineage.js'
import { Model } from './model.js'
import { differencesFrom, filesUnder, type RecordedDisk, readCalls, readRecording } from './recorded-disk.js'
import { ServerProcess } from './server-process.js'
import { readState } from './state-reader.js'
import { nowMs } from './work-client.js'
import { beginBackgroundWork, DATABASES, Workload } from './workload.js'

export interface PowerLossOptions {
  readonly seed: number
  readonly shards: number
  readonly sync: SyncMode
  /** How often the power fails. */
  readonly losses: number
  readonly workMs: number
}

const FIRST_ANSWERS = 200
const ANSWERS = 800
const WORK_MS_MAX = 5000
/** And so many file calls, so that there are enough different moments. */
const CALLS = 1000
/** With `everysec`: a second, and what a sync may take on a slow disk. */
const EVERYSEC_LOSS_MS_MAX = 1700

/** The clock of the recorded calls, in the workload's time. */
const CLOCK_OFFSET_MS = nowMs() - Number(process.hrtime.bigint()) / 1e6

export class PowerLoss {
  readonly directory: string
  readonly #root = mkdtempSync(path.join(tmpdir(), 'shardkeep-power-loss-'))
  readonly #choice: Choice
  readonly #args: readonly string[]
  calls = 0
  losses = 0
  lost = 0
  lostMsMax = 0

  constructor(private readonly options: PowerLossOptions) {
    this.#choice = new Choice(options.seed)
    this.directory = path.join(this.#root, 'data')
    mkdirSync(this.directory)
    this.#args = ['--appendonly', 'yes', '--appendfsync', options.sync, '--save', '']
  }

  /** @throws Error that says what is wrong and where; the directories are then left as they are */
  async run(): Promise<void> {
    const { options } = this
    let decided = ''
    try {
      await this.#prepare()
      const { generation, disk } = await this.#record()
      this.calls = disk.calls
      for (; this.losses < options.losses; this.losses++) {
        const atMs = disk.fromMs + ((disk.toMs - disk.fromMs) * this.#choice.below(10_000)) / 10_000
        const left = path.join(this.#root, `loss-${this.losses}`)
        mkdirSync(left)
        decided = `${(disk.toMs - atMs).toFixed(3)} ms before the end: `
        decided += disk.crash(atMs, this.#choice, left)
        cpSync(left, path.join(this.#root, 'as-left'), { recursive: true })
        this.#add(await this.#check(generation, atMs + CLOCK_OFFSET_MS, left))
        rmSync(left, { recursive: true })
        rmSync(path.join(this.#root, 'as-left'), { recursive: true })
      }
    } catch (error) {
      throw new Error(
        `seed ${options.seed}, ${options.shards} shards, appendfsync ${options.sync}, loss ${this.losses}, ` +
          `directory ${this.#root}, power fails ${decided}\n${(error as Error).message}`,
        { cause: error },
      )
    }
    rmSync(this.#root, { recursive: true })
  }

  #server(directory: string, environment: Record<string, string> = {}): ServerProcess {
    const { shards } = this.options
    return new ServerProcess({ directory, shards, args: this.#args, environment })
  }

  /** Something that is there already, with the end of a crash. */
  async #prepare(): Promise<void> {
    const server = this.#server(this.directory)
    if (!(await server.ready)) throw new Error(`the server does not start:\n${server.output}`)
    const workload = await Workload.start(server.socket, {
      number: 1,
      base: new Model(),
      choice: this.#choice,
      pauseMs: 2,
    })
    await workload.answers(FIRST_ANSWERS, WORK_MS_MAX)
    await server.end()
    await workload.end()
  }

  async #record(): Promise<{ generation: Generation; disk: RecordedDisk }> {
    const choice = this.#choice
    const traces = path.join(this.#root, 'traces')
    mkdirSync(traces)
    const initial = filesUnder(this.directory)
    const server = this.#server(this.directory, {
      ...watchingCalls(this.directory),
      FILE_CALLS_TRACE: traces,
    })
    if (!(await server.ready)) throw new Error(`the server does not start:\n${server.output}`)
    const admin = await server.connect()
    const base = (await readState(admin, [...new Set(DATABASES)])).model
    const pauseMs = this.options.workMs > WORK_MS_MAX ? 10 : 1
    const workload = await Workload.start(server.socket, { number: 2, base, choice, pauseMs })
    const { workMs } = this.options
    await workload.answers(choice.below(ANSWERS), workMs / 2)
    await beginBackgroundWork(admin, choice.oneIn(5) ? 'BGSAVE' : 'BGREWRITEAOF')
    // Long enough for a second to be lost, or so much that there is something to lose.
    if (workMs > WORK_MS_MAX) await sleep(workMs / 2)
    else await workload.answers(ANSWERS, WORK_MS_MAX)
    // One shard writes for many clients in one call.
    const endMs = nowMs() + WORK_MS_MAX
    while (readCalls(traces).length < CALLS && nowMs() < endMs) await sleep(50)
    await server.end()
    admin.close()
    const generation = await workload.end()
    const disk = readRecording(traces, this.directory, initial)
    const unseen = differencesFrom(this.directory, disk)
    if (unseen.length > 0) throw new Error(`the recording does not give what is there: ${unseen.join(' ')}`)
    return { generation, disk }
  }

  async #check(generation: Generation, atMs: number, directory: string): Promise<Survival> {
    const server = this.#server(directory)
    try {
      if (!(await server.ready)) throw new Error('the server does not start')
      const connection = await server.connect()
      const state = await readState(connection, [...new Set(DATABASES)])
      connection.close()
      return checkState(upTo(generation, atMs), state, this.#lossMsMax)
    } catch (error) {
      throw new Error(`${(error as Error).message}\nthe server's last words:\n${server.output.slice(-2000)}`, {
        cause: error,
      })
    } finally {
      await server.end()
    }
  }

  get #lossMsMax(): number {
    const { sync } = this.options
    return sync === 'always' ? 0 : sync === 'everysec' ? EVERYSEC_LOSS_MS_MAX : Number.POSITIVE_INFINITY
  }

  #add({ lost, lostMsMax }: Survival): void {
    this.lost += lost
    this.lostMsMax = Math.max(this.lostMsMax, lostMsMax)
  }
}

/** What had been sent and answered when the power failed. */
function upTo(generation: Generation, atMs: number): Generation {
  const clients = generation.clients.map((client) => {
    const operations = client.operations
      .filter(({ sentMs }) => sentMs <= atMs)
      .map((operation) => (isBy(operation.doneMs, atMs) ? operation : { ...operation, doneMs: undefined }))
    return {
      source: client.source,
      operations,
      answered: operations.filter(({ doneMs }) => doneMs !== undefined).length,
    }
  })
  const consumers = generation.consumers.map((consumer) => ({
    kind: consumer.kind,
    client: consumer.client,
    sentMs: consumer.sentMs.filter((sentMs) => sentMs <= atMs),
    taken: consumer.taken.filter(({ doneMs }) => doneMs <= atMs),
  }))
  return { ...generation, clients, consumers, endedMs: atMs }
}

function isBy(ms: number | undefined, atMs: number): boolean {
  return ms !== undefined && ms <= atMs
}
