/**
 * Child processes that never outlive the tool that started them.
 *
 * Runs in the main thread of the benchmark and test tools. Invariant: every process started here is ended by its
 * pid (or by the pid of the process group that was made for it), on a normal end, an exception and a signal alike.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** A file that takes both standard streams. Without it they are pipes of the returned process. */
  readonly logPath?: string
  /** Puts the child and everything it starts in a process group of its own, which is then ended as a whole. */
  readonly ownGroup?: boolean
}

interface Child {
  readonly process: ChildProcess
  readonly ownGroup: boolean
}

const children = new Map<number, Child>()
let guarded = false

/** Starts `command` and sees to it that it ends with this process at the latest. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): ChildProcess {
  guardExit()
  const log = options.logPath === undefined ? undefined : openSync(options.logPath, 'a')
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: options.ownGroup === true,
    stdio: ['ignore', log ?? 'pipe', log ?? 'pipe'],
  })
  if (log !== undefined) closeSync(log)
  const { pid } = child
  if (pid !== undefined) {
    children.set(pid, { process: child, ownGroup: options.ownGroup === true })
    child.once('exit', () => {
      // What the leader of a group left behind would stay for ever: nobody else knows of it.
      if (options.ownGroup === true) signal(pid, true, 'SIGKILL')
      children.delete(pid)
    })
  }
  return child
}

/** Ends `child` politely, and after `graceMs` for good. Resolves when it is gone; at once if it already was. */
export async function stopChild(child: ChildProcess, graceMs = 5_000): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ownGroup = children.get(child.pid)?.ownGroup === true
  const pid = child.pid
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  signal(pid, ownGroup, 'SIGTERM')
  const timer = setTimeout(() => signal(pid, ownGroup, 'SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
}

function signal(pid: number, ownGroup: boolean, name: NodeJS.Signals): void {
  try {
    process.kill(ownGroup ? -pid : pid, name)
  } catch (error) {
    // ESRCH only says that it ended first, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function guardExit(): void {
  if (guarded) return
  guarded = true
  process.on('exit', () => {
    for (const [pid, child] of children) signal(pid, child.ownGroup, 'SIGKILL')
  })
  // Without a handler these end the process before its exit listeners run. 128 + number is the shell's convention.
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  process.on('SIGHUP', () => process.exit(129))
}
