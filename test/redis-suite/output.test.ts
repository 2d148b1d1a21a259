/** How the Tcl suite's output is read. The lines are of the forms that the suite of Redis 7.0 prints. */
import { expect, test } from 'vitest'
import { parseOutput } from './output.js'

test('passes, failures, exceptions and repeated names are told apart', () => {
  const output = parseOutput(
    [
      '[ready]: 4711',
      'Testing unit/x',
      '[ok]: first (1) test (12 ms)',
      '[ignore]: large memory flag not provided',
      '[skip]: left out',
      '[err]: wrong [value] in tests/unit/x.tcl',
      "Expected '1' to equal or match '2'",
      '[err]: unknown in tests/unit/type/x.tcl',
      "n command 'lpush'",
      "ERR unknown command 'lpush'",
      '    while executing',
      '"[srv $level "client"] {*}$args"',
      '[ok]: first (1) test (3 ms)',
      '[1/1 done]: unit/x (2 seconds)',
      '',
      '                   The End',
      '',
      '*** [err]: wrong [value] in tests/unit/x.tcl',
    ].join('\n'),
  )
  expect(output.results).toEqual([
    { name: 'first (1) test', outcome: 'passed', message: '' },
    { name: 'left out', outcome: 'skipped', message: '' },
    { name: 'wrong [value]', outcome: 'failed', message: "Expected '1' to equal or match '2'" },
    { name: 'unknown', outcome: 'failed', message: "ERR unknown command 'lpush'" },
    { name: 'first (1) test [2]', outcome: 'passed', message: '' },
  ])
  expect(output).toMatchObject({ ignored: 1, completed: true, aborts: [], hung: undefined })
})

test('a hanging test and a unit that was cut short are reported', () => {
  const output = parseOutput(
    '[ok]: a (1 ms)\n[TIMEOUT]: clients state report follows.\nsock1 => (IN PROGRESS) waits for ever\n',
  )
  expect(output.completed).toBe(false)
  expect(output.hung).toBe('waits for ever')
  expect(output.aborts).toEqual([{ message: 'no progress in "waits for ever"', position: 1 }])
})
