/**
 * DEBUG: what tests need to look into the server and to drive it into corners.
 *
 * One command on the main thread, as in Redis: its subcommands have no entries of their own, and the guard of
 * `enable-debug-command` stands before all of them. What concerns keys is asked of the shards (debug-shard.ts).
 */
import { assert } from '../base/assert.js'
import { asciiBytes } from '../base/bytes.js'
import { crashReport } from '../base/crash-report.js'
import { globMatches } from '../base/glob.js'
import { parseMemorySize } from '../base/memory-size.js'
import { encodeError, errors, subcommandSyntax } from '../resp/errors.js'
import { bulkBody, isError } from '../resp/reply-reader.js'
import { rewriteConfiguration } from './config.js'
import { populate } from './debug-populate.js'
import { writeProtocolSample } from './debug-protocol.js'
import { reload } from './debug-reload.js'
import {
  debugDigest,
  debugDigestValue,
  debugObject,
  debugSetActiveExpire,
  debugSetSkipChecksumValidation,
  debugTableStatistics,
  debugValueTableStatistics,
} from './debug-shard.js'
import { combineDigests, hexadecimal } from './digest.js'
import { writeHelp } from './help-reply.js'
import { shardJournalDelay } from './journal.js'
import type { DeferredReply, MainCall } from './main-call.js'
import type { SessionView } from './server-services.js'
import type { CommandSpec } from './spec.js'

const NOT_ALLOWED = encodeError(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
)
const OUT_OF_RANGE_DATABASE = encodeError('ERR Out of range database')
const BAD_PACKED_THRESHOLD = encodeError('ERR argument must be a memory value bigger than 1 and smaller than 4gb')

/** A list element above 4 GiB less this could not be stored in one node with its header, in Redis. */
const PACKED_THRESHOLD_BYTES_MAX = 2 ** 32 - 2 ** 20

/** The place of the command's name in what is sent to shards, which does not travel. */
const NO_NAME = new Uint8Array(0)

/** Whether the client's address allows what `local` allows. Redis takes just these two addresses and Unix sockets. */
function isLocal(session: SessionView): boolean {
  if (session.isUnixSocket) return true
  const host = session.address.slice(0, session.address.lastIndexOf(':'))
  return host === '127.0.0.1' || host === '[::1]' || host === '::1'
}

function debug(call: MainCall): void {
  const allowed = call.server.config.text('enable-debug-command')
  if (allowed !== 'yes' && !(allowed === 'local' && isLocal(call.session))) {
    call.reply.error(NOT_ALLOWED)
    return
  }
  const subcommand = subcommands.get(call.word(1))
  if (subcommand === undefined || call.argc < subcommand.least || call.argc > subcommand.most) {
    call.reply.error(subcommandSyntax('debug', call.text(1)))
    return
  }
  subcommand.run(call)
}

/** Numbers of DEBUG's arguments are read leniently, as C's atoi and strtod do: what is no number is 0. */
function lenientNumber(text: string): number {
  const n = Number.parseFloat(text)
  return Number.isFinite(n) ? n : 0
}

function sleep(call: MainCall): void {
  const ms = lenientNumber(call.text(2)) * 1000
  if (ms > 0) call.server.sleepMs(ms)
  call.reply.ok()
}

function crash(call: MainCall, reason: string, signal: string, end: () => void): void {
  call.server.log('warning', reason)
  call.server.log('warning', crashReport(signal))
  end()
}

function segfault(call: MainCall): void {
  crash(call, 'DEBUG SEGFAULT: ending with SIGSEGV', 'SIGSEGV', () => process.kill(process.pid, 'SIGSEGV'))
}

function panic(call: MainCall): void {
  const nowS = Math.floor(call.server.clock.nowMs() / 1000)
  crash(call, `DEBUG PANIC called at Unix time ${nowS}`, 'SIGABRT', () => process.abort())
}

