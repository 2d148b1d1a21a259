/**
 * The text of docs/configuration.md, made from the table of settings.
 *
 * Used by `docs.ts` and by the test that compares the file with the table. Invariant: it depends on nothing but the
 * table, so that it is the same on every machine.
 */

import type { Setting, SettingArea, SettingEffect } from './setting.js'
import { directiveKinds } from './settings/directives.js'
import { settingAreas } from './settings.js'

const EFFECTS: Record<SettingEffect, string> = {
  active: 'yes',
  'none-yet': 'not yet',
  'not-applicable': 'no',
}

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/settings/ by \`node dist/src/config/docs.js\`. Do not edit. -->

Shardkeep reads the configuration files of Redis and takes the same options on the command line:

\`\`\`
shardkeep [/path/to/redis.conf] [--name value ...] [-]
\`\`\`

A file comes first, then standard input (\`-\`), then the options; the last one that sets something wins. Running servers
are changed with CONFIG SET, and CONFIG REWRITE brings the file up to date. Where Redis has a default, bounds or an error
text, they are the same here.

Sizes take a unit: \`k\`, \`m\`, \`g\` are powers of 1000, \`kb\`, \`mb\`, \`gb\` powers of 1024.

- **Change**: *running* settings can be changed with CONFIG SET, *start* settings only in the file or on the command line,
  *permission* settings with CONFIG SET when \`enable-protected-configs\` allows it.
- **Effect**: settings marked *not yet* are accepted, checked and reported, so that a file written for Redis can be used,
  but the server does not act on them so far. It names them in the log when they are set to something other than the
  default. Settings marked *no* govern something that does not exist here.
`

/** The documentation of all settings and directives, as Markdown. */
export function renderConfigurationDocs(): string {
  return [INTRODUCTION, ...settingAreas.map(renderArea), renderDirectives()].join('\n')
}

function renderArea(area: SettingArea): string {
  return table(
    area.title,
    ['Setting', 'Values', 'Default', 'Change', 'Effect', 'Meaning'],
    area.settings.map((setting) => [
      names(setting),
      setting.type.description,
      defaultText(setting),
      changeText(setting),
      EFFECTS[setting.effect],
      setting.about,
    ]),
  )
}

function renderDirectives(): string {
  return table(
    'Directives of the file that are not settings',
    ['Directive', 'Words', 'Effect', 'Meaning'],
    directiveKinds.map((kind) => [`\`${kind.name}\``, kind.form, EFFECTS[kind.effect], kind.about]),
  )
}

function names(setting: Setting): string {
  const aliases = setting.aliases.map((alias) => `, also \`${alias}\``)
  return `\`${setting.name}\`${aliases.join('')}`
}

function defaultText(setting: Setting): string {
  const text = setting.type.print(setting.defaultValue)
  return text === '' ? '' : `\`${text}\``
}

function changeText(setting: Setting): string {
  if (!setting.mutable) return 'start'
  return setting.guarded ? 'permission' : 'running'
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const lines = [line(head), line(head.map(() => '---')), ...rows.map(line)]
  return `## ${title}\n\n${lines.join('\n')}\n`
}
