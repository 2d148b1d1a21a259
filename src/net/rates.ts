/** What the network side counts, and the per-second rates over the last samples. Main thread. */
import type { NetworkStatistics } from '../commands/server-services.js'
import type { ClientLimits } from './client-limits.js'
import type { ClientTable } from './client-table.js'
import type { Dispatcher } from './dispatcher.js'

/** As Redis: an average over 16 samples, one every 100 ms. */
const SAMPLES = 16

class Rate {
  readonly #samples = new Float64Array(SAMPLES)
  #at = 0
  #last = 0

  sample(total: number, elapsedMs: number): void {
    this.#samples[this.#at] = elapsedMs > 0 ? ((total - this.#last) * 1000) / elapsedMs : 0
    this.#last = total
    this.#at = (this.#at + 1) % SAMPLES
  }

  /** Begins anew, with a total of 0. */
  reset(): void {
    this.#samples.fill(0)
    this.#last = 0
  }

  get perSecond(): number {
    return this.#samples.reduce((sum, sample) => sum + sample, 0) / SAMPLES
  }
}

export class Rates implements NetworkStatistics {
  connectionsReceived = 0
  protocolErrors = 0
  unexpectedErrorReplies = 0
  readonly #clients: ClientTable
  readonly #dispatcher: Dispatcher
  readonly #limits: ClientLimits
  readonly #commands = new Rate()
  readonly #input = new Rate()
  readonly #output = new Rate()
  #sampledAtMs = 0

  constructor(clients: ClientTable, dispatcher: Dispatcher, limits: ClientLimits) {
    this.#clients = clients
    this.#dispatcher = dispatcher
    this.#limits = limits
  }

  sample(): void {
    const nowMs = this.#clients.nowMs
    const elapsedMs = nowMs - this.#sampledAtMs
    if (elapsedMs < 100) return
    this.#sampledAtMs = nowMs
    this.#commands.sample(this.commandsProcessed, elapsedMs)
    this.#input.sample(this.inputBytes, elapsedMs)
    this.#output.sample(this.outputBytes, elapsedMs)
  }

  reset(): void {
    this.connectionsReceived = 0
    this.protocolErrors = 0
    this.#dispatcher.commandsProcessed = 0
    this.#clients.inputBytesTotal = 0
    this.#clients.outputBytesTotal = 0
    this.#clients.reads = 0
    this.#clients.writes = 0
    this.#limits.resetStatistics()
    for (const rate of [this.#commands, this.#input, this.#output]) rate.reset()
  }

  get commandsProcessed(): number {
    return this.#dispatcher.commandsProcessed
  }

  get connectionsRejected(): number {
    return this.#limits.rejected
  }

  get inputBytes(): number {
    return this.#clients.inputBytesTotal
  }

  get outputBytes(): number {
    return this.#clients.outputBytesTotal
  }

  get readsProcessed(): number {
    return this.#clients.reads
  }

  get writesProcessed(): number {
    return this.#clients.writes
  }

  get errorReplies(): number {
    return Object.values(this.#dispatcher.statistics.errors).reduce((sum, count) => sum + count, 0)
  }

  get instantaneousOpsPerSecond(): number {
    return this.#commands.perSecond
  }

  get instantaneousInputKbps(): number {
    return this.#input.perSecond / 1024
  }

  get instantaneousOutputKbps(): number {
    return this.#output.perSecond / 1024
  }

  get clientOutputBufferLimitDisconnections(): number {
    return this.#limits.outputLimitCuts
  }

  get clientQueryBufferLimitDisconnections(): number {
    return this.#limits.queryLimitCuts
  }

  get evictedClients(): number {
    return this.#limits.evictedClients
  }

  get maxInputBufferBytes(): number {
    return this.#limits.inputBytesMax
  }

  get maxOutputBufferBytes(): number {
    return this.#limits.outputBytesMax
  }
}
