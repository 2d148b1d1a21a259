/**
 * Commands over several shards inside a script that holds the locks of all of them: what is asked of a shard is answered
 * before `send` returns.
 *
 * Runs in the worker of the script's home. Invariant: nothing here takes or gives back locks.
 */
import { assert } from '../base/assert.js'
import { copyOf } from '../base/bytes.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import { Prng } from '../base/prng.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf, specs } from '../commands/table.js'
import { coordinate } from '../hops/coordinate.js'
import { coordinators } from '../hops/coordinators.js'
import type { Hops, Lock } from '../hops/hops.js'
import { pack, unpack } from '../hops/packed-arguments.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import type { Attendance } from './attendance.js'
import type { NestedCommands } from './nested-commands.js'

/** Coordinators take no locks when they act for an owner; which one does not matter here. */
const OWNER = 1

interface Gather {
  readonly parts: Uint8Array[]
  remaining: number
  readonly done: (parts: readonly Uint8Array[]) => void
}

export class ScriptHops implements Hops {
  readonly shardCount: number
  readonly databases: number
  readonly random: Prng
  readonly #shard: number
  readonly #nested: NestedCommands
  readonly #attendance: Attendance
  readonly #gathers: Gather[] = []

  constructor(
    shard: number,
    shardCount: number,
    databases: number,
    randomSeed: number,
    nested: NestedCommands,
    attendance: Attendance,
  ) {
    this.#shard = shard
    this.shardCount = shardCount
    this.databases = databases
    this.random = new Prng(randomSeed)
    this.#nested = nested
    this.#attendance = attendance
  }

  shardOf(bytes: Uint8Array, offset: number, length: number): number {
    return shardOfSlot(keySlot(bytes, offset, length), this.shardCount)
  }

  /** Runs a command that no single shard can run as it is. @returns its reply */
  coordinate(
    id: number,
    database: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): Uint8Array {
    const argv = unpack(bytes, offsets, lengths, argc)
    const request = { spec: specs[id] as CommandSpec, argv, database, flags }
    let answered: Uint8Array | undefined
    coordinate(
      this,
      coordinators,
      request,
      (reply) => {
        answered = reply
      },
      OWNER,
    )
    this.#gathers.length = 0
    assert(answered !== undefined, `${request.spec.name} did not answer its script`)
    return answered
  }

  nextGsn(): void {
    // All of a script happens under one number.
  }

  gather(partCount: number, done: (parts: readonly Uint8Array[]) => void): number {
    return this.#gathers.push({ parts: new Array<Uint8Array>(partCount), remaining: partCount, done }) - 1
  }

  send(
    shard: number,
    target: number,
    part: number,
    spec: CommandSpec,
    database: number,
    flags: number,
    argv: readonly Uint8Array[],
  ): void {
    const { bytes, offsets, lengths } = pack(argv)
    const idAndDb = idOf(spec) | (database << 16)
    this.sendRanges(shard, target, part, idAndDb, flags, OWNER, bytes, offsets, lengths, argv.length)
  }

  sendRanges(
    shard: number,
    target: number,
    part: number,
    idAndDb: number,
    flags: number,
    _owner: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    let reply: Uint8Array
    if (shard === this.#shard) {
      this.#nested.execute(idAndDb & 0xffff, idAndDb >>> 16, flags, bytes, offsets, lengths, argc)
      reply = this.#nested.writer.take()
    } else {
      const attendance = this.#attendance
      attendance.ask(shard, idAndDb, flags, bytes, offsets, lengths, argc)
      reply = copyOf(attendance.replyBytes, 0, attendance.replyEnd)
    }
    const gather = this.#gathers[target] as Gather
    gather.parts[part] = reply
    if (--gather.remaining === 0) gather.done(gather.parts)
  }

  ask(shard: number, { spec, argv, database, flags }: CommandRequest, answer: Answer): void {
    const target = this.gather(1, ([reply]) => answer(reply as Uint8Array))
    this.send(shard, target, 0, spec, database, flags, argv)
  }

  lock(): Lock {
    throw new Error('a script holds all locks already')
  }

  unlock(): void {
    throw new Error('the locks of a script are given back behind it')
  }
}
