/** What backups and exports ask of the rest of the server. Main thread. */
import type { Clock } from '../base/clock.js'
import type { LogLines } from '../base/log-lines.js'
import type { Configuration } from '../config/configuration.js'
import type { ExportJob } from '../transfer/export.js'
import type { SnapshotFacts } from './manifest.js'
import type { RdbDigest } from './rdb-digest.js'

export interface BackupSurroundings {
  readonly config: Configuration
  readonly clock: Clock
  readonly log: LogLines
  readonly serverVersion: string
  readonly isLoading: () => boolean
  /** Saves the data set to a file, and tells what it was at the moment that the file shows. */
  readonly snapshot: (path: string) => Promise<SnapshotFacts>
  /** Loads a file in the background. @throws RdbFileError */
  readonly digest: (path: string) => Promise<RdbDigest>
  /** Writes a file in another form in the background. @returns how many keys it holds @throws RdbFileError */
  readonly exportRdb: (job: ExportJob) => Promise<number>
}