function log(call: MainCall): void {
  call.server.log('warning', `DEBUG LOG: ${call.text(2)}`)
  call.reply.ok()
}

/** The text is the whole error, its code included, and does not count as an error of this server's. */
function error(call: MainCall): void {
  call.reply.encoded(encodeError(call.text(2)))
}

function protocol(call: MainCall): void {
  writeProtocolSample(call.reply, call.word(2))
}

function rewriteWholeConfiguration(call: MainCall): void {
  rewriteConfiguration(call, true)
}

function changeReplicationId(call: MainCall): void {
  call.server.changeReplicationId()
  call.reply.ok()
}

function pauseCron(call: MainCall): void {
  call.server.pausePeriodicWork(Math.trunc(lenientNumber(call.text(2))) !== 0)
  call.reply.ok()
}

/** `DEBUG STRINGMATCH-LEN pattern string`: 1 if the pattern matches the whole string. */
function stringMatch(call: MainCall): void {
  const pattern = call.copy(2)
  const text = call.copy(3)
  call.reply.integer(globMatches(pattern, 0, pattern.length, text, 0, text.length, false) ? 1 : 0)
}

/** Lists here have no such threshold; the value is checked because tests of Redis set it. */
function quicklistPackedThreshold(call: MainCall): void {
  const bytes = parseMemorySize(call.text(2))
  if (bytes === undefined || bytes > PACKED_THRESHOLD_BYTES_MAX) call.reply.error(BAD_PACKED_THRESHOLD)
  else call.reply.ok()
}

/** The buffers that this tunes in Redis are not held for each client here; the arguments are checked. */
function replyBuffer(call: MainCall): void {
  const [what, value] = [call.word(2), call.word(3)]
  if (what === 'peak-reset-time') {
    if (value === 'never' || value === 'reset' || call.int64(3) !== undefined) call.reply.ok()
    else call.reply.error(errors.notAnInteger)
  } else if (what === 'resizing') call.reply.ok()
  else call.reply.error(subcommandSyntax('debug', call.text(1)))
}

/** For switches of mechanisms that this server does not have: turning them on or off leaves nothing to do. */
/** As with Redis's `atoi`, what is no number switches it off. */
function disableDenyScripts(call: MainCall): void {
  call.server.scripts.allowsEveryCommand = (Number.parseInt(call.text(2), 10) || 0) !== 0
  call.reply.ok()
}

function acceptSwitch(call: MainCall): void {
  call.reply.ok()
}

function loadAppendLog(call: MainCall): void {
  const deferred = call.defer()
  call.server.appendLog.reload(() => {
    deferred.reply.ok()
    deferred.send()
  })
}

/** The time is in µs. */
function delayLog(call: MainCall): void {
  const us = asciiBytes(String(Math.max(0, Math.trunc(lenientNumber(call.text(2))))))
  const deferred = call.defer()
  call.server.askShards(shardJournalDelay, [NO_NAME, us], call.session.database, () => {
    deferred.reply.ok()
    deferred.send()
  })
}

function needsReplication(call: MainCall): void {
  call.reply.errorText(`ERR DEBUG ${call.text(1).toUpperCase()} needs replication, which this server does not have`)
}

/** Hands a shard's reply, a simple string, a status or an error, on to the client as it is. */
function passOn(deferred: DeferredReply, reply: Uint8Array): void {
  if (isError(reply)) deferred.reply.error(reply)
  else deferred.reply.encoded(reply)
  deferred.send()
}

function bodyOf(reply: Uint8Array): Uint8Array {
  const body = bulkBody(reply, 0)
  assert(body !== undefined, 'a shard answered DEBUG with something else than a bulk string')
  return body
}

function object(call: MainCall): void {
  const key = call.copy(2)
  const deferred = call.defer()
  call.server.askShardOf(key, debugObject, [NO_NAME, key], call.session.database, (reply) => passOn(deferred, reply))
}

