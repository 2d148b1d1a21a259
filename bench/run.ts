/**
 * `npm run bench`: measures Shardkeep next to other servers, and checks it under load.
 *
 * Runs as a process of its own; servers and load generators are its child processes and end with it.
 */
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { bgsave } from './scenarios/bgsave.js'
import { bullmq } from './scenarios/bullmq.js'
import { collectionMemory } from './scenarios/collection-memory.js'
import { evalsha } from './scenarios/evalsha.js'
import { fuzz } from './scenarios/fuzz.js'
import { load } from './scenarios/load.js'
import { memory } from './scenarios/memory.js'
import { neighbour } from './scenarios/neighbour.js'
import { persistence } from './scenarios/persistence.js'
import { pubsub } from './scenarios/pubsub.js'
import { soak } from './scenarios/soak.js'
import { stall } from './scenarios/stall.js'
import { tail } from './scenarios/tail.js'
import { throughput } from './scenarios/throughput.js'
import { peerSpec, REDIS, type ServerSpec, shardkeep } from './servers.js'

const USAGE = `npm run bench -- [scenario] [options]
  throughput      (default) SET, GET, INCR, MSET with redis-benchmark at pipeline 1, 16 and 64
  memory          resident bytes for each key, growth of V8's heap
  collections     throughput of every command of redis-benchmark on lists, sets, hashes and sorted sets
  collection-memory  resident bytes for each element of collections, growth of V8's heap
  neighbour       p99 of GETs beside a long ZUNIONSTORE
  pubsub          messages delivered to 100 subscribers
  evalsha         short scripts, and scripts of 1 ms on keys of all shards (at 1 and at 4 shards)
  bullmq          jobs of BullMQ added and processed a second
  bgsave          memory and p99.9 of SETs during a save in the background
  load            time to load an RDB file and an append-only log (at 1 and at 4 shards)
  persistence     SET while every write goes to the append-only log, appendfsync everysec and always (at 1 and at 4 shards)
  tail            p99.9 with millions of keys and writes
  stall           longest stall while the keyspace grows
  soak            long mixed load with every answer checked
  fuzz            hostile input next to a session whose answers are checked

  --quick              throughput only: about 40 s, prints geometric means, records nothing
  --shards 1,2,4       soak, fuzz, evalsha, bullmq, load and persistence take each of them, the others the first (default max(1, cores - 1))
  --peer name=path     compare with this server too; may be repeated
  --no-redis           do not compare with redis-server
  --server PATH        what to measure (default dist/src/cli.js)
  --commands set,get   throughput
  --pipelines 1,16,64  throughput, evalsha and persistence (1,16)
  --clients 50         throughput, evalsha, persistence, tail, bgsave
  --rounds 7           throughput, evalsha, bullmq, load, persistence, bgsave (5)
  --seconds N          tail (60), soak (600), fuzz (60), bgsave (5: without a save, in each round)
  --keys N             memory, load and bgsave (2000000), tail and stall (5000000); hashes of collection-memory, members of neighbour (1000000), jobs of
                       bullmq (10000)
  --rate N             tail: open loop with N commands a second instead of a closed loop; bgsave (50000)
  --seed N             tail, load, bgsave, soak, fuzz (default: random, printed)`

const CORE_COMMANDS = 'set,get,incr,mset'
/** The default tests of redis-benchmark but those of CORE_COMMANDS; MSET belongs to both. */
const COLLECTION_COMMANDS =
  'lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,lrange_300,lrange_500,lrange_600,mset'

