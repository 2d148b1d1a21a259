/**
 * A file system that is really full, or really cannot be written to: a small one in memory, for a directory of its own.
 *
 * Only used by tests. Mounting one takes rights that not every machine gives.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const BALLAST = 'ballast'
const PIECE_BYTES = 4096

export class SmallDisk {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-disk-'))
  #isMounted = false

  constructor(bytes: number) {
    this.#mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'shardkeep-test', this.directory)
    this.#isMounted = true
  }

  /** Whether this machine lets us. */
  static get isPossible(): boolean {
    try {
      new SmallDisk(1024 * 1024).remove()
      return true
    } catch {
      return false
    }
  }

  #mount(...args: string[]): void {
    const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`)
  }

  /** Takes all room that there is. */
  fill(): void {
    const file = openSync(path.join(this.directory, BALLAST), 'a')
    const piece = Buffer.alloc(PIECE_BYTES)
    try {
      for (;;) writeSync(file, piece)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** Gives the room back. */
  free(): void {
    rmSync(path.join(this.directory, BALLAST))
  }

  /** Nobody may have a file open for writing. */
  setReadOnly(isReadOnly: boolean): void {
    this.#mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.directory)
  }

  remove(): void {
    if (this.#isMounted) spawnSync('umount', ['-l', this.directory])
    rmSync(this.directory, { recursive: true, force: true })
  }
}
