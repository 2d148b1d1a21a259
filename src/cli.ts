#!/usr/bin/env node
/**
 * The program: `shardkeep [/path/to/redis.conf | -] [--name value ...]`.
 *
 * Main thread. It reads the configuration, opens the log, starts the server and ends it on SIGINT and SIGTERM. Faults
 * that a user can mend are one line on standard error and exit status 1; broken invariants keep their stack.
 */

import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { crashReport } from './base/crash-report.js'
import { parseCommandLine } from './config/command-line.js'
import type { Configuration } from './config/configuration.js'
import { loadConfiguration } from './config/redis-conf.js'
import { REDIS_VERSION, shardkeepVersion } from './config/version.js'
import { inlineMore } from './inlining.js'
import { loadWithinDescriptorLimit } from './load-modules.js'
import { createLogger, type Logger, logStart } from './log.js'
import type { RunningServer } from './main.js'
import { shutdownOptionsIn } from './shutdown-options.js'
import { addBackupCommand } from './tools/backup-tool.js'
import { addCheckCommand } from './tools/check-tool.js'
import { addExportCommand } from './tools/export-tool.js'
import { addImportCommand } from './tools/import-tool.js'
import { addExportAofCommand, addLogCommand } from './tools/log-tool.js'
import { addRestoreCommand } from './tools/restore-tool.js'

const STANDARD_INPUT = 0

/** Options that Redis has as first argument and that are not settings. */
const UNSUPPORTED_MODES = new Map([
  ['--test-memory', 'testing the memory is not supported: use a tool such as memtester'],
  ['--check-system', 'checking the system is not supported'],
  ['--sentinel', 'Sentinel mode is not supported: use redis-sentinel, which can watch this server'],
])

class UnsupportedModeError extends Error {
  readonly code = 'UNSUPPORTED_MODE'

  constructor(option: string) {
    super(`shardkeep: ${option}: ${UNSUPPORTED_MODES.get(option)}`)
    this.name = 'UnsupportedModeError'
  }
}

const HELP_DETAILS = `
The configuration is that of Redis: a file, options named after its settings, or both.
Options come last and win. A \`-\` reads further settings from standard input.

Examples:
  shardkeep
  shardkeep /etc/redis/redis.conf
  shardkeep --port 7777 --appendonly yes
  shardkeep /etc/redis/redis.conf --loglevel verbose
  echo 'maxmemory 128mb' | shardkeep -`

/**
 * The program with its subcommands. Starting the server is not one of them: its options are settings, which only the
 * reader of configurations understands.
 */
function createProgram(): Command {
  const program = new Command('shardkeep')
    .description('A Redis-compatible, multi-core, in-memory data server')
    .usage('[/path/to/redis.conf] [--name value ...] [-]')
    .version(versionText(), '-v, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', HELP_DETAILS)
  addBackupCommand(program)
  addRestoreCommand(program)
  addExportCommand(program)
  addImportCommand(program)
  addCheckCommand(program)
  addLogCommand(program)
  addExportAofCommand(program)
  return program
}

/** The first line has the form of `redis-server --version`, because scripts read the version from it. */
function versionText(): string {
  return (
    `Redis server v=${REDIS_VERSION} sha=00000000:0 malloc=off-heap bits=64 build=0\n` +
    `Shardkeep v=${shardkeepVersion()} Node.js ${process.version}`
  )
}

/** True when the first argument is for commander: help, version or a subcommand. */
function isForProgram(program: Command, first: string | undefined): boolean {
  if (first === undefined) return false
  if (['-h', '--help', '-v', '--version'].includes(first)) return true
  return program.commands.some((command) => command.name() === first)
}

async function main(argv: readonly string[]): Promise<void> {
  const program = createProgram()
  if (isForProgram(program, argv[0])) {
    await program.parseAsync(argv, { from: 'user' })
    return
  }
  // Behind a file and an option such a word may be a value.
  const unsupported = argv.slice(0, 2).find((argument) => UNSUPPORTED_MODES.has(argument))
  if (unsupported !== undefined) throw new UnsupportedModeError(unsupported)
  await serve(argv)
}

/** Runs the server until a signal ends it. */
async function serve(argv: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(argv)
  const configuration = loadConfiguration({
    file: commandLine.file,
    standardInput: commandLine.readsStandardInput ? readFileSync(STANDARD_INPUT, 'latin1') : '',
    options: commandLine.options,
  })
  const log = createLogger(configuration)
  logStart(log, configuration)
  try {
    const server = await start(configuration, log)
    endOnSignals(server, configuration, log)
    await server.ready
  } catch (error) {
    if (!isOperational(error)) throw error
    log.warning(error.message)
    // Whoever looks at the terminal should see why there is no server; without a log file that is where the log went.
    if (configuration.text('logfile') !== '') process.stderr.write(`${error.message}\n`)
    // Threads that were started before the fault would keep the process alive.
    process.exit(1)
  }
}

/** The server proper is loaded here, so that help, version and configuration faults do not wait for it. */
async function start(configuration: Configuration, log: Logger): Promise<RunningServer> {
  inlineMore()
  await loadWithinDescriptorLimit(configuration.shardCount())
  const { startServer } = await import('./main.js')
  return startServer(configuration, log)
}

/** The first signal lets the server end in order; a second SIGINT ends it at once, as with Redis. */
function endOnSignals(server: RunningServer, configuration: Configuration, log: Logger): void {
  let ending = false
  const end = (signal: NodeJS.Signals) => {
    if (ending) {
      if (signal === 'SIGINT') {
        log.warning('You insist... exiting now.')
        process.exit(1)
      }
      return
    }
    ending = true
    log.warning(`Received ${signal} scheduling shutdown...`)
    const words =
      signal === 'SIGINT' ? configuration.words('shutdown-on-sigint') : configuration.words('shutdown-on-sigterm')
    server.shutdown(shutdownOptionsIn(words)).then(
      (isEnded) => {
        if (isEnded) process.exit(0)
        log.warning('Errors trying to shut down the server. Check the logs for more information.')
        ending = false
      },
      (error: unknown) => {
        log.warning({ err: error }, 'The shutdown failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  process.once('SIGABRT', () => {
    log.warning(crashReport('SIGABRT'))
    process.abort()
  })
}

/**
 * True for a fault of the surroundings, which has a stable code. A broken invariant has one too, and so have Node.js's
 * errors about wrong arguments (`ERR_...`), but those are our own.
 */
function isOperational(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return error.code !== 'INVARIANT_BROKEN' && !error.code.startsWith('ERR_')
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!isOperational(error)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
