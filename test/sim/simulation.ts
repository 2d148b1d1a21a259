/**
 * Runs the steps of a simulation, checks what the clients heard against the sequential model, and makes the list of steps
 * that shows a violation as short as it can.
 *
 * The claim that is checked: the replies, and the keyspace at the end, are those of the commands executed one after the
 * other in the order in which the router took them, each at the time it was stamped with. Because that order agrees with
 * the real time of requests and replies, this is more than strict serializability.
 */
import { Prng } from '../../src/base/prng.js'
import { type Asked, ClientSink, SimulatedClient } from './client.js'
import { elementsOf, NIL_ARRAY, OK } from './encoding.js'
import { type Expectation, Model, type ModelScan } from './model.js'
import { scannedCursor, scannedKeys } from './model-commands.js'
import { attempt, isBlocking, isList } from './model-lists.js'
import { isSet } from './model-sets.js'
import { ModelWaiters } from './model-waiters.js'
import { describeKey, SimulatedServer } from './simulated-server.js'
import { expanded, type Profile, type Step, stepsOf } from './workload.js'

/** Frames that a shard executes in one turn: more than there ever are. */
const TURN_FRAMES_MAX = 1000
/** Rounds in which everybody works off everything, before whoever still waits counts as stuck. */
const SETTLE_ROUNDS_MAX = 1000

/** Runs the seed's steps. Returns what is wrong, with the shortest steps found that show it, or undefined. */
export function simulate(profile: Profile, stepCount: number): string | undefined {
  const steps = stepsOf(profile, stepCount)
  const violation = violationOf(profile, steps)
  if (violation === undefined) return undefined
  const shortest = shrink(profile, steps)
  return [
    `${violationOf(profile, shortest)}`,
    `replay with SIM_SEED=${profile.seed} SIM_STEPS=${stepCount} SIM_SHARDS=${profile.shards}`,
    `${profile.shards} shards, ${shortest.length} steps:`,
    ...shortest.map((step) => JSON.stringify(step)),
  ].join('\n')
}

/** Leaves out as many steps as it can, in ever smaller stretches, while something still goes wrong. */
function shrink(profile: Profile, steps: readonly Step[]): readonly Step[] {
  let shortest = steps
  for (let length = steps.length >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at < shortest.length; ) {
      const without = [...shortest.slice(0, at), ...shortest.slice(at + length)]
      if (violationOf(profile, without) === undefined) at += length
      else shortest = without
    }
  }
  return shortest
}

function violationOf(profile: Profile, steps: readonly Step[]): string | undefined {
  const run = new Run(profile)
  try {
    for (const step of steps) run.step(step)
    run.settle()
    return run.check()
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  }
}

/** One course of a simulation. */
export class Run {
  readonly #profile: Profile
  readonly server: SimulatedServer
  readonly #sink = new ClientSink()
  readonly #history: Asked[] = []

