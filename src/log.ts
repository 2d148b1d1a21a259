/**
 * The log: pino with Redis's four levels, as lines in Redis's shape or as JSON.
 *
 * Main thread; shards report through it. Invariant: a line is written, not only queued, when the call returns, so that
 * the last words before a crash are not lost. The log is for rare events: nothing is logged for a command.
 *
 *   <pid>:M 22 Nov 2026 10:50:27.123 * message
 *         |                          `- level: . debug, - verbose, * notice, # warning
 *         `- role: M primary, S replica
 */

import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import type { Configuration } from './config/configuration.js'
import { REDIS_VERSION, shardkeepVersion } from './config/version.js'

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning'

/** `log.notice('text')`, or `log.warning({ err }, 'text')` for an error with its context. */
export type Logger = PinoLogger<LogLevel, true>

const LEVELS: Record<LogLevel, number> = { debug: 20, verbose: 25, notice: 30, warning: 40 }

const MARKS: Record<LogLevel, string> = { debug: '.', verbose: '-', notice: '*', warning: '#' }

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Fields of a JSON line that have a place of their own in a readable line. */
interface LogRecord {
  readonly level: LogLevel
  readonly time: string
  readonly pid: number
  readonly msg?: string
  readonly err?: { readonly message?: string }
  readonly [field: string]: unknown
}

/**
 * Makes the log that the configuration asks for; it follows `loglevel`. Throws when the log file cannot be opened.
 * From here on the configuration's own warnings go to it as well.
 */
export function createLogger(configuration: Configuration): Logger {
  const file = configuration.path('logfile')
  const destination = pino.destination({ dest: file === '' ? process.stdout.fd : file, append: true, sync: true })
  const isReadable = configuration.text('log-format') === 'readable'
  const role = () => (configuration.words('replicaof').length === 0 ? 'M' : 'S')
  const log: Logger = pino(
    {
      customLevels: LEVELS,
      useOnlyCustomLevels: true,
      level: pinoLevel(configuration),
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isReadable ? readableStream(destination, role) : destination,
  )
  configuration.onChange('loglevel', () => {
    log.level = pinoLevel(configuration)
  })
  configuration.reportWarnings((message) => log.warning(message))
  return log
}

function pinoLevel(configuration: Configuration): string {
  const level = configuration.text('loglevel')
  return level === 'nothing' ? 'silent' : level
}

/** Turns pino's JSON lines into readable ones. Parsing each again is cheap enough for a log of rare events. */
function readableStream(destination: DestinationStream, role: () => string): DestinationStream {
  return {
    write(json: string) {
      destination.write(formatReadable(JSON.parse(json) as LogRecord, role()))
    },
  }
}

/** One line in Redis's shape, with its line break. */
function formatReadable(record: LogRecord, role: string): string {
  const { level, time, pid, msg, err, ...rest } = record
  const reason = err?.message === undefined ? '' : `${msg === undefined ? '' : ': '}${err.message}`
  const fields = Object.entries(rest).map(([name, value]) => ` ${name}=${String(value)}`)
  return `${pid}:${role} ${formatTime(new Date(time))} ${MARKS[level]} ${msg ?? ''}${reason}${fields.join('')}\n`
}

/** Local time as Redis writes it, e.g. "22 Nov 2026 10:50:27.123". */
function formatTime(time: Date): string {
  const digits = (n: number, width: number) => String(n).padStart(width, '0')
  const date = `${digits(time.getDate(), 2)} ${MONTHS[time.getMonth()]} ${time.getFullYear()}`
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => digits(n, 2)).join(':')
  return `${date} ${clock}.${digits(time.getMilliseconds(), 3)}`
}

/**
 * Logs what a server says first: versions and configuration.
 */
export function logStart(log: Logger, configuration: Configuration): void {
  log.warning(`Shardkeep is starting: version ${shardkeepVersion()}, Node.js ${process.version}`)
  log.warning(`Redis version=${REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid=${process.pid}, just started`)
  if (configuration.isUntouched()) {
    log.warning('Warning: no config file specified, using the default config.')
  } else {
    log.warning('Configuration loaded')
  }
  const withoutEffect = configuration.settingsWithoutEffect()
  if (withoutEffect.length > 0) {
    log.warning(`These settings are accepted but have no effect yet: ${withoutEffect.join(', ')}`)
  }
}

/**
 * Logs mode, port and process once the port is taken.
 *
 * Programs that start servers wait for " PID: <pid>", so that it stands in the output with the logo and without.
 * As in Redis the logo is for terminals, and for `always-show-logo`.
 */
export function logBanner(log: Logger, configuration: Configuration): void {
  const port = configuration.number('port') || configuration.number('tls-port')
  const mode = configuration.flag('cluster-enabled') ? 'cluster' : 'standalone'
  const onTerminal = configuration.text('logfile') === '' && process.stdout.isTTY === true
  const isReadable = configuration.text('log-format') === 'readable'
  if (isReadable && (onTerminal || configuration.flag('always-show-logo'))) {
    log.notice(`\n${logo(mode, port)}`)
  } else {
    log.notice(`Running mode=${mode}, port=${port}. PID: ${process.pid}`)
  }
}

function logo(mode: string, port: number): string {
  return `
      /\\    /\\    /\\
     /  \\  /  \\  /  \\      Shardkeep ${shardkeepVersion()}
    /    \\/    \\/    \\     As Redis ${REDIS_VERSION}, 64 bit
    \\    /\\    /\\    /     Running in ${mode} mode
     \\  /  \\  /  \\  /      Port: ${port}
      \\/    \\/    \\/       PID: ${process.pid}
`
}
