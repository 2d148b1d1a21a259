/**
 * Brings the Tcl test suite of Debian's Redis into the cache folder.
 *
 * Runs in the suite tool's only thread. Invariant: nothing outside the cache folder is written, except that missing
 * Debian packages are installed where this runs as root. Apt is pointed at a list of source archives of its own,
 * made from the machine's lists, so those stay as they are.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

/** What the suite needs, and the file that shows that a package's part of it is there. */
const PACKAGES: ReadonlyArray<readonly [name: string, file: string]> = [
  ['tcl', '/usr/bin/tclsh'],
  ['redis-server', '/usr/bin/redis-server'],
  ['redis-tools', '/usr/bin/redis-cli'],
  ['dpkg-dev', '/usr/bin/dpkg-source'],
]

export interface SuiteSource {
  /** The unpacked source tree: `tests/`, `runtest`. */
  readonly folder: string
  /** The upstream version, such as 7.0.15. */
  readonly version: string
}

/** Installs missing packages, fetches and unpacks the suite when the cache does not hold it yet. */
export function fetchSuite(cacheFolder: string): SuiteSource {
  ensurePackages()
  const packageVersion = /^Version: (.*)$/m.exec(run('dpkg-query', ['-s', 'redis-server']))?.[1] ?? ''
  const version = packageVersion.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
  const folder = path.join(cacheFolder, `redis-${version}`)
  const suite = { folder, version }
  if (existsSync(path.join(folder, 'tests/test_helper.tcl'))) return suite

  const apt = path.join(cacheFolder, 'apt')
  for (const part of ['sources.list.d', 'lists/partial', 'cache/archives/partial']) {
    mkdirSync(path.join(apt, part), { recursive: true })
  }
  writeFileSync(path.join(apt, 'sources.list.d/source.sources'), sourceStanzas())
  const options = [
    `Dir::Etc::sourcelist=/dev/null`,
    `Dir::Etc::sourceparts=${apt}/sources.list.d`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
  ].flatMap((option) => ['-o', option])
  run('apt-get', [...options, '-q', 'update'], cacheFolder)
  run('apt-get', [...options, '-q', 'source', `redis=${packageVersion}`], cacheFolder)
  if (!existsSync(path.join(folder, 'tests/test_helper.tcl'))) {
    throw new Error(`apt-get source redis=${packageVersion} left no test suite in ${folder}`)
  }
  return suite
}

function ensurePackages(): void {
  const missing = PACKAGES.filter(([, file]) => !existsSync(file)).map(([name]) => name)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0) {
    throw new Error(`install these packages first (not running as root): ${missing.join(' ')}`)
  }
  run('apt-get', ['-q', 'update'])
  run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', ...missing])
}

interface Archive {
  readonly uris: string
  readonly suites: string
  readonly components: string
  readonly signedBy: string | undefined
}

/**
 * The machine's own archives as source archives, in deb822 format. Only those that offer redis-server are taken:
 * third-party archives often have no source index, and apt then fails as a whole.
 */
function sourceStanzas(): string {
  const archives = configuredArchives()
  const offering = run('apt-cache', ['madison', 'redis-server'])
  const chosen = archives.filter((archive) =>
    archive.uris.split(/\s+/).some((uri) => offering.includes(uri.replace(/\/$/, ''))),
  )
  if (chosen.length === 0) throw new Error('no apt archive of this machine offers redis-server: run apt-get update')
  return chosen
    .map((archive) =>
      [
        'Types: deb-src',
        `URIs: ${archive.uris}`,
        `Suites: ${archive.suites}`,
        ...(archive.components === '' ? [] : [`Components: ${archive.components}`]),
        ...(archive.signedBy === undefined ? [] : [`Signed-By: ${archive.signedBy}`]),
        '',
      ].join('\n'),
    )
    .join('\n')
}

/** Reads /etc/apt/sources.list and sources.list.d, one-line and deb822 style; see sources.list(5). */
function configuredArchives(): Archive[] {
  const archives: Archive[] = []
  const files = ['/etc/apt/sources.list']
  const parts = '/etc/apt/sources.list.d'
  if (existsSync(parts)) for (const name of readdirSync(parts)) files.push(path.join(parts, name))
  for (const file of files) {
    if (!existsSync(file)) continue
    const text = readFileSync(file, 'utf8')
    if (file.endsWith('.sources')) archives.push(...deb822Archives(text))
    else if (file.endsWith('.list')) archives.push(...oneLineArchives(text))
  }
  return archives
}

function deb822Archives(text: string): Archive[] {
  const archives: Archive[] = []
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  for (const stanza of lines.join('\n').split(/\n\s*\n/)) {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t]+.*)*)`, 'im').exec(stanza)?.[1]?.trim()
    const uris = field('URIs')
    const suites = field('Suites')
    if (uris === undefined || suites === undefined || /^no$/i.test(field('Enabled') ?? '')) continue
    const signedBy = field('Signed-By')
    // A key written out in the stanza spans lines, each of which must stay indented.
    archives.push({ uris, suites, components: field('Components') ?? '', signedBy: signedBy?.replace(/\n\s*/g, '\n ') })
  }
  return archives
}

function oneLineArchives(text: string): Archive[] {
  const archives: Archive[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line)
    if (match === null) continue
    const [, options = '', uris = '', suites = '', components = ''] = match
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1]
    archives.push({ uris, suites, components: components.trim(), signedBy })
  }
  return archives
}

function run(command: string, args: readonly string[], cwd = process.cwd()): string {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed (${result.status}):\n${result.stdout}${result.stderr}`)
  }
  return result.stdout.trim()
}
