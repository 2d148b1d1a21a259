/**
 * What commands ask of saving and loading: interfaces only. `src/persistence.ts` provides them, on the main thread.
 */

/** How far a load at the start has come. */
export interface LoadingState {
  readonly startedAtMs: number
  readonly totalBytes: number
  readonly loadedBytes: number
  /** What the server that wrote the file had in use, in bytes. */
  readonly writtenUsedBytes: number
}

/** For INFO. */
export interface PersistenceState {
  /** Null but while the data set is being loaded. */
  readonly loading: LoadingState | null
  readonly saveKeysProcessed: number
  readonly saveKeysTotal: number
  /** How many modifications the shards had counted when the data set was saved last. */
  readonly savedChanges: number
  readonly isSavingInBackground: boolean
  /** When the last save of the whole data set succeeded; before the first one, when the server started. */
  readonly lastSaveAtMs: number
  readonly isLastBackgroundSaveOk: boolean
  /** Seconds that the last save in the background took, and the one that goes on; -1 for none. */
  readonly lastBackgroundSeconds: number
  readonly currentBackgroundSeconds: number
  readonly saves: number
  /** The most memory that the last save took for what was written ahead of its turn. */
  readonly lastSaveWaitingBytes: number
  readonly lastLoadKeysExpired: number
  readonly lastLoadKeysLoaded: number
}

/** How the file is loaded while the server runs. */
export interface ReloadOptions {
  /** The data set is emptied before. */
  readonly flushes: boolean
  /** Keys that are there are replaced; else they are a fault. */
  readonly replaces: boolean
}

export interface PersistenceServices {
  readonly state: PersistenceState
  /** Saves; `done` gets whether that went well. What went wrong is in the log. */
  save(done: (isSaved: boolean) => void): void
  /** Begins to save, unless it goes on already; the result is in `state`. */
  saveInBackground(): void
  /** Begins to save when nothing is in the way of it. */
  scheduleSave(): void
  /** Saves what FLUSHALL has left, if there are save points: `done` is called when that is over, or at once. */
  saveFlushed(done: () => void): void
  /** Loads the file; `done` gets whether that went well. */
  reload(options: ReloadOptions, done: (isLoaded: boolean) => void): void
}