await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      shards: { type: 'string' },
      peer: { type: 'string', multiple: true, default: [] },
      'no-redis': { type: 'boolean', default: false },
      server: { type: 'string', default: 'dist/src/cli.js' },
      commands: { type: 'string' },
      pipelines: { type: 'string' },
      clients: { type: 'string', default: '50' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      keys: { type: 'string' },
      rate: { type: 'string', default: '0' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const shards = (values.shards ?? String(Math.max(1, availableParallelism() - 1))).split(',').map(Number)
  const own = shardkeep(values.server, shards[0] ?? 1)
  const peers: ServerSpec[] = [...(values['no-redis'] ? [] : [REDIS]), ...values.peer.map(peerSpec)]
  const specs = shards.map((count) => shardkeep(values.server, count))
  /** For scenarios that are about several numbers of shards unless one is given. */
  const specsOr = (...counts: number[]): ServerSpec[] =>
    values.shards === undefined ? counts.map((count) => shardkeep(values.server, count)) : specs
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const number = (text: string | undefined, fallback: number): number => (text === undefined ? fallback : Number(text))
  const scenario = positionals[0] ?? 'throughput'
  switch (scenario) {
    case 'throughput':
    case 'collections':
      return throughput({
        own,
        peers,
        commands: (values.commands ?? (scenario === 'throughput' ? CORE_COMMANDS : COLLECTION_COMMANDS)).split(','),
        pipelines: (values.pipelines ?? '1,16,64').split(',').map(Number),
        clients: Number(values.clients),
        rounds: number(values.rounds, values.quick ? 3 : 7),
        turnSeconds: values.quick ? 0.3 : 1,
        quick: values.quick,
      })
    case 'memory': {
      const keys = number(values.keys, 2_000_000)
      return memory({ own, peers, keys, heapKeys: Math.ceil(keys * 2.5) })
    }
    case 'collection-memory':
      return collectionMemory({ own, peers, hashes: number(values.keys, 1_000_000) })
    case 'neighbour':
      process.stdout.write(`seed ${seed}\n`)
      return neighbour({
        own,
        peers,
        members: number(values.keys, 1_000_000),
        seconds: number(values.seconds, 40),
        seed,
      })
    case 'pubsub':
      return pubsub({ own, peers, seconds: number(values.seconds, 20) })
    case 'evalsha':
      return evalsha({
        specs: specsOr(1, 4),
        peers,
        pipelines: (values.pipelines ?? '1,16').split(',').map(Number),
        clients: Number(values.clients),
        rounds: number(values.rounds, 7),
        turnSeconds: values.quick ? 0.3 : 1,
      })
    case 'bullmq':
      return bullmq({ specs, peers, jobs: number(values.keys, 10_000), rounds: number(values.rounds, 7) })
    case 'tail':
      process.stdout.write(`seed ${seed}\n`)
      return tail({
        own,
        peers,
        keys: number(values.keys, 5_000_000),
        clients: Number(values.clients),
        seconds: number(values.seconds, 60),
        ratePerSecond: Number(values.rate),
        seed,
      })
    case 'load':
      process.stdout.write(`seed ${seed}\n`)
      return load({
        specs: specsOr(1, 4),
        peers,
        keys: number(values.keys, 2_000_000),
        rounds: number(values.rounds, 7),
        seed,
      })
    case 'persistence':
      return persistence({
        specs: specsOr(1, 4),
        peers,
        pipelines: (values.pipelines ?? '1,16').split(',').map(Number),
        clients: Number(values.clients),
        rounds: number(values.rounds, 7),
        turnSeconds: values.quick ? 0.3 : 1,
      })
    case 'bgsave':
      process.stdout.write(`seed ${seed}\n`)
      return bgsave({
        own,
        peers,
        keys: number(values.keys, 2_000_000),
        clients: Number(values.clients),
        rounds: number(values.rounds, 5),
        secondsBefore: number(values.seconds, 5),
        ratePerSecond: values.rate === '0' ? 50_000 : Number(values.rate),
        seed,
      })
    case 'stall': {
      const keysAfter = number(values.keys, 5_000_000)
      return stall({ own, peers, keysBefore: Math.floor(keysAfter / 5), keysAfter })
    }
    case 'soak':
      if (
        !(await soak({
          specs: specsOr(1, 2, 4),
          seconds: number(values.seconds, 600),
          seed,
        }))
      )
        process.exitCode = 1
      return
    case 'fuzz':
      if (!(await fuzz({ specs, seconds: number(values.seconds, 60), seed }))) process.exitCode = 1
      return
    default:
      throw new Error(`unknown scenario ${scenario}\n${USAGE}`)
  }
}
