/**
 * Settings of the process itself: running, logging, monitoring of slow commands, shutdown.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { directory, oomScoreValues, percentiles } from '../special-types.js'
import {
  count,
  INT_MAX,
  INT_MIN,
  integer,
  LONG_MAX,
  oneOf,
  optionalPath,
  optionalText,
  someOf,
  string,
  yesNo,
} from '../value-types.js'

const fixed = { mutable: false } as const
const notApplicable = { effect: 'not-applicable' } as const

const HZ_MIN = 1n
const HZ_MAX = 500n

const KNOWN_TITLE_VARIABLES = new Set([
  'title',
  'listen-addr',
  'server-mode',
  'port',
  'tls-port',
  'config-file',
  'unixsocket',
])

/** Variables that can be empty: a title made of nothing else would be empty. */
const EMPTY_TITLE_VARIABLES = new Set(['title', 'server-mode', 'unixsocket'])

function checkTitleTemplate(template: string): string | undefined {
  const reason = 'template format is invalid or contains unknown variables'
  let filled = ''
  let rest = template
  for (;;) {
    const brace = rest.indexOf('{')
    if (brace < 0) break
    filled += rest.slice(0, brace)
    if (rest[brace + 1] === '{') {
      filled += '{'
      rest = rest.slice(brace + 2)
      continue
    }
    const end = rest.indexOf('}', brace)
    const variable = end < 0 ? '' : rest.slice(brace + 1, end)
    if (!KNOWN_TITLE_VARIABLES.has(variable)) return reason
    if (!EMPTY_TITLE_VARIABLES.has(variable)) filled += variable
    rest = rest.slice(end + 1)
  }
  return (filled + rest).replace(/^ +| +$/g, '') === '' ? reason : undefined
}

/** What a signal that ends the server may ask for, in Redis's order. */
const shutdownOptions = someOf('default', ['save', 'nosave', 'now', 'force'], (chosen) =>
  chosen.includes('save') && chosen.includes('nosave')
    ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
    : undefined,
)

const permission = oneOf(['no', 'yes', 'local'])

