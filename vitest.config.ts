/** How `npm test` runs: the tests of test/, each file on its own, with time for real servers to start on a busy machine. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/bundle.ts'],
    // Most tests wait for a server most of the time.
    maxWorkers: 2,
    // A machine that stands still for a second may fail a test that measures time; what fails twice is broken.
    retry: 1,
    // A test starts servers in processes of their own. With two at a time on a machine of two cores they are slow, not stuck.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
