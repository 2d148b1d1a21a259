/**
 * Thread entry of the background pool: runs one named job after the other (src/background-jobs.ts).
 */

import { type BackgroundJobs, type BackgroundTask, backgroundJobs, type JobContext } from '../src/background-jobs.js'
import { assert } from '../src/base/assert.js'

type Job = (input: unknown, context: JobContext) => unknown

export default async function run({ name, input, progress }: BackgroundTask): Promise<unknown> {
  const job = backgroundJobs[name as keyof BackgroundJobs] as Job | undefined
  assert(job !== undefined, `no background job is called ${name}`)
  try {
    return await job(input, { progress: (value) => progress?.postMessage(value) })
  } finally {
    progress?.close()
  }
}