  constructor(profile: Profile) {
    this.#profile = profile
    const random = new Prng(profile.seed ^ 0x511ce)
    const isSliceOver = profile.isSliced ? () => random.below(3) > 0 : undefined
    this.server = new SimulatedServer(profile.shards, profile.databases, this.#sink, profile.seed, isSliceOver)
    for (let slot = 0; slot < profile.clients; slot++) {
      this.#sink.clients.push(new SimulatedClient(slot, this.server, this.#history))
    }
  }

  step(step: Step): void {
    const server = this.server
    switch (step.do) {
      case 'publish':
        server.router.publish()
        return
      case 'drain':
        server.drain(step.shard, step.frames)
        return
      case 'slice':
        server.shards[step.shard]?.executor.sliceWork()
        return
      case 'poll':
        server.router.poll()
        return
      case 'turn':
        server.router.publish()
        for (let shard = 0; shard < server.shards.length; shard++) server.drain(shard, TURN_FRAMES_MAX)
        server.router.poll()
        return
      case 'clock':
        server.nowMs += step.ms
        server.router.setTime(server.nowMs)
        server.router.blocked.expire(server.nowMs)
        return
      case 'unblock':
        ;(this.#sink.clients[step.client] as SimulatedClient).unblock(step.withError)
        return
      case 'disconnect':
        ;(this.#sink.clients[step.client] as SimulatedClient).disconnect()
        return
      default:
        this.#ask(step, this.#sink.clients[step.client] as SimulatedClient)
    }
  }

  #ask(step: Step, client: SimulatedClient): void {
    if (client.isHeld || client.isGone || client.owed >= this.#profile.pipeline) return
    const before = this.server.router.gsn
    const asked = this.#history.length
    if (step.do === 'issue') client.issue(expanded(step.argv), step.silent === true)
    else if (step.do === 'exec') client.exec(step.commands.map(expanded))
    else if (step.do === 'watch') client.watch(step.keys)
    else client.unwatch()
    if (this.server.router.gsn < before) throw new Error('a sequence number is lower than the last')
    for (const one of this.#history.slice(asked)) one.gsn = before + 1
  }

  /** Lets everybody work until nothing is left to do, then takes all watches back. */
  settle(): void {
    workOff(this.server)
    this.#endWaits()
    for (const client of this.#sink.clients) client.unwatch()
    this.#askForCollections()
    workOff(this.server)
    const unanswered = this.#history.filter((asked) => asked.reply === undefined)
    if (unanswered.length > 0) throw new Error(`no reply ever comes to:\n${unanswered.map(describe).join('\n')}`)
    const found = this.server.leftovers()
    if (found.length > 0) throw new Error(`left at the end: ${found.join('; ')}`)
  }

  /** Whoever waits still has either a time that comes, or is unblocked. */
  #endWaits(): void {
    const server = this.server
    while (server.router.blocked.nextDeadlineMs !== Number.POSITIVE_INFINITY) {
      server.nowMs = Math.max(server.nowMs, server.router.blocked.nextDeadlineMs)
      server.router.setTime(server.nowMs)
      server.router.blocked.expire(server.nowMs)
      workOff(this.server)
    }
    for (const client of this.#sink.clients) client.unblock(false)
    workOff(this.server)
  }

  /** What is in collections is compared through the replies that a client gets, like everything else. */
  #askForCollections(): void {
    for (const argv of collectionQuestions(this.#profile)) this.#sink.clients[0]?.issue(argv, false)
  }

  /** @returns what is wrong with the replies, or with the keyspace at the end */
  check(): string | undefined {
    const model = this.modelUpTo(Number.POSITIVE_INFINITY)
    return typeof model === 'string' ? model : checkContents(this.server, model)
  }

  /** How many operations there were, and how many of them up to this sequence number. */
  countUpTo(gsn: number): { readonly operations: number; readonly recovered: number } {
    const recovered = this.#history.filter((asked) => asked.gsn <= gsn).length
    return { operations: this.#history.length, recovered }
  }

  /**
   * Runs the model in the order in which commands were issued, as far as those of this sequence number.
   * @returns the model, or what is wrong with a reply
   */
  modelUpTo(gsn: number): Model | string {
    const { shards, databases, clients } = this.#profile
    const model = new Model(databases, shards)
    const waiters = new ModelWaiters(model)
    const sessions = Array.from({ length: clients }, () => ({ database: 0 }))
    const scans = new Map<number, ModelScan>()
    for (const [place, asked] of this.#history.entries()) {
      if (asked.gsn > gsn) return model
      const session = sessions[asked.client] as { database: number }
      model.advance(asked.nowMs)
      if (session.database !== asked.database)
        return wrong(place, asked, `database ${session.database}, not ${asked.database}`)
      const complaint = checkOne(model, asked, session, scans, waiters) ?? waiters.serve(asked)
      if (complaint !== undefined) return wrong(place, asked, complaint)
    }
    return waiters.check() ?? model
  }
}

/** Lets everybody work until nothing is left to do. */
export function workOff(server: SimulatedServer): void {
  const { router, shards } = server
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
    router.publish()
    let work = router.poll()
    for (let shard = 0; shard < shards.length; shard++) work += server.drain(shard, TURN_FRAMES_MAX)
    if (work === 0 && !router.isCongested) break
  }
}

/** What a client asks to see everything in collections. */
export function collectionQuestions({ databases, listKeys, setKeys }: Profile): string[][] {
  return Array.from({ length: databases }, (_, database) => [
    ['select', String(database)],
    ...listKeys.map((key) => ['lrange', key, '0', '-1']),
    ...setKeys.map((key) => ['smembers', key]),
  ]).flat()
}

/** Compares the keys of a server with those of the model. @returns what is wrong */
export function checkContents(server: SimulatedServer, model: Model): string | undefined {
  model.advance(server.nowMs)
  const found = server.contents(model.databases.length)
  for (const [index, database] of model.databases.entries()) {
    const expected = [...database]
      .map(([key, { value, expireAtMs }]) => describeKey(server.shardOf(key), key, shownValue(value), expireAtMs))
      .sort()
    if (found[index]?.join('\n') !== expected.join('\n')) {
      return `database ${index} holds at the end\n${found[index]?.join('\n')}\nbut should hold\n${expected.join('\n')}`
    }
  }
  return undefined
}

/** As `SimulatedServer.contents` shows it. */
function shownValue(value: string): string {
  return isList(value) || isSet(value) ? 'a collection' : value
}

/** What is wrong with the reply to `asked`, after the model has done it. */
function checkOne(
  model: Model,
  asked: Asked,
  session: { database: number },
  scans: Map<number, ModelScan>,
  waiters: ModelWaiters,
): string | undefined {
  const reply = asked.reply as string
  switch (asked.what) {
    case 'watch':
      model.watch(asked.client, asked.database, asked.commands[0] as readonly string[])
      return complaintAbout(reply, OK)
    case 'unwatch':
      model.unwatch(asked.client)
      return undefined
    case 'exec': {
      const isBroken = model.takeVerdict(asked.client) ?? reply === NIL_ARRAY
      if (isBroken || reply === NIL_ARRAY) return complaintAbout(reply, isBroken ? NIL_ARRAY : 'an array of replies')
      const replies = elementsOf(reply)
      if (replies.length !== asked.commands.length) return `${asked.commands.length} replies are missing in ${reply}`
      for (const [i, argv] of asked.commands.entries()) {
        const complaint = complaintAbout(replies[i] as string, model.run(argv, session))
        if (complaint !== undefined) return `${argv.join(' ')}: ${complaint}`
      }
      return undefined
    }
    case 'command': {
      const argv = asked.commands[0] as readonly string[]
      if (isBlocking(argv[0])) {
        // One whose client had gone before it was executed is passed over.
        const mayHavePassed = reply === '' && asked.endedAt !== undefined
        const expected = mayHavePassed ? undefined : attempt(model, argv, session.database)
        return expected === undefined ? waiters.add(asked, argv) : complaintAbout(reply, expected)
      }
      const expectation = model.run(argv, session)
      if (asked.silent) return complaintAbout(reply, '')
      return (
        complaintAbout(reply, expectation) ?? (argv[0] === 'scan' ? followScan(model, asked, argv, scans) : undefined)
      )
    }
  }
}

export function complaintAbout(reply: string, expectation: Expectation): string | undefined {
  if (typeof expectation === 'function') return expectation(reply)
  return reply === expectation ? undefined : `expected ${short(expectation)}`
}

/** A SCAN must return every key that was there from its first call to its last. */
function followScan(
  model: Model,
  { client, database, reply }: Asked,
  argv: readonly string[],
  scans: Map<number, ModelScan>,
): string | undefined {
  if (argv[1] === '0') {
    const begun = { database, missing: new Set(model.databases[database]?.keys() ?? []) }
    const old = scans.get(client)
    if (old !== undefined) model.scans.delete(old)
    scans.set(client, begun)
    model.scans.add(begun)
  }
  const scan = scans.get(client)
  if (scan === undefined || scan.database !== database) return undefined
  for (const key of scannedKeys(reply as string)) scan.missing.delete(key)
  if (scannedCursor(reply as string) !== '0') return undefined
  scans.delete(client)
  model.scans.delete(scan)
  return scan.missing.size === 0 ? undefined : `the scan has ended without ${[...scan.missing].join(' ')}`
}

function wrong(place: number, asked: Asked, complaint: string): string {
  return `request ${place} in the order: ${describe(asked)}\n${complaint}`
}

function describe(asked: Asked): string {
  const commands = asked.commands.map((argv) => argv.map(short).join(' ')).join('; ')
  const { what, client, database, nowMs, reply } = asked
  return `client ${client} in database ${database} at ${nowMs}: ${what} ${commands} -> ${short(reply ?? 'nothing')}`
}

function short(text: string): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}... (${text.length})` : text
  return shown.replaceAll('\r\n', ' ')
}
