/**
 * What COMMAND INFO and COMMAND DOCS say of every command that Redis 7.0 has as well, beside a real one: arity, flags,
 * keys, categories, tips, key specifications and arguments. Prose (summaries, complexities, notes) is our own and only
 * has to be there; what came after Redis 7.0 is left out of the comparison.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { asResp2, RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const REDIS_VERSION = [7, 0, 15] as const
const PROSE = '(prose)'
const PROSE_FIELDS = new Set(['summary', 'complexity', 'notes'])

/** What Redis has changed since. */
const NEWER_FIELDS = new Set([
  // An optional argument at the end (7.2).
  'zrank arity',
  'zrevrank arity',
])

type Fields = Map<string, RespValue>

function fieldsOf(value: RespValue): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || !('map' in value)) {
    throw new Error(`no map: ${JSON.stringify(value)}`)
  }
  return new Map(value.map.map(([name, field]) => [name as string, field]))
}

function elementsOf(value: RespValue): RespValue[] {
  if (Array.isArray(value)) return value
  if (value !== null && typeof value === 'object' && 'set' in value) return value.set
  throw new Error(`no elements: ${JSON.stringify(value)}`)
}

function isNewer(since: RespValue | undefined): boolean {
  if (typeof since !== 'string') return false
  const parts = since.split('.').map(Number)
  for (const [i, ours] of REDIS_VERSION.entries()) {
    const part = parts[i] ?? 0
    if (part !== ours) return part > ours
  }
  return false
}

/** COMMAND INFO's element with everything by name, sets in one order, and prose left out. */
function comparableInfo(info: RespValue): Record<string, unknown> {
  const [, arity, flags, first, last, step, categories, tips, keySpecs] = elementsOf(info)
  const sorted = (value: RespValue | undefined) => ({
    set: elementsOf(value ?? [])
      .map((e) => JSON.stringify(e))
      .sort(),
  })
  return {
    arity,
    flags: sorted(flags),
    range: [first, last, step],
    categories: sorted(categories),
    tips: sorted(tips),
    keySpecs: elementsOf(keySpecs ?? []).map((keySpec) => withoutProse(keySpec)),
  }
}

function withoutProse(value: RespValue): unknown {
  if (Array.isArray(value)) return value.map(withoutProse)
  if (value !== null && typeof value === 'object') {
    if ('set' in value) return { set: value.set.map((element) => JSON.stringify(element)).sort() }
    if ('map' in value) {
      return value.map.map(([name, field]) => [name, PROSE_FIELDS.has(name as string) ? PROSE : withoutProse(field)])
    }
  }
  return value
}

/** COMMAND DOCS' value without prose, newer arguments, and the texts of the history. */
function comparableDocs(docs: RespValue): Record<string, unknown> {
  const comparable: Record<string, unknown> = {}
  for (const [name, field] of fieldsOf(docs)) {
    if (name === 'subcommands') continue
    if (name === 'arguments') comparable[name] = comparableArguments(field)
    else if (name === 'history') {
      const versions = elementsOf(field).map((entry) => elementsOf(entry)[0] as string)
      const shared = versions.filter((version) => !isNewer(version)).sort()
      if (shared.length > 0) comparable[name] = shared
    } else comparable[name] = PROSE_FIELDS.has(name) ? PROSE : withoutProse(field)
  }
  return comparable
}

function comparableArguments(value: RespValue): unknown[] {
  return elementsOf(value)
    .map(fieldsOf)
    .filter((fields) => !isNewer(fields.get('since')))
    .map((fields) =>
      [...fields].map(([name, field]) => {
        if (name === 'arguments') return [name, comparableArguments(field)]
        return [name, PROSE_FIELDS.has(name) ? PROSE : withoutProse(field)]
      }),
    )
}

/** Commands and subcommands by full name, from COMMAND INFO. */
function infoByName(all: RespValue): Map<string, RespValue> {
  const byName = new Map<string, RespValue>()
  for (const info of elementsOf(all)) {
    const fields = elementsOf(info)
    byName.set(fields[0] as string, info)
    for (const [name, subcommand] of infoByName(fields[9] ?? [])) byName.set(name, subcommand)
  }
  return byName
}

/** The same from COMMAND DOCS. */
function docsByName(all: RespValue): Map<string, RespValue> {
  const byName = new Map<string, RespValue>()
  for (const [name, docs] of fieldsOf(all)) {
    byName.set(name, docs)
    const subcommands = fieldsOf(docs).get('subcommands')
    if (subcommands !== undefined) for (const [full, sub] of docsByName(subcommands)) byName.set(full, sub)
  }
  return byName
}

