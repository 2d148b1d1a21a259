/**
 * Backups in a folder.
 *
 * Runs on the main thread and in tools. Invariant: a file has its name only when it is whole and synced; until then it has
 * another one, which `list` does not show.
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { systemErrorText } from '../config/system-error.js'
import { type BackupTarget, type StoredFile, TargetError } from './target.js'

const UNFINISHED = '.unfinished'
const READ_BYTES = 256 * 1024

export class DirectoryTarget implements BackupTarget {
  readonly description: string

  constructor(private readonly folder: string) {
    this.description = folder
  }

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const final = this.#path(name)
    const unfinished = final + UNFINISHED
    await this.#orFail('writing', name, async () => {
      await mkdir(path.dirname(final), { recursive: true })
      const handle = await open(unfinished, 'w', 0o600)
      try {
        for await (const chunk of content) {
          for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
        }
        await handle.sync()
      } catch (error) {
        await handle.close()
        await unlink(unfinished)
        throw error
      }
      await handle.close()
      await rename(unfinished, final)
      await syncFolder(path.dirname(final))
      await syncFolder(this.folder)
    })
  }

  async *get(name: string): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of createReadStream(this.#path(name), { highWaterMark: READ_BYTES })) {
        yield chunk as Buffer
      }
    } catch (error) {
      throw this.#failure('reading', name, error)
    }
  }

  async list(prefix: string): Promise<StoredFile[]> {
    return this.#orFail('listing', '', async () => {
      const files: StoredFile[] = []
      for (const name of await this.#names()) {
        if (!name.startsWith(prefix) || name.endsWith(UNFINISHED)) continue
        const found = await stat(this.#path(name)).catch(ifMissing)
        if (found?.isFile() === true) files.push({ name, bytes: found.size, modifiedAtMs: found.mtimeMs })
      }
      return files.sort((a, b) => (a.name < b.name ? -1 : 1))
    })
  }

  async remove(name: string): Promise<void> {
    await this.#orFail('removing', name, async () => {
      const file = this.#path(name)
      await unlink(file).catch(ifMissing)
      await unlink(file + UNFINISHED).catch(ifMissing)
      const parent = path.dirname(file)
      if (parent !== this.folder) await rmdir(parent).catch(ifOccupied)
    })
  }

  /** Names of files in the folder and one level below it: there are no deeper ones here. */
  async #names(): Promise<string[]> {
    const names: string[] = []
    for (const entry of (await readdir(this.folder, { withFileTypes: true }).catch(ifMissing)) ?? []) {
      if (!entry.isDirectory()) {
        names.push(entry.name)
        continue
      }
      const inside = (await readdir(path.join(this.folder, entry.name)).catch(ifUnreadable)) ?? []
      for (const name of inside) names.push(`${entry.name}/${name}`)
    }
    return names
  }

  #path(name: string): string {
    return path.join(this.folder, ...name.split('/'))
  }

  async #orFail<T>(what: string, name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#failure(what, name, error)
    }
  }

  #failure(what: string, name: string, error: unknown): Error {
    // Not every fault is this folder's: the content may come from somewhere that fails.
    if (!isSystemError(error)) return error as Error
    const where = name === '' ? this.folder : this.#path(name)
    return new TargetError(`${what} ${where} failed: ${systemErrorText(error)}`, error.code === 'ENOENT')
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function unless(codes: readonly string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error
    return undefined
  }
}

const ifMissing = unless(['ENOENT', 'ENOTDIR'])
const ifOccupied = unless(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'])
/** Folders of others that stand between backups are none of ours. */
const ifUnreadable = unless(['ENOENT', 'EACCES', 'EPERM'])

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}
