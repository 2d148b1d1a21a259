/**
 * The compiled server in a few files, because most of what a start takes is the loading of some hundred: three threads of
 * it are up in half the time. Tests that start hundreds of servers start these.
 *
 * Only used by tests.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { build } from 'rolldown'
import { dist, root, testPeer } from '../support/server.js'

export interface BundledServer {
  /** The program with its arguments. */
  program(shards: number): readonly string[]
  remove(): void
}

export async function bundleServer(): Promise<BundledServer> {
  if (testPeer !== undefined) return { program: () => [testPeer as string], remove: () => {} }
  // Below the root, where packages and the version are found.
  const folder = path.join(root, '.build')
  mkdirSync(folder, { recursive: true })
  const bundle = mkdtempSync(path.join(folder, 'bundle-'))
  // Where the files stand in relation to each other stays: threads are started by the names of theirs.
  const input = ['src/cli', 'workers/shard', 'workers/background']
  await build({
    input: Object.fromEntries(input.map((name) => [name, path.join(dist, `${name}.js`)])),
    platform: 'node',
    external: (name) => !name.startsWith('.') && !path.isAbsolute(name),
    logLevel: 'warn',
    output: { dir: bundle, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'src/[name]-[hash].js' },
  })
  const cli = path.join(bundle, 'src/cli.js')
  return {
    program: (shards) => [process.execPath, cli, '--shards', String(shards)],
    remove: () => rmSync(bundle, { recursive: true, force: true }),
  }
}
