import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.js'
import { renderConfigurationDocs } from '../../src/config/render-docs.js'
import { Refusal, sameValue } from '../../src/config/setting.js'
import { directiveKinds } from '../../src/config/settings/directives.js'
import { settingByName, settings } from '../../src/config/settings.js'
import { packageRoot } from '../../src/config/version.js'

test('no name stands for two settings or directives', () => {
  const names = [
    ...settings.flatMap(({ name, aliases }) => [name, ...aliases]),
    ...directiveKinds.map(({ name }) => name),
  ]
  expect(names).toEqual([...new Set(names)])
})

test('the printed default of every setting, read again, is the default', () => {
  for (const setting of settings) {
    // "Follow nobody" is printed as an empty text, which the directive does not take.
    if (setting.name === 'replicaof') continue
    // The default of `dir` is the working folder, which only a configuration knows.
    const value = setting.name === 'dir' ? new Configuration().text('dir') : setting.defaultValue
    const text = setting.type.print(value)
    const words = setting.type.takesSeveralWords ? text.split(' ').filter((word) => word !== '') : [text]
    const parsed = setting.type.parse(words, setting.type.addsUp ? [] : value)
    const isSame = !(parsed instanceof Refusal) && sameValue(parsed, value)
    expect(isSame, setting.name).toBe(true)
  }
})

test('every setting and directive says what it is for in whole sentences', () => {
  for (const { name, about } of [...settings, ...directiveKinds]) expect(about, name).toMatch(/^[A-Z].*\.$/)
})

/** Getters of a configuration that name their setting themselves. */
const OWN_GETTERS = new Map([
  ['savePoints', 'save'],
  ['outputBufferLimits', 'client-output-buffer-limit'],
  ['shardCount', 'shards'],
])

const NAMING_CALL = /\.(?:flag|number|text|words|path|onChange)\(\s*(\[[^\]]*\]|'[^']*'|"[^"]*")/g
const NAMING_LIST = /SETTING_NAMES = (\[[^\]]*\])/g
const NAMING_TABLE = /_SETTINGS: [^=]*= (\{[^}]*\})/g

/** The settings that the program outside of src/config/ asks a configuration for. */
function settingsReadByProgram(): Set<string> {
  const names = new Set<string>()
  for (const folder of ['src', 'workers']) {
    const root = join(packageRoot(), folder)
    const files = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : []
    for (const file of files.filter((name) => name.endsWith('.ts') && !name.startsWith('config'))) {
      const source = readFileSync(join(root, file), 'utf8')
      for (const [, argument] of [NAMING_CALL, NAMING_LIST, NAMING_TABLE].flatMap((form) => [
        ...source.matchAll(form),
      ])) {
        for (const [, name] of argument!.matchAll(/['"]([a-z0-9_-]+)['"]/g)) {
          const setting = settingByName(name!)
          if (setting !== undefined) names.add(setting.name)
        }
      }
      for (const [getter, name] of OWN_GETTERS) if (source.includes(`.${getter}(`)) names.add(name)
    }
  }
  return names
}

test('the documented effect of every setting is what the program does', () => {
  const read = settingsReadByProgram()
  // Read, but so far only for what INFO, OBJECT or the log say.
  const onlyReported = new Set(['cluster-enabled', 'repl-backlog-size', 'replicaof', 'tls-port'])
  // Obeyed by the configuration itself, or by INFO, which asks for the printed form.
  const obeyedInside = new Set(['dir', 'enable-protected-configs', 'latency-tracking-info-percentiles'])
  const actual = settings.filter(({ name }) => obeyedInside.has(name) || (read.has(name) && !onlyReported.has(name)))
  const documented = settings.filter(({ effect }) => effect === 'active')
  expect(documented.map(({ name }) => name)).toEqual(actual.map(({ name }) => name))
})

test('docs/configuration.md is what the table says', () => {
  const path = join(packageRoot(), 'docs', 'configuration.md')
  expect(readFileSync(path, 'utf8')).toBe(renderConfigurationDocs())
})
