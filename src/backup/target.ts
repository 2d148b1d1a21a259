/**
 * Where backups are kept: what a folder and a bucket have in common. Names have segments, divided by slashes.
 *
 * Runs on the main thread and in tools.
 */

export interface StoredFile {
  readonly name: string
  readonly bytes: number
  readonly modifiedAtMs: number
}

export interface BackupTarget {
  /** For people; without secrets. */
  readonly description: string
  /**
   * Writes a file, which is there only when it is whole and on the disk.
   * @throws TargetError
   */
  put(name: string, content: AsyncIterable<Uint8Array>): Promise<void>
  /**
   * Reads a file.
   * @throws TargetError, when it begins or on the way; `isMissing` when there is no such file
   */
  get(name: string): AsyncIterable<Uint8Array>
  /**
   * All files whose names begin with that.
   * @throws TargetError
   */
  list(prefix: string): Promise<StoredFile[]>
  /**
   * Removes a file; it may have gone already.
   * @throws TargetError
   */
  remove(name: string): Promise<void>
}

/** The target does not do what it was asked. The message says what and why, and holds no secret. */
export class TargetError extends Error {
  readonly code = 'BACKUP_TARGET'

  constructor(
    message: string,
    readonly isMissing = false,
  ) {
    super(message)
    this.name = 'TargetError'
  }
}

/** The whole of a small file. */
export async function readWhole(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new TargetError(`a file is longer than the ${bytesMax} bytes that it may have`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A file in memory as a stream. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
