/**
 * `npm run test:redis-suite`: runs units of Redis's own Tcl test suite against Shardkeep and against redis-server.
 *
 * Runs as a process of its own. Prints one row a unit and the names of the tests that differ. With `--check` it compares
 * the result with `expected.json` and ends with status 1 when anything got worse; `--update` rewrites that file.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { compareUnit, readExpectations, readWaiting, updateExpectations, type WaitingTest } from './ledger.js'
import { type Reports, renderDetails, renderTable } from './report.js'
import { fetchSuite, type SuiteSource } from './source.js'
import { makeTree, type Target } from './target.js'
import { portsOf, runUnit, type UnitReport } from './unit.js'

/**
 * All that are expected to pass, but for five that take the better part of a minute each, or longer, and are run by name:
 * unit/aofrw, integration/aof, integration/aof-multi-part, integration/corrupt-dump and unit/type/list-3. The longest come
 * first: none of them is left over at the end.
 */
const UNITS_DEFAULT = [
  'unit/scripting',
  'unit/introspection',
  'unit/maxmemory',
  'unit/dump',
  'unit/protocol',
  'unit/keyspace',
  'unit/scan',
  'unit/type/string',
  'unit/type/incr',
  'unit/type/list',
  'unit/type/list-2',
  'unit/type/set',
  'unit/type/hash',
  'unit/type/zset',
  'unit/type/stream',
  'unit/type/stream-cgroups',
  'unit/expire',
  'unit/auth',
  'unit/quit',
  'unit/querybuf',
  'unit/pendingquerybuf',
  'unit/limits',
  'unit/info-command',
  'unit/multi',
  'unit/bitops',
  'unit/bitfield',
  'unit/hyperloglog',
  'unit/geo',
  'unit/sort',
  'unit/other',
  'unit/lazyfree',
  'unit/memefficiency',
  'unit/info',
  'unit/pubsub',
  'unit/pubsubshard',
  'unit/obuf-limits',
  'unit/client-eviction',
  'unit/introspection-2',
  'unit/networking',
  'unit/replybufsize',
  'unit/tracking',
  'unit/slowlog',
  'unit/latency-monitor',
  'unit/pause',
  'unit/functions',
  'unit/shutdown',
  'integration/logging',
  'integration/rdb',
  'integration/convert-zipmap-hash-on-load',
  'integration/convert-ziplist-hash-on-load',
  'integration/convert-ziplist-zset-on-load',
]

const USAGE = `npm run test:redis-suite -- [unit ...] [options]
  --shards 1,4         the shard counts to test (default 1,4)
  --limit-seconds 300  time limit of a unit, all its rounds together
  --rounds 5           how often a unit is run without the tests that took others with them
  --server PATH        the server: a .js file for Node.js or a program (default dist/src/cli.js)
  --check              compare with expected.json, end with status 1 when anything got worse
  --update             rewrite the units' part of expected.json
  --no-waiting         also run the tests listed in waiting.txt
  --no-reference       do not run redis-server (--check implies it)
  --json FILE          write the figures to FILE
  --keep               keep the servers' logs below .cache/redis-suite/runs`

/** Raised when a unit's report changes its form, so that what an older version kept is not read. */
const REFERENCE_FORMAT = 2

const root = process.cwd()
const ledgerFolder = path.join(root, 'test/redis-suite')
const cacheFolder = path.join(root, '.cache/redis-suite')
const expectedFile = path.join(ledgerFolder, 'expected.json')

interface Options {
  readonly units: readonly string[]
  readonly shards: readonly number[]
  readonly limitSeconds: number
  readonly roundsMax: number
  readonly server: string
  readonly check: boolean
  readonly update: boolean
  readonly waiting: boolean
  readonly reference: boolean
  readonly json: string | undefined
  readonly keep: boolean
}

/** So many units run side by side, because most tests wait for something most of the time. */
const LANES = 2

await main()

