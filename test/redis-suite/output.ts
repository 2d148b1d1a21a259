/**
 * Reads what the Tcl suite prints.
 *
 * Pure. The suite prints one line a test (`[ok]: name (3 ms)`, `[err]: name in tests/unit/x.tcl` and the reason on the
 * lines behind it, `[skip]: name`, `[ignore]: why`), and repeats its failures after "The End", which is not read.
 */

export type Outcome = 'passed' | 'failed' | 'skipped'

export interface TestResult {
  /** The test's name; the second test of the same name in one unit has ` [2]` behind it, and so on. */
  readonly name: string
  readonly outcome: Outcome
  /** Why it failed, on one line. */
  readonly message: string
}

export interface UnitOutput {
  readonly results: readonly TestResult[]
  /** Tests and groups that the suite itself leaves out, by tag. */
  readonly ignored: number
  /** Whether the suite got to the end of the unit. */
  readonly completed: boolean
  /** Failures outside of any test: the rest of that `start_server` block did not run. */
  readonly aborts: readonly Abort[]
  /** The test that was running when the suite gave up waiting, if it did. */
  readonly hung: string | undefined
}

export interface Abort {
  readonly message: string
  /** How many results came before it. */
  readonly position: number
}

const MESSAGE_LENGTH_MAX = 300

/** Parses the standard output of one run of one unit. */
export function parseOutput(text: string): UnitOutput {
  const results: TestResult[] = []
  const aborts: Abort[] = []
  const occurrences = new Map<string, number>()
  let ignored = 0
  let completed = false
  let hung: string | undefined

  const nameOf = (name: string): string => {
    const count = (occurrences.get(name) ?? 0) + 1
    occurrences.set(name, count)
    return count === 1 ? name : `${name} [${count}]`
  }

  for (const [head, ...rest] of messages(text)) {
    const match = /^\[([^\]]+)\]: (.*)$/s.exec(head)
    if (match === null) continue
    const [, status = '', data = ''] = match
    if (status === 'ok') {
      results.push({ name: nameOf(data.replace(/ \(\d+ ms\)$/, '')), outcome: 'passed', message: '' })
    } else if (status === 'skip') {
      results.push({ name: nameOf(data), outcome: 'skipped', message: '' })
    } else if (status === 'ignore') {
      ignored += 1
    } else if (status === 'err') {
      const named = /^(.*) in tests\/\S+\.tcl$/.exec(data)
      if (named === null) {
        aborts.push({ message: oneLine([data, ...rest]), position: results.length })
      } else {
        results.push({ name: nameOf(named[1] ?? ''), outcome: 'failed', message: reasonOf(rest) })
      }
    } else if (status === 'exception') {
      aborts.push({ message: oneLine([data, ...rest]), position: results.length })
    } else if (status === 'TIMEOUT') {
      hung = /=> \(IN PROGRESS\) (.*)/.exec(rest.join('\n'))?.[1]
      aborts.push({ message: `no progress${hung === undefined ? '' : ` in "${hung}"`}`, position: results.length })
    } else if (/^\d+\/\d+ done$/.test(status)) {
      completed = true
    }
  }
  return { results, ignored, completed, aborts, hung }
}

/** The name as the suite knows it, without the number that tells tests of the same name apart. */
export function plainName(name: string): string {
  return name.replace(/ \[\d+\]$/, '')
}

/** Splits the output at the lines that begin a message; the lines behind one belong to it. */
function messages(text: string): Array<[head: string, ...rest: string[]]> {
  const found: Array<[string, ...string[]]> = []
  const upToTheEnd = text.split(/^\s+The End\s*$/m, 1)[0] ?? ''
  for (const line of upToTheEnd.split('\n')) {
    const begins = /^\[(?:ok|err|skip|ignore|exception|TIMEOUT|ready|\d+\/\d+ done)\]: /.test(line)
    if (begins) found.push([line])
    else found.at(-1)?.push(line)
  }
  return found
}

/** The suite cuts ten characters off an exception's text, but prints it once more, whole, above Tcl's stack. */
function reasonOf(lines: readonly string[]): string {
  const stack = lines.findIndex((line) => line.trim() === 'while executing')
  return oneLine(stack === -1 ? lines : lines.slice(Math.ceil(stack / 2), stack))
}

function oneLine(lines: readonly string[]): string {
  const text = lines.join(' ').replace(/\s+/g, ' ').trim()
  return text.length <= MESSAGE_LENGTH_MAX ? text : `${text.slice(0, MESSAGE_LENGTH_MAX)}…`
}
