/**
 * What is done for commands that no single shard can run as they are, by the name that the command's entry gives.
 *
 * On the main thread for clients, in a shard's worker for scripts that hold the locks of all shards.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import { parseScanCursor } from '../commands/scan.js'
import { commandNamed } from '../commands/table.js'
import { bulkBody, headerNumber, isError, lineEnd } from '../resp/reply-reader.js'
import type { CoordinatorOf } from './coordinate.js'
import type { Hops } from './hops.js'
import { lend } from './lending.js'
import type { Answer, CommandRequest } from './request.js'
import { keysOf } from './request-keys.js'
import { sortThrough } from './sort.js'
import { readStreams } from './stream-reads.js'

export type Coordinator = CoordinatorOf<Hops>

const NO_BYTES = new Uint8Array(0)
const NIL = asciiBytes('$-1\r\n')

/** Runs a command with dependent parts: on the shard of its first key, to which the records of its other keys are lent. */
function relocate(hops: Hops, request: CommandRequest, answer: Answer, outerOwner: number): void {
  const keys = keysOf(request, hops.databases)
  const home = hops.shardOf(keys[0]?.key ?? NO_BYTES, 0, keys[0]?.key.length ?? 0)
  const foreign = keys.filter(({ key }) => hops.shardOf(key, 0, key.length) !== home)
  if (outerOwner !== 0) {
    lend(hops, outerOwner, home, foreign, request, answer)
    return
  }
  const { owner, shards } = hops.lock(keys.map(({ key }) => key))
  lend(hops, owner, home, foreign, request, (reply) => {
    hops.unlock(owner, shards, () => answer(reply))
  })
}

/** RANDOMKEY: a key of a shard chosen in proportion to the shards' sizes, so that every key is as likely as another. */
function randomKey(hops: Hops, request: CommandRequest, answer: Answer, owner: number): void {
  const dbsize = commandNamed('dbsize')
  const target = hops.gather(hops.shardCount * 2, (parts) => {
    const candidates: { key: Uint8Array; size: number }[] = []
    let total = 0
    for (let shard = 0; shard < hops.shardCount; shard++) {
      const key = parts[shard * 2] as Uint8Array
      if (bulkBody(key, 0) === undefined) continue
      const size = headerNumber(parts[shard * 2 + 1] as Uint8Array, 0)
      candidates.push({ key, size })
      total += size
    }
    let chosen = total > 0 ? hops.random.below(total) : 0
    for (const { key, size } of candidates) {
      if (chosen < size) {
        answer(key)
        return
      }
      chosen -= size
    }
    answer(candidates[0]?.key ?? (parts[0] as Uint8Array))
  })
  for (let shard = 0; shard < hops.shardCount; shard++) {
    hops.send(shard, target, shard * 2, request.spec, request.database, request.flags, request.argv, owner)
    hops.send(shard, target, shard * 2 + 1, dbsize, request.database, 0, [NO_BYTES], owner)
  }
}

/**
 * SCAN: goes through the shards one after the other. The client's cursor is `local × shards + shard`, where `local` is the
 * shard's own cursor; 0 begins at the first shard, and comes back when the last one is through.
 */
function scan(hops: Hops, request: CommandRequest, answer: Answer, owner: number): void {
  const { shardCount } = hops
  const text = request.argv[1] ?? NO_BYTES
  const cursor = parseScanCursor(text, 0, text.length)
  if (shardCount === 1 || cursor === undefined) {
    hops.ask(0, request, answer, owner)
    return
  }
  const shard = Number(cursor % BigInt(shardCount))
  const argv = [NO_BYTES, asciiBytes(String(cursor / BigInt(shardCount))), ...request.argv.slice(2)]
  const translate: Answer = (reply) => {
    if (isError(reply)) {
      answer(reply)
      return
    }
    const cursorAt = lineEnd(reply, 0)
    const local = Number(Buffer.from(bulkBody(reply, cursorAt) ?? NIL).toString('latin1'))
    let next = local * shardCount + shard
    if (local === 0) next = shard + 1 < shardCount ? shard + 1 : 0
    const digits = String(next)
    const elementsAt = lineEnd(reply, lineEnd(reply, cursorAt))
    answer(joinBytes([asciiBytes(`*2\r\n$${digits.length}\r\n${digits}\r\n`), reply.subarray(elementsAt)]))
  }
  hops.ask(shard, { ...request, argv }, translate, owner)
}

export const coordinators: Readonly<Record<string, Coordinator>> = {
  rename: relocate,
  renamenx: relocate,
  copy: relocate,
  msetnx: relocate,
  msetex: relocate,
  lcs: relocate,
  relocate,
  'random-key': randomKey,
  scan,
  sort: sortThrough(relocate),
  'read-streams': readStreams,
}
