// Adds up what the steps of .ci/run left behind, prints `N passed, N failed` and sets the exit status by it.
// A step that left no result, or that failed without a failed test (a file that did not load), counts as one failure.
// What failed is named right above that line, with the first lines of its reason: a log that was cut still shows it.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

const [folder, brokenSteps] = process.argv.slice(2)

function read(name) {
  const file = path.join(folder, name)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

let passed = 0
let failed = Number(brokenSteps)

const vitest = read('vitest.json')
passed += vitest?.numPassedTests ?? 0
failed += vitest === undefined ? 1 : vitest.success ? 0 : Math.max(1, vitest.numFailedTests)

function firstLines(text) {
  return text
    .split('\n')
    .slice(0, 6)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n')
}

const failures = []
for (const file of vitest?.testResults ?? []) {
  const name = path.relative(process.cwd(), file.name)
  const tests = file.assertionResults.filter((test) => test.status === 'failed')
  for (const test of tests) failures.push(`${name}: ${test.fullName}\n${firstLines(test.failureMessages.join('\n'))}`)
  if (file.status === 'failed' && tests.length === 0) failures.push(`${name}\n${firstLines(file.message)}`)
}

const suite = read('suite.json')
passed += suite?.passed ?? 0
failed += suite === undefined ? 1 : suite.failed
if (suite !== undefined) {
  console.log(
    `redis suite: ${suite.known} known failures (test/redis-suite/expected.json), ${suite.waiting} tests wait for features`,
  )
}

for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
