/**
 * How far a tool has come: a bar on a terminal, else a plain line now and then. On standard error, so that output stays clean.
 */
import { type Options, SingleBar } from 'cli-progress'

/** Logs that nobody watches need no more. */
const LINE_EVERY_MS = 5000
const BYTES_PER_MIB = 1024 * 1024

export interface Progress {
  /** @param total what `done` will be at the end; 0 when that is not known */
  update(done: number, total: number): void
  /** The end; `message` says what came of it. */
  end(message: string): void
}

function shown(amount: number, isBytes: boolean): string {
  return isBytes ? `${(amount / BYTES_PER_MIB).toFixed(1)} MiB` : String(amount)
}

/** @param what is being done, such as "Reading" */
export function startProgress(
  what: string,
  unit: 'bytes' | 'keys',
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  return stream.isTTY ? barProgress(what, unit, stream) : lineProgress(what, unit, stream)
}

function barProgress(what: string, unit: 'bytes' | 'keys', stream: NodeJS.WriteStream): Progress {
  const isBytes = unit === 'bytes'
  const options: Options = {
    format: `${what} {bar} {percentage}% | {amount}`,
    hideCursor: true,
    stream,
    clearOnComplete: true,
  }
  const bar = new SingleBar(options)
  let isStarted = false
  return {
    update(done, total) {
      const amount = { amount: `${shown(done, isBytes)}${isBytes ? '' : ` ${unit}`}` }
      // Without a total the bar would always be full.
      if (!isStarted) bar.start(total || 1, 0, amount)
      isStarted = true
      bar.setTotal(total || done + 1)
      bar.update(done, amount)
    },
    end(message) {
      if (isStarted) bar.stop()
      stream.write(`${message}\n`)
    },
  }
}

function lineProgress(what: string, unit: 'bytes' | 'keys', stream: NodeJS.WriteStream): Progress {
  const isBytes = unit === 'bytes'
  let toldAtMs = performance.now()
  return {
    update(done, total) {
      if (performance.now() - toldAtMs < LINE_EVERY_MS) return
      toldAtMs = performance.now()
      const share = total > 0 ? ` of ${shown(total, isBytes)} (${Math.floor((done / total) * 100)}%)` : ''
      stream.write(`${what}: ${shown(done, isBytes)}${share}${isBytes ? '' : ` ${unit}`}\n`)
    },
    end: (message) => void stream.write(`${message}\n`),
  }
}
