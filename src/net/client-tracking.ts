/**
 * What one client has asked for with CLIENT TRACKING. Main thread.
 *
 * Invariant: only `Tracking` changes it, but for CLIENT CACHING, which the client's session takes back.
 */
import { asciiBytes } from '../base/bytes.js'
import type { TrackingState } from '../commands/server-services.js'

export class ClientTracking implements TrackingState {
  redirectTo = 0
  isBroadcast = false
  isOptIn = false
  isOptOut = false
  noLoop = false
  isCachingGiven = false
  isRedirectBroken = false
  /** One character a byte. */
  readonly prefixSet = new Set<string>()
  /** What its commands carry when it does not want to hear of its own changes; 0 for none. */
  origin = 0
  /** The id in ASCII digits. */
  readonly idBytes: Uint8Array

  constructor(readonly id: number) {
    this.idBytes = asciiBytes(String(id))
  }

  get prefixes(): readonly string[] {
    return [...this.prefixSet].sort()
  }

  /** Whether what it reads now is remembered; `isCachingGiven` says whether CLIENT CACHING came before the command. */
  remembers(isCachingGiven: boolean): boolean {
    if (this.isBroadcast) return false
    if (this.isOptIn) return isCachingGiven
    return !this.isOptOut || !isCachingGiven
  }
}
