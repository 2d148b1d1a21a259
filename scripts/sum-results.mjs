// Adds up what the steps of .ci/run left behind, prints `N passed, N failed` and sets the exit status by it.
// A step that failed without a failed test (a file that did not load, an error that nobody caught) counts as one failure.
// What failed is named right above that line, with the first lines of its reason: a log that was cut still shows it.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

const [folder, ...brokenSteps] = process.argv.slice(2)

function read(name) {
  const file = path.join(folder, name)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

const vitest = read('vitest.json')
const suite = read('suite.json')
const passed = (vitest?.numPassedTests ?? 0) + (suite?.passed ?? 0)
const failedTests = { 'npm test': vitest?.numFailedTests ?? 0, 'redis suite': suite?.failed ?? 0 }
const failures = []
let failed = failedTests['npm test'] + failedTests['redis suite']
for (const step of brokenSteps) {
  if (failedTests[step] > 0) continue
  failed++
  failures.push(`${step}: its log says why`)
}

function firstLines(text) {
  return text
    .split('\n')
    .slice(0, 6)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n')
}

for (const file of vitest?.testResults ?? []) {
  const name = path.relative(process.cwd(), file.name)
  const tests = file.assertionResults.filter((test) => test.status === 'failed')
  for (const test of tests) failures.push(`${name}: ${test.fullName}\n${firstLines(test.failureMessages.join('\n'))}`)
  if (file.status === 'failed' && tests.length === 0) failures.push(`${name}\n${firstLines(file.message)}`)
}

if (suite !== undefined) {
  console.log(
    `redis suite: ${suite.known} known failures (test/redis-suite/expected.json), ${suite.waiting} tests wait for features`,
  )
}

for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
