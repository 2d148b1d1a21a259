/**
 * The settings that shards look at: each is sent to all of them at the start and whenever it changes. Main thread.
 *
 * Invariant: a shard has the values in the order in which they were set, at their places among the commands.
 */
import { asciiBytes } from './base/bytes.js'
import type { Configuration } from './config/configuration.js'
import { SHARD_SETTING_NAMES } from './shard/shard-settings.js'

const NO_BYTES = new Uint8Array(0)

export class ShardSettingsLink {
  /** Those that some shard has not answered yet. */
  #onTheWay = 0
  #waiting: (() => void)[] = []

  /** @param send sends the arguments of `shard.setting` to all shards; `done` is called when all have applied it */
  constructor(config: Configuration, send: (argv: readonly Uint8Array[], done: () => void) => void) {
    for (const name of SHARD_SETTING_NAMES) {
      const sendOne = (): undefined => {
        const value = name === 'notify-keyspace-events' ? config.text(name) : (config.get([name]).get(name) ?? '')
        this.#onTheWay++
        send([NO_BYTES, asciiBytes(name), asciiBytes(value)], () => this.#arrived())
        return undefined
      }
      sendOne()
      config.onChange(name, sendOne)
    }
  }

  /** Every shard has applied all settings so far. */
  get areApplied(): boolean {
    return this.#onTheWay === 0
  }

  /** Calls `then` when that is so for the settings so far, at once where it is. */
  whenApplied(then: () => void): void {
    if (this.areApplied) then()
    else this.#waiting.push(then)
  }

  #arrived(): void {
    if (--this.#onTheWay > 0) return
    for (const then of this.#waiting.splice(0)) then()
  }
}
