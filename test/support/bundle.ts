/**
 * The compiled server in a few files: most of what a start takes is the loading of some hundred, and tests start it hundreds of
 * times. The files of dist, which users start, are started by test/config/cli.test.ts and by Redis's suite.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Makes the bundle and names it to the tests by `SHARDKEEP_BUNDLE`. @returns what removes it */
export default async function bundle(): Promise<() => void> {
  const compiled = path.resolve(root, process.env.SHARDKEEP_DIST ?? 'dist')
  // Below the root, where packages and the version are found.
  const folder = path.join(root, '.build')
  mkdirSync(folder, { recursive: true })
  const target = mkdtempSync(path.join(folder, 'bundle-'))
  // Where the files stand in relation to each other stays: threads are started by the names of theirs.
  const input = ['src/cli', 'workers/shard', 'workers/background']
  await build({
    input: Object.fromEntries(input.map((name) => [name, path.join(compiled, `${name}.js`)])),
    platform: 'node',
    external: (name) => !name.startsWith('.') && !path.isAbsolute(name),
    logLevel: 'warn',
    output: { dir: target, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'src/[name]-[hash].js' },
  })
  process.env.SHARDKEEP_BUNDLE = target
  return () => rmSync(target, { recursive: true, force: true })
}
