/**
 * A data directory through many crashes: a server works on it until it is killed, the next one starts on what is there, what it
 * has is checked, and so on.
 *
 * Only used by tests.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Choice } from '../differential/choice.js'
import { testPeer } from '../support/server.js'
import { checkState, type Generation, type Survival } from './checker.js'
import { Model } from './model.js'
import { ServerProcess } from './server-process.js'
import { readState } from './state-reader.js'
import { backgroundWork, beginBackgroundWork, DATABASES, Workload } from './workload.js'

export type SyncMode = 'always' | 'everysec' | 'no'

export interface LineageOptions {
  readonly seed: number
  /** One is drawn at each start. */
  readonly shardCounts: readonly number[]
  readonly sync: SyncMode
  readonly kills: number
  /** Each server is killed soon, and none works for longer than a second. */
  readonly isBrief: boolean
}

export interface LineageFigures {
  kills: number
  killsWhileStarting: number
  killsWhileSaving: number
  killsWhileRewriting: number
  sent: number
  answered: number
  transactions: number
  lost: number
  lostMsMax: number
}

/** A second as promised, and one more: Redis puts off a write for two seconds when the disk is slow to sync. */
const LOSS_MS_MAX = testPeer === undefined ? 1200 : 2100

const ANSWERS_MAX = 800
const WORK_MS_MAX = 2000
const BRIEF_ANSWERS_MAX = 120
const BRIEF_WORK_MS_MAX = 600
const BRIEF_WINDOW = 20
/** One generation in so many works for longer than a second, so that more than the last second could be lost. */
const LONG_WORK_EVERY = 16
const LONG_WORK_MS = 1800
const LONG_WORK_PAUSE_MS = 15
/** Before one start in so many there is another one, which is killed before it is through. */
const KILLED_START_EVERY = 6
const BRIEF_KILLED_START_EVERY = 2
/** A kill while the server starts comes after so long at the latest. */
const STARTING_MS_MAX = testPeer === undefined ? 700 : 30

export const noFigures = (): LineageFigures => ({
  kills: 0,
  killsWhileStarting: 0,
  killsWhileSaving: 0,
  killsWhileRewriting: 0,
  sent: 0,
  answered: 0,
  transactions: 0,
  lost: 0,
  lostMsMax: 0,
})

export class Lineage {
  readonly figures = noFigures()
  readonly directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-durability-'))
  readonly #choice: Choice
  #server: ServerProcess | null = null
  #generation: Generation | null = null
  #number = 0
  #lastOutput = ''

  constructor(private readonly options: LineageOptions) {
    this.#choice = new Choice(options.seed)
  }

  /**
   * Runs it to its end and takes the directory away.
   * @throws Error that says what is wrong and where; the directory is then left as it is
   */
  async run(): Promise<LineageFigures> {
    try {
      while (this.figures.kills < this.options.kills) await this.#live()
      await this.#start()
      await this.#check()
    } catch (error) {
      throw new Error(
        `seed ${this.options.seed}, appendfsync ${this.options.sync}, generation ${this.#number}, ` +
          `${this.figures.kills} kills, directory ${this.directory}:\n${(error as Error).message}\n` +
          `the server's last words:\n${(this.#server?.output ?? this.#lastOutput).slice(-2000)}`,
        { cause: error },
      )
    } finally {
      await this.#server?.end()
    }
    rmSync(this.directory, { recursive: true, force: true })
    return this.figures
  }

