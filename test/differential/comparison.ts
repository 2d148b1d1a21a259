/**
 * Compares replies to the same command byte by byte, and those of EXEC command by command, with the allowances that each
 * command has.
 *
 * Only used by tests.
 */
import { commands } from '../../src/commands/table.js'
import { allowances } from './allowances.js'
import { elementsOf, isErrorReply } from './reply-bytes.js'
import { calledBy } from './script-wrapping.js'
import type { Argv } from './step.js'

/** How often an allowance was needed, and what was asked and answered. Adds up over episodes. */
export class Tally {
  readonly allowed = new Map<string, number>()
  readonly calls = new Map<string, { total: number; succeeded: number }>()
  commands = 0

  countReply(name: string, reply: Buffer): void {
    this.commands++
    const calls = this.calls.get(name) ?? { total: 0, succeeded: 0 }
    this.calls.set(name, calls)
    calls.total++
    if (!isErrorReply(reply)) calls.succeeded++
  }

  countAllowance(name: string): void {
    this.allowed.set(name, (this.allowed.get(name) ?? 0) + 1)
  }

  add(other: Tally): void {
    this.commands += other.commands
    for (const [name, times] of other.allowed) this.allowed.set(name, (this.allowed.get(name) ?? 0) + times)
    for (const [name, { total, succeeded }] of other.calls) {
      const calls = this.calls.get(name) ?? { total: 0, succeeded: 0 }
      this.calls.set(name, { total: calls.total + total, succeeded: calls.succeeded + succeeded })
    }
  }
}

const containers = commands.filter(({ subcommands }) => subcommands !== undefined).map(({ name }) => name)

/** The command's name as in the command table: for OBJECT and its kin with the subcommand. */
export function nameOf(argv: Argv): string {
  const [command = '', subcommand] = argv.slice(0, 2).map((word) => word.toString('latin1').toLowerCase())
  return containers.includes(command) && subcommand !== undefined ? `${command}|${subcommand}` : command
}

export class Comparison {
  /** Whether an allowance was needed after which the servers may hold different data. */
  hasDiverged = false
  readonly #tally: Tally
  /** What each client has queued since MULTI. */
  readonly #queues: [Argv[], Argv[]] = [[], []]

  constructor(tally: Tally) {
    this.#tally = tally
  }

  /** Whether the replies to one command of a client are both right. Must be told of every command, in order. */
  areBothRight(client: 0 | 1, argv: Argv, ours: Buffer, redis: Buffer): boolean {
    const name = nameOf(argv)
    const answer = redis.toString('latin1', 0, 20)
    if (answer === '+QUEUED\r\n') this.#queues[client].push(argv)
    else this.#tally.countReply(name, redis)
    const queue = this.#queues[client]
    if (name === 'multi' && answer === '+OK\r\n') this.#queues[client] = []
    if (this.hasDiverged) return true
    if (name === 'exec') return this.#execReplies(queue, ours, redis)
    return this.areEqualOrAllowed(argv, ours, redis)
  }

  #execReplies(queue: readonly Argv[], ours: Buffer, redis: Buffer): boolean {
    const other = elementsOf(redis)
    if (other === undefined) return ours.equals(redis)
    const own = elementsOf(ours)
    if (own?.length !== other.length || other.length !== queue.length) return false
    return queue.every((argv, i) => {
      this.#tally.countReply(nameOf(argv), other[i] as Buffer)
      return this.areEqualOrAllowed(argv, own[i] as Buffer, other[i] as Buffer)
    })
  }

  /** What a script that calls these commands has replied: the reply of the one, or those of several. */
  #scriptReplies(called: readonly Argv[], ours: Buffer, redis: Buffer): boolean {
    if (called.length === 1) return this.areEqualOrAllowed(called[0] as Argv, ours, redis)
    const own = elementsOf(ours)
    const other = elementsOf(redis)
    // One of them may have ended the script with its error.
    if (own === undefined || other === undefined)
      return called.some((argv) => this.areEqualOrAllowed(argv, ours, redis))
    if (own.length !== other.length || other.length !== called.length) return false
    return called.every((argv, i) => this.areEqualOrAllowed(argv, own[i] as Buffer, other[i] as Buffer))
  }

  /** Counts a command whose replies a step has compared by itself. */
  count(argv: Argv, redis: Buffer): void {
    this.#tally.countReply(nameOf(argv), redis)
  }

  /** Counts the allowance, but not the command. */
  areEqualOrAllowed(argv: Argv, ours: Buffer, redis: Buffer): boolean {
    if (this.hasDiverged || ours.equals(redis)) return true
    const called = calledBy(argv)
    if (called !== undefined) return this.#scriptReplies(called, ours, redis)
    const name = nameOf(argv)
    const allowance = allowances.find((one) => one.commands.includes(name) && one.allows(ours, redis, argv))
    if (allowance === undefined) return false
    this.#tally.countAllowance(allowance.name)
    if (allowance.endsEpisode === true) this.hasDiverged = true
    return true
  }
}
