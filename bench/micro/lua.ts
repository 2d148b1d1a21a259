/**
 * Runs of scripts by the engine alone: how many a second, with a host that answers each command with the same reply.
 *
 * Usage: node dist/bench/micro/lua.js
 */
import { ScriptEngine } from '../../src/lua/script-engine.js'
import { COMMAND_ALLOWED, type ScriptArguments, type ScriptHost } from '../../src/lua/script-host.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'

const RUNS = 500_000
const WARM_UP_RUNS = 300_000

const reply = Buffer.from('$5\r\nhello\r\n')

const host: ScriptHost = {
  replyBytes: reply,
  replyStart: 0,
  replyEnd: reply.length,
  call: () => {},
  checkPermission: () => COMMAND_ALLOWED,
  setPropagation: () => {},
  log: () => {},
  logLevelMin: 0,
  interrupt: () => false,
  interruptText: '',
}

const KEY = 'key:000000000123'
const ARGUMENT = '1000'

const scripts: readonly (readonly [name: string, body: string])[] = [
  ['nothing', 'return 1'],
  ['one command', "return redis.call('GET', KEYS[1])"],
  [
    'three commands',
    "redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])",
  ],
  [
    'a rate limiter',
    `local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1])) end
     return {n, string.format('%d', 1700000000000)}`,
  ],
]

const call: ScriptArguments = {
  bytes: Buffer.from(KEY + ARGUMENT),
  offsets: Int32Array.of(0, KEY.length),
  lengths: Int32Array.of(KEY.length, ARGUMENT.length),
  firstKey: 0,
  keyCount: 1,
  firstArgument: 1,
  argumentCount: 1,
}

const engine = new ScriptEngine(host)
const writer = new ReplyWriter()

function run(script: number, runs: number): void {
  for (let i = 0; i < runs; i++) {
    writer.attachScratch()
    engine.run(script, call, writer)
  }
}

for (const [name, body] of scripts) {
  const script = engine.compile(Buffer.from(body))
  if (typeof script !== 'number') throw new Error(Buffer.from(script).toString())
  run(script, WARM_UP_RUNS)
  const startedAtMs = performance.now()
  run(script, RUNS)
  const seconds = (performance.now() - startedAtMs) / 1000
  console.log(`${name.padEnd(20)} ${Math.round(RUNS / seconds).toLocaleString('en')} runs a second`)
}