  /** From one start to the next kill. */
  async #live(): Promise<void> {
    const choice = this.#choice
    const every = this.options.isBrief ? BRIEF_KILLED_START_EVERY : KILLED_START_EVERY
    if (this.#number > 0 && choice.oneIn(every)) {
      const server = this.#spawn()
      await Promise.race([server.ready, sleep(choice.below(STARTING_MS_MAX))])
      await this.#kill()
      this.figures.killsWhileStarting++
    }
    await this.#start()
    await this.#check()
    await this.#work()
  }

  #spawn(): ServerProcess {
    const { options } = this
    const choice = this.#choice
    const settings = [
      ['--appendonly', 'yes'],
      ['--appendfsync', options.sync],
      ['--save', ''],
      ['--enable-debug-command', 'yes'],
      ['--aof-timestamp-enabled', choice.of(['yes', 'no'])],
      ['--no-appendfsync-on-rewrite', choice.of(options.sync === 'always' ? ['no'] : ['yes', 'no'])],
      // Small enough that logs are rewritten by themselves now and then.
      ['--auto-aof-rewrite-min-size', choice.of(['20kb', '64mb'])],
    ]
    this.#server = new ServerProcess({
      directory: this.directory,
      shards: choice.of(options.shardCounts),
      args: settings.flat(),
    })
    return this.#server
  }

  async #start(): Promise<void> {
    const server = this.#spawn()
    if (!(await server.ready)) throw new Error('the server does not start')
  }

  async #kill(): Promise<void> {
    const server = this.#server as ServerProcess
    await server.end()
    if (server.exitCode !== null) throw new Error(`the server ended by itself, with code ${server.exitCode}`)
    this.#lastOutput = server.output
    this.#server = null
    this.figures.kills++
  }

  /** Checks what the server has, which is the base of the next generation. */
  async #check(): Promise<void> {
    const connection = await (this.#server as ServerProcess).connect()
    const state = await readState(connection, [...new Set(DATABASES)])
    if (this.#generation !== null) {
      this.#add(checkState(this.#generation, state, this.options.sync === 'always' ? 0 : LOSS_MS_MAX))
    }
    this.#checkFiles()
    this.#generation = { number: ++this.#number, base: state.model, clients: [], consumers: [], endedMs: 0 }
    connection.close()
  }

  #add({ sent, answered, transactions, lost, lostMsMax }: Survival): void {
    const { figures } = this
    figures.sent += sent
    figures.answered += answered
    figures.transactions += transactions
    figures.lost += lost
    figures.lostMsMax = Math.max(figures.lostMsMax, lostMsMax)
  }

  /** What crashes leave behind is cleaned at the start, so that it does not add up. */
  #checkFiles(): void {
    // Redis leaves them where they are.
    if (testPeer !== undefined) return
    const left = readdirSync(this.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /temp|tmp/.test(entry.name))
      .map(({ name }) => name)
    if (left.length > LEFTOVERS_MAX) throw new Error(`files of former crashes are still there: ${left.join(' ')}`)
  }

  async #work(): Promise<void> {
    const choice = this.#choice
    const server = this.#server as ServerProcess
    const { isBrief } = this.options
    const isLong = !isBrief && choice.oneIn(LONG_WORK_EVERY)
    const workMsMax = isBrief ? BRIEF_WORK_MS_MAX : WORK_MS_MAX
    const workload = await Workload.start(server.socket, {
      number: this.#number,
      base: this.#generation?.base ?? new Model(),
      choice,
      pauseMs: isLong ? LONG_WORK_PAUSE_MS : choice.below(4),
      ...(isBrief ? { window: BRIEF_WINDOW } : {}),
    })
    const admin = await server.connect()
    // So much has been answered when the kill comes, however slow the machine is.
    const answers = choice.below(isBrief ? BRIEF_ANSWERS_MAX : ANSWERS_MAX)
    const done = (): Promise<void> => (isLong ? sleep(LONG_WORK_MS) : workload.answers(answers, workMsMax))
    let busy = ''
    if (choice.oneIn(2)) {
      await workload.answers(choice.below(answers + 1), workMsMax)
      busy = await beginBackgroundWork(admin, choice.of(['BGREWRITEAOF', 'BGSAVE']))
      // Half of the kills come while it goes on, at a random moment of it, and the others when they would.
      if (choice.oneIn(2)) await sleep(choice.below(20))
      else await done()
    } else {
      await done()
      await sleep(choice.below(10))
    }
    // What counts is what was going on shortly before the kill.
    if (busy !== '') busy = await backgroundWork(admin)
    if (busy === 'saving') this.figures.killsWhileSaving++
    if (busy === 'rewriting') this.figures.killsWhileRewriting++
    await this.#kill()
    admin.close()
    this.#generation = await workload.end()
  }
}

/** Each crash may leave its own; the next start cleans up. */
const LEFTOVERS_MAX = 1
