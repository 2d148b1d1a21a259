/**
 * The table of all settings.
 *
 * Main thread. Invariant: every setting that Redis 7.4 (and 7.0) knows stands here once, with Redis's default, bounds
 * and mutability, and so does every setting of our own. CONFIG GET, SET and REWRITE, the reader of configuration
 * files, the command line and docs/configuration.md derive from it; nothing else names defaults or bounds.
 */

import type { Setting, SettingArea } from './setting.js'
import { backupSettings } from './settings/backup.js'
import { generalSettings } from './settings/general.js'
import { encodingSettings, memorySettings } from './settings/memory.js'
import { networkSettings } from './settings/network.js'
import { persistenceSettings } from './settings/persistence.js'
import { clusterSettings, replicationSettings } from './settings/replication.js'
import { shardkeepSettings } from './settings/shardkeep.js'
import { tlsSettings } from './settings/tls.js'

/** The table, in the order of the documentation and of CONFIG GET. */
export const settingAreas: readonly SettingArea[] = [
  shardkeepSettings,
  generalSettings,
  networkSettings,
  memorySettings,
  encodingSettings,
  persistenceSettings,
  backupSettings,
  replicationSettings,
  clusterSettings,
  tlsSettings,
]

export const settings: readonly Setting[] = settingAreas.flatMap((area) => area.settings)

const byName = new Map<string, Setting>()
for (const setting of settings) {
  for (const name of [setting.name, ...setting.aliases]) byName.set(name, setting)
}

/** The setting of that name or alias, in any case, or undefined. */
export function settingByName(name: string): Setting | undefined {
  return byName.get(name) ?? byName.get(name.toLowerCase())
}

/** Every name and alias, in table order, with its setting. */
export function settingNames(): IterableIterator<[string, Setting]> {
  return byName.entries()
}