async function main(): Promise<void> {
  const options = readOptions()
  const source = fetchSuite(cacheFolder)
  mkdirSync(path.join(cacheFolder, 'logs'), { recursive: true })
  const waiting = options.waiting ? readWaiting(path.join(ledgerFolder, 'waiting.txt')) : []
  const targets = options.shards.map((shards): Target => {
    // A program that is not ours (such as redis-server, to try this tool itself) has no shards to set.
    const ours = options.server.endsWith('.js')
    return {
      label: `${shards} ${shards === 1 ? 'shard' : 'shards'}`,
      shards: ours ? shards : null,
      server: options.server,
    }
  })

  const references: UnitReport[] = []
  if (options.reference) for (const unit of options.units) references.push(await reference(unit, source, options))
  const reports: Reports = new Map(options.shards.map((shards) => [shards, []]))
  const jobs = options.units.flatMap((unit, at) => options.shards.map((shards, index) => ({ unit, at, shards, index })))
  const lane = async (number: number): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const { unit, at, shards, index } = job
      const result = await runOn(targets[index] as Target, shards, unit, source, waiting, options, number)
      ;(reports.get(shards) as UnitReport[])[at] = result
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))

  process.stdout.write(`${renderTable(source.version, options.units, references, reports)}\n\n`)
  process.stdout.write(`${renderDetails(references, reports, waiting).join('\n')}\n`)
  const figures = judge(options, reports)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures)}\n`)
  if (figures.failed > 0 && !options.update) process.exitCode = 1
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      shards: { type: 'string', default: '1,4' },
      'limit-seconds': { type: 'string', default: '300' },
      rounds: { type: 'string', default: '5' },
      server: { type: 'string', default: 'dist/src/cli.js' },
      check: { type: 'boolean', default: false },
      update: { type: 'boolean', default: false },
      'no-waiting': { type: 'boolean', default: false },
      'no-reference': { type: 'boolean', default: false },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  const server = path.resolve(root, values.server)
  if (!existsSync(server)) throw new Error(`${server} does not exist: run npm run build first`)
  return {
    units: positionals.length === 0 ? UNITS_DEFAULT : positionals,
    shards: values.shards.split(',').map(Number),
    limitSeconds: Number(values['limit-seconds']),
    roundsMax: Number(values.rounds),
    server,
    check: values.check,
    update: values.update,
    waiting: !values['no-waiting'],
    reference: !values['no-reference'] && !values.check,
    json: values.json,
    keep: values.keep,
  }
}

/** What redis-server itself gives for a unit. It does not change, so it is run once and kept in the cache. */
async function reference(unit: string, source: SuiteSource, options: Options): Promise<UnitReport> {
  const file = path.join(
    cacheFolder,
    `reference-${REFERENCE_FORMAT}`,
    source.version,
    `${unit.replaceAll('/', '-')}.json`,
  )
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as UnitReport
  const target: Target = { label: 'redis-server', shards: null, server: '/usr/bin/redis-server' }
  const result = await runOn(target, 0, unit, source, [], options, 0)
  mkdirSync(path.dirname(file), { recursive: true })
  // A reference that was cut short would make every later comparison look better than it is.
  if (result.aborts.length === 0) writeFileSync(file, JSON.stringify(result, null, 1))
  return result
}

/** Runs a unit in a tree of its own. @param lane which of those side by side it is */
async function runOn(
  target: Target,
  shards: number,
  unit: string,
  source: SuiteSource,
  waiting: readonly WaitingTest[],
  options: Options,
  lane: number,
): Promise<UnitReport> {
  const { label } = target
  const tree = makeTree({ ...target, label: `${label} ${lane}` }, source.folder, path.join(cacheFolder, 'runs'))
  try {
    const expected = readExpectations(expectedFile)[unit]?.[shards]
    const result = await runUnit({
      unit,
      tree,
      logPath: path.join(cacheFolder, 'logs', `${unit.replaceAll('/', '-')}-${label.replace(' ', '-')}.log`),
      waiting: waiting.filter(({ needsOneShard }) => !needsOneShard || shards !== 1),
      culprits: options.check ? (expected?.culprits ?? []) : [],
      limitSeconds: options.limitSeconds,
      roundsMax: options.roundsMax,
      expectedFailures: options.check ? new Set(Object.keys(expected?.failures ?? {})) : null,
      ports: portsOf(lane, LANES),
    })
    const { passed, failed, seconds } = result
    process.stderr.write(`${label}: ${unit} ${passed.length} passed, ${failed.length} failed, ${seconds} s\n`)
    return result
  } finally {
    if (!options.keep) rmSync(tree, { recursive: true, force: true })
  }
}

interface Figures {
  readonly passed: number
  /** What counts against the run: with `--check` only what is worse than expected. */
  readonly failed: number
  readonly known: number
  readonly waiting: number
}

/** Compares with what is expected (or takes it over), prints the verdict, and returns the sums. */
function judge(options: Options, reports: Reports): Figures {
  const expectations = readExpectations(expectedFile)
  const worse: string[] = []
  const better: string[] = []
  let known = 0
  for (const [shards, results] of reports) {
    for (const result of results) {
      if (!options.check) {
        worse.push(...result.failed.map(({ name }) => name), ...result.aborts)
        continue
      }
      const comparison = compareUnit(result, expectations[result.unit]?.[shards])
      worse.push(...comparison.worse.map((text) => `${shards} shard(s), ${text}`))
      better.push(...comparison.better.map((text) => `${shards} shard(s), ${text}`))
      known += comparison.known
    }
    if (options.update) updateExpectations(expectedFile, shards, results)
  }
  const all = [...reports.values()].flat()
  const passed = all.reduce((sum, result) => sum + result.passed.length, 0)
  const waiting = all.reduce((sum, result) => sum + result.waiting.length, 0)
  const lines = ['']
  if (options.check && worse.length > 0) lines.push('Worse than expected:', ...worse.map((text) => `  ${text}`))
  if (better.length > 0) lines.push('Better than expected (run with --update):', ...better.map((text) => `  ${text}`))
  lines.push(`redis suite: ${passed} passed, ${worse.length} failed, ${known} known failures, ${waiting} waiting`)
  process.stdout.write(`${lines.join('\n')}\n`)
  return { passed, failed: worse.length, known, waiting }
}
