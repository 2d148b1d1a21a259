/**
 * A model of a few commands that says, to the byte, what a server must answer to them in RESP2.
 *
 * Only used by tests. It holds strings in a map and knows nothing of shards: that is the point of the comparison.
 */
import { encodeRequest } from './raw-exchange.js'

const bulk = (value: string | undefined): string =>
  value === undefined ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`

export class ExpectedReplies {
  readonly #values = new Map<string, string>()
  #transaction: string[][] | null = null
  #isSpoilt = false

  /** The reply to one command; an empty text would mean that there is none, which no command here does. */
  reply(argv: readonly string[]): string {
    const name = argv[0] as string
    if (name === 'MULTI') {
      this.#transaction = []
      return '+OK\r\n'
    }
    if (name === 'EXEC') return this.#exec()
    const refusal = refusalOf(argv)
    if (this.#transaction === null) return refusal ?? this.#run(argv)
    if (refusal !== undefined) {
      this.#isSpoilt = true
      return refusal
    }
    this.#transaction.push([...argv])
    return '+QUEUED\r\n'
  }

  #exec(): string {
    const commands = this.#transaction
    const isSpoilt = this.#isSpoilt
    this.#transaction = null
    this.#isSpoilt = false
    if (commands === null) return '-ERR EXEC without MULTI\r\n'
    if (isSpoilt) return '-EXECABORT Transaction discarded because of previous errors.\r\n'
    return `*${commands.length}\r\n${commands.map((argv) => this.#run(argv)).join('')}`
  }

  #run(argv: readonly string[]): string {
    const values = this.#values
    const [name, ...rest] = argv as [string, ...string[]]
    const [key = '', value = ''] = rest
    switch (name) {
      case 'PING':
        return rest.length === 0 ? '+PONG\r\n' : bulk(key)
      case 'ECHO':
        return bulk(key)
      case 'SET':
        values.set(key, value)
        return '+OK\r\n'
      case 'GET':
        return bulk(values.get(key))
      case 'STRLEN':
        return `:${values.get(key)?.length ?? 0}\r\n`
      case 'APPEND':
        values.set(key, (values.get(key) ?? '') + value)
        return `:${values.get(key)?.length}\r\n`
      case 'INCR': {
        const number = Number(values.get(key) ?? '0')
        if (!Number.isInteger(number) || String(number) !== (values.get(key) ?? '0')) {
          return '-ERR value is not an integer or out of range\r\n'
        }
        values.set(key, String(number + 1))
        return `:${number + 1}\r\n`
      }
      case 'EXISTS':
        return `:${rest.filter((own) => values.has(own)).length}\r\n`
      case 'DEL':
        return `:${rest.filter((own) => values.delete(own)).length}\r\n`
      case 'MGET':
        return `*${rest.length}\r\n${rest.map((own) => bulk(values.get(own))).join('')}`
      case 'MSET':
        for (let i = 0; i < rest.length; i += 2) values.set(rest[i] as string, rest[i + 1] as string)
        return '+OK\r\n'
      case 'DBSIZE':
        return `:${values.size}\r\n`
      case 'RENAME': {
        const moved = values.get(key)
        if (moved === undefined) return '-ERR no such key\r\n'
        values.delete(key)
        values.set(value, moved)
        return '+OK\r\n'
      }
      default:
        throw new Error(`the model does not know ${name}`)
    }
  }
}

/** The error that a command gets before anything looks at its keys. */
function refusalOf(argv: readonly string[]): string | undefined {
  const name = argv[0] as string
  if (name === 'NOSUCH') {
    const shown = argv.slice(1).map((argument) => `'${argument}' `)
    return `-ERR unknown command 'NOSUCH', with args beginning with: ${shown.join('')}\r\n`
  }
  const isShort = (name === 'GET' && argv.length !== 2) || (name === 'SET' && argv.length < 3)
  return isShort ? `-ERR wrong number of arguments for '${name.toLowerCase()}' command\r\n` : undefined
}

/** Requests as they are sent, and everything that must come back for them. */
export function expectedExchange(commands: readonly (readonly string[])[]): { request: Buffer; reply: string } {
  const model = new ExpectedReplies()
  return {
    request: Buffer.concat(commands.map(encodeRequest)),
    reply: commands.map((argv) => model.reply(argv)).join(''),
  }
}
