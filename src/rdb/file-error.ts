/**
 * What can be wrong with an RDB file. Main thread.
 */

/** The file is not what it has to be, or holds what this server has not got. The message says where and why. */
export class RdbFileError extends Error {
  readonly code = 'RDB_FILE'
}

/** The file cannot be written. The message is Redis's, with the operation and the system's reason. */
export class RdbWriteError extends Error {
  readonly code = 'RDB_WRITE'
}
