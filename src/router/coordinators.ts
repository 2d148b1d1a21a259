/** The coordinators of the main thread: those of commands over several shards, and of what only it can do. */
import type { CoordinatorOf } from '../hops/coordinate.js'
import { coordinators as coordinatorsOfHops } from '../hops/coordinators.js'
import { migrate } from './migrate.js'
import type { Router } from './router.js'
import { runScript } from './scripts.js'

export const coordinators: Readonly<Record<string, CoordinatorOf<Router>>> = {
  ...coordinatorsOfHops,
  migrate,
  script: runScript,
}
