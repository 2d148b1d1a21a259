/**
 * Client-side caching on the way to the shards: in front of a command that reads keys for a client that tracks, each shard
 * of these keys is told that the client is about to read them.
 *
 * Main thread. Invariant: the frame enters the ring of a shard right before those of the command, under the same locks. So
 * a write of a key that comes behind the read finds the client in the shard's table, and one that came before does not.
 */
import { copyOf } from '../base/bytes.js'
import { parseSafeInteger } from '../base/integer.js'
import { shardTrack } from '../commands/internal.js'
import { shardTrackScript } from '../commands/scripting/script-internal.js'
import type { CommandSpec } from '../commands/spec.js'
import { keyPositions, specs } from '../commands/table.js'
import { pack } from '../hops/packed-arguments.js'
import type { CommandRequest } from '../hops/request.js'
import type { Router } from './router.js'

const NO_BYTES = new Uint8Array(0)

/** The first key of a script's command; in front of it stands how many there are. */
const SCRIPT_FIRST_KEY = 3

/** By command id: whether what it reads is remembered. Of a script that is known only when it has read something. */
const isRead = Uint8Array.from(specs, ({ flags, group }) => {
  return flags.includes('readonly') && !flags.includes('pubsub') && group !== 'scripting' ? 1 : 0
})

export function isTrackedRead(id: number): boolean {
  return isRead[id] !== 0
}

/**
 * Has the shards remember that a client reads the keys of a command, which must be sent right after this.
 * @param client the client's id, in ASCII digits
 * @param owner of the locks under which the command runs, 0 for none
 * @param flags of ring/frames.ts: `conditional` where the command has it
 */
export function trackKeys(
  router: Router,
  client: Uint8Array,
  spec: CommandSpec,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  owner: number,
  flags: number,
): void {
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argc, positions)
  const argvOfShard = new Map<number, Uint8Array[]>()
  for (const position of positions) {
    const offset = offsets[position] as number
    const length = lengths[position] as number
    const shard = router.shardOf(bytes, offset, length)
    const argv = argvOfShard.get(shard)
    const key = copyOf(bytes, offset, length)
    if (argv === undefined) argvOfShard.set(shard, [NO_BYTES, client, key])
    else argv.push(key)
  }
  if (argvOfShard.size === 0) return
  // Nobody waits for the answers.
  const target = router.gather(argvOfShard.size, () => {})
  let part = 0
  for (const [shard, argv] of argvOfShard) router.send(shard, target, part++, shardTrack, 0, flags, argv, owner)
}

/** As `trackKeys`, for a command whose arguments stand apart. */
export function trackKeysOf(
  router: Router,
  client: Uint8Array,
  request: CommandRequest,
  owner: number,
  flags: number,
): void {
  const { bytes, offsets, lengths } = pack(request.argv)
  trackKeys(router, client, request.spec, bytes, offsets, lengths, request.argv.length, owner, flags)
}

/**
 * Tells a script's home for whom it reads, right in front of the script.
 * @param owner as for `trackKeys`
 */
export function announceReader(
  router: Router,
  home: number,
  client: Uint8Array,
  argv: readonly Uint8Array[],
  owner: number,
): void {
  const count = argv[SCRIPT_FIRST_KEY - 1] as Uint8Array
  const keyCount = parseSafeInteger(count, 0, count.length)
  // A function that is called with a wrong number of keys is refused there.
  if (!(keyCount > 0 && keyCount <= argv.length - SCRIPT_FIRST_KEY)) return
  const keys = argv.slice(SCRIPT_FIRST_KEY, SCRIPT_FIRST_KEY + keyCount)
  const target = router.gather(1, () => {})
  router.send(home, target, 0, shardTrackScript, 0, 0, [NO_BYTES, client, ...keys], owner)
}