function digest(call: MainCall): void {
  const deferred = call.defer()
  call.server.askShards(debugDigest, [NO_NAME], call.session.database, (replies) => {
    deferred.reply.simple(hexadecimal(combineDigests(replies.map(bodyOf))))
    deferred.send()
  })
}

function digestValue(call: MainCall): void {
  const { server } = call
  const { database } = call.session
  const keys: Uint8Array[] = []
  for (let i = 2; i < call.argc; i++) keys.push(call.copy(i))
  const deferred = call.defer()
  const digests = new Array<Uint8Array>(keys.length)
  let missing = keys.length
  const answer = (): void => {
    deferred.reply.array(digests.length)
    for (const reply of digests) deferred.reply.encoded(reply)
    deferred.send()
  }
  if (missing === 0) answer()
  keys.forEach((key, i) => {
    server.askShardOf(key, debugDigestValue, [NO_NAME, key], database, (reply) => {
      digests[i] = reply
      if (--missing === 0) answer()
    })
  })
}

/** For a switch that shards have: 0, or anything else. */
function setOnShards(command: CommandSpec): (call: MainCall) => void {
  return (call) => {
    const value = asciiBytes(Math.trunc(lenientNumber(call.text(2))) === 0 ? '0' : '1')
    const deferred = call.defer()
    call.server.askShards(command, [NO_NAME, value], call.session.database, () => {
      deferred.reply.ok()
      deferred.send()
    })
  }
}

function tableStatistics(call: MainCall): void {
  const asked = call.int64(2)
  if (asked === undefined) {
    call.reply.error(errors.notAnInteger)
    return
  }
  if (asked < 0n || asked >= BigInt(call.server.config.number('databases'))) {
    call.reply.error(OUT_OF_RANGE_DATABASE)
    return
  }
  const deferred = call.defer()
  call.server.askShards(debugTableStatistics, [NO_NAME], Number(asked), (replies) => {
    const parts = replies.map((reply, shard) => `[Shard ${shard}]\n${Buffer.from(bodyOf(reply)).toString('latin1')}`)
    deferred.reply.verbatim(parts.join(''))
    deferred.send()
  })
}

function valueTableStatistics(call: MainCall): void {
  const key = call.copy(2)
  const deferred = call.defer()
  call.server.askShardOf(key, debugValueTableStatistics, [NO_NAME, key], call.session.database, (reply) =>
    passOn(deferred, reply),
  )
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'debug', [
    'AOF-FLUSH-SLEEP <microseconds>',
    '    Have shards wait so long before they write to the append-only log.',
    'CHANGE-REPL-ID',
    '    Take a new replication id.',
    'CONFIG-REWRITE-FORCE-ALL',
    '    Rewrite the configuration file with every setting, defaults included.',
    'DIGEST',
    '    Return a digest of the whole data set, in hexadecimal.',
    'DIGEST-VALUE <key> [<key> ...]',
    '    Return a digest of the value of each key, in hexadecimal.',
    'ERROR <string>',
    '    Return <string> as an error.',
    'HTSTATS <dbid>',
    '    Return figures of the tables of a database.',
    'HTSTATS-KEY <key>',
    "    Return figures of the table inside <key>'s value.",
    'LOADAOF',
    '    Remove all keys, and load the append-only log.',
    'LOG <message>',
    "    Write <message> to the server's log.",
    'OBJECT <key>',
    "    Return how <key>'s value is stored.",
    'PANIC',
    '    End the server as a broken invariant would.',
    'PAUSE-CRON <0|1>',
    '    Stop or restart periodic work.',
    'POPULATE <count> [<prefix>] [<size>]',
    '    Make <count> string keys named <prefix>:<number>, of <size> bytes.',
    'PROTOCOL <type>',
    '    Return a sample of a reply type: string, integer, double, bignum, null, array,',
    '    set, map, attrib, push, verbatim, true or false.',
    'RELOAD [MERGE] [NOFLUSH] [NOSAVE]',
    '    Encode all keys as RDB, remove them (unless NOFLUSH) and make them anew of that;',
    '    with MERGE over those that are there, with NOSAVE of the RDB file.',
    'SEGFAULT',
    '    End the server with SIGSEGV.',
    'SET-ACTIVE-EXPIRE <0|1>',
    '    Stop (0) or restart (1) the removal of expired keys that nobody asks for.',
    'SET-SKIP-CHECKSUM-VALIDATION <0|1>',
    '    Have RESTORE take (1) payloads whose checksum is wrong.',
    'SLEEP <seconds>',
    '    Stop the server for <seconds>, which may have a fraction.',
    'STRINGMATCH-LEN <pattern> <string>',
    '    Return 1 if the glob <pattern> matches <string>, else 0.',
    'CLIENT-ENFORCE-REPLY-LIST <0|1>, DICT-RESIZING <0|1>, LEAK <string>,',
    'QUICKLIST-PACKED-THRESHOLD <size>, REPLYBUFFER <setting> <value>,',
    'SET-DISABLE-DENY-SCRIPTS <0|1>',
    '    Accepted for the sake of tests; they concern mechanisms that are not here.',
  ])
}

