/**
 * Loads the server's modules where few descriptors are allowed (`ulimit -n`). Runs on every thread, before it imports the
 * server itself.
 *
 * Node.js opens all files of an import graph as soon as it hears of them, and fails when it may not. Loaded one after the
 * other, in the order in which imports run between folders, a module finds most of what it imports already there. That
 * costs 80 ms, so it is only done where it must be.
 */
import { readdirSync } from 'node:fs'
import { sep } from 'node:path'
import { descriptorLimit } from './base/descriptor-limit.js'

/** What loading everything at once takes: 141 on the main thread and up to 110 for each shard's in what was measured. */
const DESCRIPTORS_AT_ONCE = 192
const DESCRIPTORS_AT_ONCE_PER_SHARD = 128

/** All of these is needed on every thread. */
const FOLDERS = ['base', 'resp', 'ring', 'store', 'commands'] as const

/** Loads what there may not be descriptors enough for to load at once; nothing where there are. */
export async function loadWithinDescriptorLimit(shardCount: number): Promise<void> {
  const limit = descriptorLimit()
  if (limit === undefined || limit >= DESCRIPTORS_AT_ONCE + DESCRIPTORS_AT_ONCE_PER_SHARD * shardCount) return
  for (const folder of FOLDERS) {
    const url = new URL(`./${folder}/`, import.meta.url)
    const files = readdirSync(url, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))
    // The tables that import everything else stand above the folders of what they list.
    files.sort((a, b) => b.split(sep).length - a.split(sep).length)
    for (const file of files) await import(new URL(file, url).href)
  }
}
