/**
 * What commands ask of backups: interfaces only. `src/backup/backups.ts` provides them, on the main thread.
 */

export type BackupPhase = 'idle' | 'snapshot' | 'store' | 'verify'

/** How the last backup, or export, ended. */
export interface BackupOutcome {
  readonly id: string
  readonly isOk: boolean
  readonly endedAtMs: number
  readonly durationMs: number
  /** As stored. */
  readonly bytes: number
  readonly keys: number
  /** What went wrong; empty when nothing did. */
  readonly fault: string
}

/** For INFO and BACKUP STATUS. */
export interface BackupFigures {
  readonly phase: BackupPhase
  /** The backup that is being made; empty for none. */
  readonly currentId: string
  readonly startedAtMs: number
  /** How far the phase has come, and what there is to do; 0 when that is not known. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly last: BackupOutcome | null
  readonly lastSuccess: BackupOutcome | null
  readonly succeeded: number
  readonly failed: number
  /** When the schedule asks for the next one, 0 for never. */
  readonly nextAtMs: number
  readonly lastExport: BackupOutcome | null
  readonly nextExportAtMs: number
}

/** A backup of the target. */
export interface BackupListing {
  readonly id: string
  readonly state: 'complete' | 'failed' | 'unfinished'
  readonly bytes: number
  readonly cutAtMs: number
  readonly gsn: number
  readonly keys: number
  readonly digest: string
  readonly isEncrypted: boolean
  readonly verifiedAtMs: number
  readonly failure: string
}

/** Something that was asked for was not done; `reason` is for people and holds no secret. */
export interface BackupRefusal {
  readonly reason: string
}

export interface BackupServices {
  readonly figures: BackupFigures
  /** Begins a backup. @returns its id */
  begin(): string | BackupRefusal
  list(done: (result: readonly BackupListing[] | BackupRefusal) => void): void
  /** Reads a backup back, loads it and compares its digest. */
  verify(id: string, done: (fault: BackupRefusal | undefined) => void): void
  /** @param done gets whether there was such a backup */
  remove(id: string, done: (result: boolean | BackupRefusal) => void): void
}
