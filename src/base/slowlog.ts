/**
 * The slow log: the latest commands that took longer than a threshold, newest first when read.
 *
 * The log itself lives on the main thread. `loggedArguments` runs wherever a slow command's arguments still stand:
 * on a shard they are gone by the time that the main thread hears of the command.
 * Invariant: at most `maxLength` entries are kept, each of at most 32 arguments of at most 128 bytes and a remark, so
 * that the log's memory is bounded whatever clients send.
 *
 * Limits and remarks are Redis's: https://redis.io/docs/latest/commands/slowlog-get/
 */
import { latin1Of } from './bytes.js'

/** A longer command keeps its first 31 arguments and a remark in the place of the 32nd. */
const ENTRY_ARGUMENTS_MAX = 32

/** A longer argument keeps its first 128 bytes and a remark behind them. */
const ENTRY_ARGUMENT_BYTES_MAX = 128

/** Text fields hold one character a byte. */
export interface SlowlogEntry {
  readonly id: number
  readonly timestampS: number
  readonly durationUs: number
  readonly argv: readonly string[]
  readonly clientAddress: string
  readonly clientName: string
}

/**
 * The arguments of a command as the slow log keeps them, cut to its limits.
 * @param name takes the place of argument 0, which does not travel to the shards; undefined reads it from `bytes`.
 */
export function loggedArguments(
  name: string | undefined,
  bytes: Uint8Array,
  argc: number,
  offsets: Int32Array,
  lengths: Int32Array,
): string[] {
  const kept = Math.min(argc, ENTRY_ARGUMENTS_MAX)
  const argv: string[] = []
  for (let i = 0; i < kept; i++) {
    if (i === kept - 1 && kept !== argc) {
      argv.push(`... (${argc - kept + 1} more arguments)`)
    } else if (i === 0 && name !== undefined) {
      argv.push(name)
    } else {
      argv.push(loggedArgument(bytes, offsets[i] as number, lengths[i] as number))
    }
  }
  return argv
}

/** One argument, cut. */
export function loggedArgument(bytes: Uint8Array, offset: number, length: number): string {
  const shown = Math.min(length, ENTRY_ARGUMENT_BYTES_MAX)
  const text = latin1Of(bytes, offset, shown)
  return length === shown ? text : `${text}... (${length - shown} more bytes)`
}

export class Slowlog {
  /** `slowlog-log-slower-than`: 0 logs every command, a negative number none. */
  slowerThanUs: number

  /** Oldest first, so that adding and dropping happen at opposite ends; those before `#first` were dropped. */
  #entries: SlowlogEntry[] = []
  #first = 0
  #maxLength: number
  #nextId = 0

  /** `maxLength` is `slowlog-max-len`. */
  constructor(slowerThanUs: number, maxLength: number) {
    this.slowerThanUs = slowerThanUs
    this.#maxLength = maxLength
  }

  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(maxLength: number) {
    this.#maxLength = maxLength
    this.#dropOldest()
  }

  get length(): number {
    return this.#entries.length - this.#first
  }

  /** Whether a command of that duration belongs into the log. Ask before making its arguments into strings. */
  isSlow(durationUs: number): boolean {
    return this.slowerThanUs >= 0 && durationUs >= this.slowerThanUs
  }

  /** Adds a command; `argv` comes from `loggedArguments`. Ids count up and are not used again after `reset`. */
  add(
    timestampS: number,
    durationUs: number,
    argv: readonly string[],
    clientAddress: string,
    clientName: string,
  ): void {
    const id = this.#nextId++
    this.#entries.push({ id, timestampS, durationUs, argv, clientAddress, clientName })
    this.#dropOldest()
  }

  /** The newest entries, newest first, at most `count`. */
  entries(count: number): readonly SlowlogEntry[] {
    const shown: SlowlogEntry[] = []
    const end = Math.max(this.#first, this.#entries.length - count)
    for (let i = this.#entries.length - 1; i >= end; i--) shown.push(this.#entries[i] as SlowlogEntry)
    return shown
  }

  reset(): void {
    this.#entries = []
    this.#first = 0
  }

  #dropOldest(): void {
    while (this.length > this.#maxLength) this.#first++
    // Dropped entries are let go in bulk, when they are half of the array: constant work an entry on the average.
    if (this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }
}
