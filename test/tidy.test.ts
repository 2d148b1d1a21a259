/**
 * The house rules that a machine can check, read from the sources as text: which folder may import which, no circles, no
 * `any`, no dead file, no file too long or without a header, no name that says nothing, no path of somebody's machine.
 *
 * Invariant: every exception stands in a list here with its reason, and an exception that is not needed any more fails too.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** Past this length a file of src/ holds more than one thing. */
const LINES_MAX = 500

/** What each folder of src/ may import besides itself: the arrows of docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  config: ['base'],
  resp: ['base'],
  ring: ['base'],
  store: ['base'],
  rdb: ['base', 'store'],
  aof: ['base', 'config', 'resp', 'commands'],
  // Snapshots in folders and buckets: what the server's schedule and the tools share.
  backup: ['base', 'config', 'store', 'rdb', 'commands', 'transfer'],
  // Keys on their way from one form to another.
  transfer: ['base', 'store', 'rdb'],
  tools: ['base', 'config', 'resp', 'store', 'rdb', 'aof', 'backup', 'transfer', 'commands'],
  lua: ['base', 'resp'],
  commands: ['base', 'resp', 'store'],
  // Commands over several shards, for whoever can ask shards: the router, and scripts in a shard's worker.
  hops: ['base', 'resp', 'ring', 'commands'],
  // The shard's side and the main thread's side meet in the rings, the command table and what coordinates commands over shards.
  shard: ['base', 'resp', 'ring', 'store', 'rdb', 'aof', 'lua', 'commands', 'hops'],
  router: ['base', 'resp', 'ring', 'commands', 'hops'],
  net: ['base', 'config', 'resp', 'ring', 'lua', 'commands', 'hops', 'router'],
}

/** What nothing imports because something outside runs it. An entry point wires: it may import from every folder. */
const ENTRY_POINTS = new Set(['src/cli.ts', 'src/config/docs.ts', 'src/commands/docs.ts', 'workers/shard.ts'])

/** Modules that name each other's types. Nothing of it is left when they run: a circle of values is never allowed. */
const CIRCLES_OF_TYPES: readonly { readonly modules: readonly string[]; readonly reason: string }[] = [
  {
    modules: ['commands/main-call', 'commands/server-services', 'commands/shard-call', 'commands/spec'],
    reason: 'an entry holds its handler, the handler gets a call, and the call names the entry that it runs',
  },
  {
    modules: [
      'router/coordinators',
      'router/feeding',
      'router/migrate',
      'router/router',
      'router/scripts',
      'router/tracking-route',
    ],
    reason: 'the router hands what one frame cannot do to these, and they send their hops through the router',
  },
  {
    modules: ['net/dispatcher', 'net/transaction-commands'],
    reason: 'the dispatcher calls MULTI and its kin, and EXEC runs queued commands through the dispatcher',
  },
  {
    modules: ['net/connection', 'net/session'],
    reason: 'two halves of one client: the session of bytes and the session of commands know each other',
  },
]

/** A module that owns others of its folder, each of which names its owner's type: the circle may have any of them. */
const OWNERS: readonly { readonly module: string; readonly reason: string }[] = [
  {
    module: 'store/keyspace',
    reason: 'a keyspace owns its databases and one object for each type of value, and what all of them share is in it',
  },
]

/** Words for things whose author did not look for what they are. */
const EMPTY_WORDS = /(^|[-/])(util|utils|utility|helper|helpers|manager|managers|misc|common)([-./]|$)/
const EMPTY_TYPE_NAMES = /\b(?:class|interface|type|function)\s+\w*(?:Utils?|Helpers?|Manager)\b/

const MACHINE_PATHS = /(?<![\w.~-])\/(?:home|root|work|tmp|Users|mnt|opt)\/[\w.-]/

interface Import {
  readonly from: string
  readonly to: string
  /** Gone when compiled. */
  readonly isType: boolean
}

interface Module {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly text: string
  /** The text without comments and without the contents of strings. */
  readonly code: string
  readonly imports: readonly Import[]
}

function filesUnder(folder: string, extension: RegExp): string[] {
  if (!existsSync(path.join(root, folder))) return []
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const inside = `${folder}/${entry.name}`
      return entry.isDirectory() ? filesUnder(inside, extension) : extension.test(entry.name) ? [inside] : []
    })
    .sort()
}

const STRING_OR_COMMENT = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g

