/**
 * What an episode is made of, and how its steps are written down for people.
 *
 * Only used by tests. Everything that happens between two servers is in the steps, so that leaving some of them out gives
 * another, shorter episode.
 */

export type Argv = readonly Buffer[]

/** Two clients that interfere with each other. */
export type ClientIndex = 0 | 1

export type Step =
  /** `joined`: sent in one write with the step before, when that is of the same client. */
  | { readonly do: 'send'; readonly client: ClientIndex; readonly argv: Argv; readonly joined: boolean }
  /** SCAN, or SSCAN, HSCAN or ZSCAN of a key, to its end; what comes is compared as a set. */
  | { readonly do: 'scan'; readonly client: ClientIndex; readonly command: Argv; readonly options: Argv }
  /** A third client has members of a key chosen by chance; they must be there. */
  | { readonly do: 'random-members'; readonly database: number; readonly protocol: 2 | 3; readonly argv: Argv }
  /** Each server restores what the other one gives for DUMP. */
  | { readonly do: 'cross-dumps'; readonly database: number; readonly key: Buffer }
  /** Entries with the time as identifier come and go. */
  | { readonly do: 'add-by-clock'; readonly database: number; readonly key: Buffer }
  /** RANDOMKEY; each server's key must be one that it has. */
  | { readonly do: 'random-key'; readonly client: ClientIndex }
  /** A third client sends a command that lets a key live for some milliseconds only, and time passes until it is over. */
  | { readonly do: 'let-expire'; readonly database: number; readonly argv: Argv }
  /** From now on keyspace events of these classes are published, and those of every step are compared. */
  | { readonly do: 'listen'; readonly classes: string }
  /** The data sets are compared: their digests, and each key. */
  | { readonly do: 'digest' }

export const CLIENT_NAMES = ['A', 'B'] as const

const LATIN1_SHOWN_MAX = 200

/** Bytes as redis-cli would take them, in quotes where necessary. */
export function shownBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, LATIN1_SHOWN_MAX)).toString('latin1')
  const escaped = text.replace(/["\\]|[^ -~]/g, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  const cut = bytes.length > LATIN1_SHOWN_MAX ? `… (${bytes.length} bytes)` : ''
  return /^[^" \\]+$/.test(escaped) && cut === '' ? escaped : `"${escaped}"${cut}`
}

export function shownCommand(argv: Argv): string {
  return argv.map(shownBytes).join(' ')
}

export function shownStep(step: Step): string {
  switch (step.do) {
    case 'send':
      return `${CLIENT_NAMES[step.client]}${step.joined ? '+' : '>'} ${shownCommand(step.argv)}`
    case 'scan':
      return `${CLIENT_NAMES[step.client]}> ${shownCommand(step.command)} to the end ${shownCommand(step.options)}`
    case 'random-members':
      return `in database ${step.database} (RESP${step.protocol}), which must be there: ${shownCommand(step.argv)}`
    case 'cross-dumps':
      return `in database ${step.database}, DUMP and RESTORE on the other server: ${shownBytes(step.key)}`
    case 'add-by-clock':
      return `in database ${step.database}, XADD with the time: ${shownBytes(step.key)}`
    case 'random-key':
      return `${CLIENT_NAMES[step.client]}> RANDOMKEY, which must exist`
    case 'let-expire':
      return `let expire in database ${step.database}: ${shownCommand(step.argv)}`
    case 'listen':
      return `listen to keyspace events: ${step.classes}`
    case 'digest':
      return 'DEBUG DIGEST'
  }
}
