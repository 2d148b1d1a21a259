/**
 * What can be done in the background, by name. A job is a function of what it is given; nothing is left of it when it ends.
 *
 * Runs on the threads of the background pool (workers/background.ts); the main thread takes its types from here.
 */
import type { MessagePort } from 'node:worker_threads'
import type { RdbDigest } from './backup/rdb-digest.js'
import type { JobOutcome } from './backup-jobs.js'
import { type SnapshotFileJob, type SnapshotFileOutcome, writeSnapshotFile } from './snapshot-file.js'
import type { ExportJob } from './transfer/export.js'

/** What a job may use beside what it is given. */
export interface JobContext {
  /** Tells whoever has begun the job how far it is: anything that can be cloned. */
  readonly progress: (value: unknown) => void
}

/** What a thread of the pool gets. */
export interface BackgroundTask {
  readonly name: string
  readonly input: unknown
  readonly progress: MessagePort | null
}

/** By name: what a job is given, and what comes of it. Both travel between threads. */
export interface BackgroundJobs {
  'write-snapshot': (input: SnapshotFileJob, context: JobContext) => SnapshotFileOutcome
  'digest-rdb': (path: string) => Promise<JobOutcome<RdbDigest>>
  'export-rdb': (job: ExportJob) => Promise<JobOutcome<number>>
}

export const backgroundJobs: { readonly [Name in keyof BackgroundJobs]: BackgroundJobs[Name] } = {
  'write-snapshot': writeSnapshotFile,
  // Loaded when they are wanted: most servers never need the code that reads values.
  'digest-rdb': async (path) => (await import('./backup-jobs.js')).digestRdb(path),
  'export-rdb': async (job) => (await import('./backup-jobs.js')).exportRdb(job),
}