/** Imports, re-exports and worker files: `import '...'`, `from '...'`, `import('...')` and `new URL('...', import.meta.url)`. */
const IMPORT = /(?:^(?:import|export)\s(type\s)?(?:[^'"]*?from\s+)?|\bimport\(|\bnew URL\()['"](\.[^'"]+)['"]/gm

function readModule(file: string): Module {
  const text = readFileSync(path.join(root, file), 'utf8')
  const code = text.replace(STRING_OR_COMMENT, (_, string?: string) => (string === undefined ? '' : "''"))
  const imports = [...text.matchAll(IMPORT)].map(([, type, to = '']) => ({
    from: file,
    to: path.posix.join(path.posix.dirname(file), to).replace(/\.js$/, '.ts'),
    isType: type !== undefined,
  }))
  return { path: file, text, code, imports }
}

const modules = [...filesUnder('src', /\.ts$/), ...filesUnder('workers', /\.ts$/)].map(readModule)
const imports = modules.flatMap((module) => module.imports)

/** The folder that a module counts to; the files of src/ itself, the threads' entries and entry points wire the rest. */
function folderOf(file: string): string {
  const [top, folder, inside] = file.split('/') as [string, string, string | undefined]
  return top === 'workers' || inside === undefined || ENTRY_POINTS.has(file) ? 'wiring' : folder
}

/** Sets of modules that reach each other (Tarjan's strongly connected components), each sorted. */
function circles(edges: readonly Import[]): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (module: string): void => {
    order.set(module, order.size)
    lowest.set(module, order.get(module) as number)
    stack.push(module)
    for (const { from, to } of edges) {
      if (from !== module) continue
      if (!order.has(to)) {
        visit(to)
        lowest.set(module, Math.min(lowest.get(module) as number, lowest.get(to) as number))
      } else if (stack.includes(to)) {
        lowest.set(module, Math.min(lowest.get(module) as number, order.get(to) as number))
      }
    }
    if (lowest.get(module) !== order.get(module)) return
    const circle = stack.splice(stack.indexOf(module))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const { path: module } of modules) if (!order.has(module)) visit(module)
  return found
}

describe('imports', () => {
  it('are found at all', () => {
    // The text is searched with regular expressions: should they ever stop to match, every test here would pass.
    expect(modules.length).toBeGreaterThan(100)
    expect(imports.length).toBeGreaterThan(modules.length)
    expect(imports.some(({ to }) => to === 'workers/shard.ts')).toBe(true)
  })

  it('name files that exist', () => {
    expect(imports.filter(({ to }) => !existsSync(path.join(root, to)))).toEqual([])
  })

  it('run one way', () => {
    const backwards = imports.filter(({ from, to }) => {
      const folder = folderOf(from)
      const target = folderOf(to)
      return folder !== target && folder !== 'wiring' && MAY_IMPORT[folder]?.includes(target) !== true
    })
    expect(backwards.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
  })

  it('make no circle of values', () => {
    expect(circles(imports.filter(({ isType }) => !isType))).toEqual([])
  })

  it('make no circle of types without a reason', () => {
    const known = CIRCLES_OF_TYPES.map((circle) => circle.modules.map((module) => `src/${module}.ts`))
    const owners = OWNERS.map(({ module }) => `src/${module}.ts`)
    const isOwned = (circle: readonly string[]): boolean =>
      owners.some((owner) => circle.includes(owner) && circle.every((module) => folderOf(module) === folderOf(owner)))
    const found = circles(imports)
    expect(found.filter((circle) => !isOwned(circle)).sort()).toEqual(known.sort())
    expect(found.filter(isOwned).length).toBe(OWNERS.length)
  })

  it('reach every file', () => {
    const reached = new Set(imports.map(({ to }) => to))
    const unreached = modules.filter((module) => !reached.has(module.path) && !ENTRY_POINTS.has(module.path))
    expect(unreached.map((module) => module.path)).toEqual([])
    expect([...ENTRY_POINTS].filter((file) => !existsSync(path.join(root, file)))).toEqual([])
  })
})

/** The modules that break a rule; a test's message then names them. */
function breaking(rule: (module: Module) => boolean): string[] {
  return modules.filter(rule).map((module) => module.path)
}

describe('every file of src/ and workers/', () => {
  it('opens with what it is', () => {
    expect(breaking(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text))).toEqual([])
  })

  it(`has at most ${LINES_MAX} lines`, () => {
    expect(breaking(({ text }) => text.trimEnd().split('\n').length > LINES_MAX)).toEqual([])
  })

  it('has no any', () => {
    expect(breaking(({ code }) => /[:<(,|&=]\s*any\b|\b(?:as|extends) any\b|\bany\[\]/.test(code))).toEqual([])
  })

  it('silences the compiler nowhere', () => {
    expect(breaking(({ text }) => /@ts-(?:ignore|nocheck|expect-error)/.test(text))).toEqual([])
  })

  it('names no type after nothing', () => {
    expect(breaking(({ code }) => EMPTY_TYPE_NAMES.test(code))).toEqual([])
  })
})

describe('every file', () => {
  const code = ['src', 'workers', 'test', 'bench', 'scripts'].flatMap((folder) => filesUnder(folder, /\.(ts|js|mjs)$/))
  const texts = [
    ...code,
    ...filesUnder('docs', /\.md$/),
    ...readdirSync(root).filter((name) => /\.(md|json|ts)$|^Dockerfile$/.test(name) && name !== 'package-lock.json'),
  ].filter((file) => file !== 'test/tidy.test.ts')

  it('has a name in kebab-case that says what it is', () => {
    expect(code.filter((file) => !/^[a-z0-9./-]+$/.test(file))).toEqual([])
    expect(code.filter((file) => EMPTY_WORDS.test(file))).toEqual([])
  })

  it('knows no machine', () => {
    const personal = texts.filter((file) => MACHINE_PATHS.test(readFileSync(path.join(root, file), 'utf8')))
    expect(personal).toEqual([])
  })
})