interface Subcommand {
  /** Arguments, counted as in an arity: DEBUG and the subcommand's name are two. */
  readonly least: number
  readonly most: number
  readonly run: (call: MainCall) => void
}

function takes(argc: number, run: (call: MainCall) => void): Subcommand {
  return { least: argc, most: argc, run }
}

function takesAtLeast(argc: number, run: (call: MainCall) => void): Subcommand {
  return { least: argc, most: Number.MAX_SAFE_INTEGER, run }
}

const subcommands: ReadonlyMap<string, Subcommand> = new Map([
  ['aof-flush-sleep', takes(3, delayLog)],
  ['change-repl-id', takes(2, changeReplicationId)],
  ['config-rewrite-force-all', takes(2, rewriteWholeConfiguration)],
  ['client-enforce-reply-list', takes(3, acceptSwitch)],
  ['dict-resizing', takes(3, acceptSwitch)],
  ['digest', takes(2, digest)],
  ['digest-value', takesAtLeast(2, digestValue)],
  ['error', takes(3, error)],
  ['help', takes(2, help)],
  ['htstats', takes(3, tableStatistics)],
  ['htstats-key', takes(3, valueTableStatistics)],
  ['leak', takes(3, acceptSwitch)],
  ['loadaof', takesAtLeast(2, loadAppendLog)],
  ['log', takes(3, log)],
  ['object', takes(3, object)],
  ['panic', takesAtLeast(2, panic)],
  ['pause-cron', takes(3, pauseCron)],
  ['populate', { least: 3, most: 5, run: populate }],
  ['protocol', takes(3, protocol)],
  ['quicklist-packed-threshold', takes(3, quicklistPackedThreshold)],
  ['reload', takesAtLeast(2, reload)],
  ['replicate', takesAtLeast(3, needsReplication)],
  ['replybuffer', takes(4, replyBuffer)],
  ['segfault', takesAtLeast(2, segfault)],
  ['set-active-expire', takes(3, setOnShards(debugSetActiveExpire))],
  ['set-skip-checksum-validation', takes(3, setOnShards(debugSetSkipChecksumValidation))],
  ['set-disable-deny-scripts', takes(3, disableDenyScripts)],
  ['sleep', takes(3, sleep)],
  ['stringmatch-len', takes(4, stringMatch)],
])

export const debugCommands: readonly CommandSpec[] = [
  {
    name: 'debug',
    arity: -2,
    flags: ['admin', 'noscript', 'loading', 'stale', 'protected'],
    group: 'server',
    since: '1.0.0',
    summary: 'Container of the commands for debugging and testing the server.',
    complexity: 'Depends on subcommand.',
    docFlags: ['syscmd'],
    looksAtKeyspace: true,
    route: { on: 'main' },
    main: debug,
  },
]