/** What both servers have and describe differently, one line a field. */
function differences(
  ours: Map<string, RespValue>,
  theirs: Map<string, RespValue>,
  comparable: (value: RespValue) => Record<string, unknown>,
): string[] {
  const found: string[] = []
  for (const [name, value] of ours) {
    const other = theirs.get(name)
    if (other === undefined) continue
    const left = comparable(value)
    const right = comparable(other)
    for (const field of new Set([...Object.keys(left), ...Object.keys(right)])) {
      if (NEWER_FIELDS.has(`${name} ${field}`)) continue
      const [mine, redis] = [JSON.stringify(left[field]), JSON.stringify(right[field])]
      if (mine !== redis) found.push(`${name} ${field}: ours ${mine} redis ${redis}`)
    }
  }
  return found
}

async function inBothVersions(connection: RespConnection, subcommand: string): Promise<[RespValue, RespValue]> {
  await connection.call('HELLO', '2')
  const resp2 = await connection.call('COMMAND', subcommand)
  await connection.call('HELLO', '3')
  return [resp2, await connection.call('COMMAND', subcommand)]
}

describe.skipIf(!hasRedis7)('COMMAND beside Redis 7.0', () => {
  let oracle: RedisOracle
  let server: TestServer
  let redis: RespConnection
  let ours: RespConnection

  beforeAll(async () => {
    oracle = await startRedisOracle()
    server = await startServer({ shards: 1 })
    redis = await RespConnection.open(oracle.client.options.path as string)
    ours = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    redis?.close()
    ours?.close()
    await server?.stop()
    await oracle?.stop()
  })

  it('describes every common command alike in COMMAND INFO', async () => {
    const [, redisInfo] = await inBothVersions(redis, 'INFO')
    const [, ourInfo] = await inBothVersions(ours, 'INFO')
    expect(infoByName(ourInfo).size).toBeGreaterThan(100)
    expect(differences(infoByName(ourInfo), infoByName(redisInfo), comparableInfo)).toEqual([])
  })

  it('documents every common command alike in COMMAND DOCS', async () => {
    const [, redisDocs] = await inBothVersions(redis, 'DOCS')
    const [, ourDocs] = await inBothVersions(ours, 'DOCS')
    expect(differences(docsByName(ourDocs), docsByName(redisDocs), comparableDocs)).toEqual([])
  })

  it.each(['INFO', 'DOCS'])(
    'sends COMMAND %s in RESP2 with arrays for sets and maps, as Redis does',
    async (subcommand) => {
      for (const connection of [redis, ours]) {
        const [resp2, resp3] = await inBothVersions(connection, subcommand)
        expect(resp2).toEqual(asResp2(resp3))
      }
    },
  )

  it('explains every command', async () => {
    const [, ourDocs] = await inBothVersions(ours, 'DOCS')
    for (const [name, docs] of docsByName(ourDocs)) {
      for (const field of ['summary', 'since', 'group']) {
        expect(fieldsOf(docs).get(field), `${field} of ${name}`).toMatch(/./)
      }
    }
  })

  const keyQuestions: string[][] = [
    ['get', 'k'],
    ['mset', 'a', '1', 'b', '2'],
    ['set', 'k', 'v'],
    ['set', 'k', 'v', 'EX', '10', 'GET'],
    ['getex', 'k'],
    ['del', 'a', 'b', 'c'],
    ['rename', 'a', 'b'],
    ['copy', 'a', 'b', 'REPLACE'],
    ['lcs', 'a', 'b'],
    ['object', 'encoding', 'k'],
    ['memory', 'usage', 'k'],
    ['append', 'k', 'v'],
    ['ping', 'x'],
    ['get', 'k', 'more'],
    ['set', 'k'],
    ['nosuch', 'k'],
    ['config', 'get', 'x'],
    ['object', 'nosuch', 'x'],
    ['client', 'list', 'x'],
    ['watch', 'a', 'b'],
    ['mget', 'a', 'b'],
    ['scan', '0'],
    ['expire', 'k', '1'],
    ['touch', 'a'],
  ]

  it.each(keyQuestions)('COMMAND GETKEYS and GETKEYSANDFLAGS %s %s %s %s', async (...argv) => {
    for (const subcommand of ['GETKEYS', 'GETKEYSANDFLAGS']) {
      for (const version of ['2', '3']) {
        await redis.call('HELLO', version)
        await ours.call('HELLO', version)
        const expected = await redis.call('COMMAND', subcommand, ...argv)
        expect(await ours.call('COMMAND', subcommand, ...argv)).toEqual(expected)
      }
    }
  })
})