export const generalSettings: SettingArea = {
  title: 'Process, log and monitoring',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('daemonize', yesNo, false, 'Run in the background.', fixed),
    setting('supervised', oneOf(['upstart', 'systemd', 'auto', 'no']), 'no', 'The supervisor to report readiness to.', fixed),
    setting('pidfile', optionalPath, '', 'File that holds the process id while the server runs.', fixed),
    setting('dir', directory, '', 'Working folder: data files and all relative paths. Default: where the server was started.', {
      guarded: true,
      deniedWhileLoading: true,
      effect: 'active',
    }),
    setting('databases', integer(1n, INT_MAX), 16n, 'Number of databases that SELECT can choose from.', { ...fixed, effect: 'active' }),
    setting('loglevel', oneOf(['debug', 'verbose', 'notice', 'warning', 'nothing']), 'notice', 'The least level that is logged.', {
      effect: 'active',
    }),
    setting('logfile', string({ description: 'path' }), '', 'File to append the log to; empty for standard output.', {
      mutable: false,
      effect: 'active',
    }),
    setting('syslog-enabled', yesNo, false, 'Also log to syslog.', fixed),
    setting('syslog-ident', string(), 'redis', 'Name in syslog.', fixed),
    setting(
      'syslog-facility',
      oneOf(['user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7']),
      'local0',
      'Facility in syslog.',
      fixed,
    ),
    setting('hide-user-data-from-log', yesNo, false, 'Keep keys, values and commands of clients out of the log.'),
    setting('always-show-logo', yesNo, false, 'Log the start-up logo also where standard output is not a terminal.', {
      mutable: false,
      effect: 'active',
    }),
    setting('set-proc-title', yesNo, true, 'Show the address and mode in the process title.', fixed),
    setting(
      'proc-title-template',
      string({ check: checkTitleTemplate }),
      '{title} {listen-addr} {server-mode}',
      'The process title; names in braces are replaced.',
    ),
    setting('hz', integer(0n, INT_MAX, { clamp: [HZ_MIN, HZ_MAX] }), 10n, 'Runs of the periodic work in a second, 1 to 500.', { effect: 'active' }),
    setting('dynamic-hz', yesNo, true, 'Raise the frequency of the periodic work with the number of clients.'),
    setting('slowlog-log-slower-than', integer(-1n, LONG_MAX), 10000n, 'Microseconds from which a command enters the slow log; -1 for never.', { effect: 'active' }),
    setting('slowlog-max-len', integer(0n, LONG_MAX), 128n, 'Entries that the slow log keeps.', { effect: 'active' }),
    setting('latency-monitor-threshold', integer(0n, LONG_MAX), 0n, 'Milliseconds from which the latency monitor records an event; 0 for never.', { effect: 'active' }),
    setting('latency-tracking', yesNo, true, 'Keep a histogram of the latency of each command.', { effect: 'active' }),
    setting('latency-tracking-info-percentiles', percentiles, ['50', '99', '99.9'], 'Percentiles that INFO latencystats shows.', { effect: 'active' }),
    setting('busy-reply-threshold', integer(0n, LONG_MAX), 5000n, 'Milliseconds after which a running script lets other clients be answered with BUSY.', {
      aliases: ['lua-time-limit'],
      effect: 'active',
    }),
    setting('shutdown-timeout', count, 10n, 'Seconds that a shutdown waits for replicas that lag.'),
    setting('shutdown-on-sigint', shutdownOptions, [], 'How SIGINT ends the server.', { effect: 'active' }),
    setting('shutdown-on-sigterm', shutdownOptions, [], 'How SIGTERM ends the server.', { effect: 'active' }),
    setting('enable-protected-configs', permission, 'no', 'Who may set protected settings with CONFIG SET.', {
      mutable: false,
      effect: 'active',
    }),
    setting('enable-debug-command', permission, 'no', 'Who may use DEBUG.', { ...fixed, effect: 'active' }),
    setting('enable-module-command', permission, 'no', 'Who may use MODULE.', fixed),
    setting('locale-collate', string(), '', 'Locale in which SORT ALPHA compares; empty for that of the environment.'),
    setting('ignore-warnings', string(), '', 'Start-up warnings that are not to stop the server.'),
    setting('oom-score-adj', oneOf(['no', 'yes', 'relative', 'absolute'], { relative: 'yes' }), 'no', 'Set how readily the kernel kills the process when memory runs out.'),
    setting('oom-score-adj-values', oomScoreValues, ['0', '200', '800'], 'The values for oom-score-adj: primary, replica, background process.'),
    setting('disable-thp', yesNo, true, 'Turn transparent huge pages off for the process.', { ...fixed, ...notApplicable }),
    setting('server-cpulist', optionalText, '', 'CPUs for the main thread.', { ...fixed, aliases: ['server_cpulist'] }),
    setting('bio-cpulist', optionalText, '', 'CPUs for background threads.', { ...fixed, aliases: ['bio_cpulist'] }),
    setting('aof-rewrite-cpulist', optionalText, '', 'CPUs for compacting the append-only file.', { ...fixed, aliases: ['aof_rewrite_cpulist'] }),
    setting('bgsave-cpulist', optionalText, '', 'CPUs for writing snapshots.', { ...fixed, aliases: ['bgsave_cpulist'] }),
    setting('crash-log-enabled', yesNo, true, 'Write a crash report on a fatal signal.', notApplicable),
    setting('crash-memcheck-enabled', yesNo, true, 'Test the memory after a crash.', notApplicable),
    setting('use-exit-on-panic', yesNo, false, 'Exit instead of aborting on a broken invariant.', { hidden: true, ...notApplicable }),
    setting('watchdog-period', count, 0n, 'Period of the software watchdog.', { hidden: true, ...notApplicable }),
    setting('lua-enable-deprecated-api', yesNo, false, 'Give scripts the part of the Lua library that Redis 7 took away.', { ...fixed, effect: 'active', hidden: true }),
    setting('key-load-delay', integer(INT_MIN, INT_MAX), 0n, 'Delay for each key while loading, for tests.', { effect: 'active', hidden: true }),
    setting('req-res-logfile', optionalPath, '', 'Record of all requests and replies, for tests.', { ...fixed, hidden: true }),
  ],
}
