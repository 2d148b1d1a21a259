/**
 * Brings keys into a server: with RESTORE, which makes a key whole in one step; a value that the server does not take in that form is
 * made with its type's commands.
 *
 * Invariant: without `replaces`, a key that is there is not touched.
 */
import { RdbFileError } from '../rdb/file-error.js'
import { commandsFor } from '../transfer/commands.js'
import type { JsonKey } from '../transfer/json-lines.js'
import { dumpPayloadOf, type SourceKey, ValueReader } from '../transfer/key-source.js'
import { typedValueOf } from '../transfer/typed-value.js'
import { type RedisClient, RedisError, type Reply } from './redis-client.js'

/** Keys, and bytes of values, whose replies are waited for together. */
const KEYS_AT_ONCE = 128
const BYTES_AT_ONCE = 8 * 1024 * 1024
/** Commands sent for one key before their replies are looked at. */
const COMMANDS_AT_ONCE = 256

const FAULTS_KEPT_MAX = 100

export class KeyImport {
  imported = 0
  /** Were there already. */
  kept = 0
  failed = 0
  /** The first ones. */
  readonly faults: string[] = []
  readonly #values = new ValueReader()
  #batch: SourceKey[] = []
  #batchBytes = 0
  #database = -1

  constructor(
    private readonly client: RedisClient,
    private readonly replaces: boolean,
  ) {}

  get handled(): number {
    return this.imported + this.kept + this.failed
  }

  async addLibrary(code: Buffer): Promise<void> {
    const reply = await this.client.send(['FUNCTION', 'LOAD', ...(this.replaces ? ['REPLACE'] : []), code])
    if (!(reply instanceof RedisError)) return
    if (!this.replaces && reply.message.includes('already exists')) this.kept++
    else this.#fail('a library of functions', reply.message)
  }

  async add(item: SourceKey): Promise<void> {
    if (item.database !== this.#database) await this.#select(item.database)
    this.#batch.push(item)
    this.#batchBytes += item.rdbValue.length
    if (this.#batch.length >= KEYS_AT_ONCE || this.#batchBytes >= BYTES_AT_ONCE) await this.finish()
  }

  /** Ends what has been begun. */
  async finish(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    const replies = batch.map((item) =>
      this.client.send([
        'RESTORE',
        item.key,
        String(item.expireAtMs ?? 0),
        dumpPayloadOf(item.rdbValue),
        'ABSTTL',
        ...(this.replaces ? ['REPLACE'] : []),
      ]),
    )
    for (const [i, promise] of replies.entries()) {
      const reply = await promise
      const item = batch[i] as SourceKey
      if (!(reply instanceof RedisError)) this.imported++
      else if (reply.message.startsWith('BUSYKEY')) this.kept++
      else if (isOfForm(reply)) await this.#addByCommands(item)
      else this.#fail(shown(item.key), reply.message)
    }
  }

  async #addByCommands(item: SourceKey): Promise<void> {
    const { database, key, expireAtMs } = item
    try {
      await this.addTyped({ database, key, expireAtMs, value: typedValueOf(this.#values.read(item)) })
    } catch (error) {
      if (!(error instanceof RdbFileError)) throw error
      this.#fail(shown(key), error.message)
    }
  }

  /** Makes a key with its type's commands, at once. */
  async addTyped({ database, key, expireAtMs, value }: JsonKey): Promise<void> {
    if (database !== this.#database) await this.#select(database)
    if (this.replaces) {
      await this.client.ask(['DEL', key])
    } else if ((await this.client.ask(['EXISTS', key])) === 1) {
      this.kept++
      return
    }
    let fault: string | undefined
    let replies: Promise<Reply>[] = []
    const check = async (): Promise<void> => {
      for (const reply of await Promise.all(replies)) if (reply instanceof RedisError) fault ??= reply.message
      replies = []
    }
    for (const words of commandsFor(key, value, expireAtMs)) {
      replies.push(this.client.send(words))
      await this.client.ready()
      if (replies.length >= COMMANDS_AT_ONCE) await check()
    }
    await check()
    if (fault === undefined) {
      this.imported++
      return
    }
    // Half a value would pass for the whole.
    await this.client.ask(['DEL', key])
    this.#fail(shown(key), fault)
  }

  async #select(database: number): Promise<void> {
    await this.finish()
    await this.client.ask(['SELECT', String(database)])
    this.#database = database
  }

  #fail(what: string, reason: string): void {
    this.failed++
    if (this.faults.length < FAULTS_KEPT_MAX) this.faults.push(`${what}: ${reason}`)
  }
}

/** The server does not know the form of the value. */
function isOfForm({ message }: RedisError): boolean {
  return message.includes('DUMP payload version') || message.includes('Bad data format')
}

function shown(key: Buffer): string {
  return JSON.stringify(key.toString('latin1'))
}
