/**
 * Commands that make a value of every type in every encoding, for payloads of DUMP.
 *
 * Only used by tests. Everything follows from the choices.
 */
import type { CommandGroup } from '../../src/commands/spec.js'
import type { Choice } from './choice.js'
import type { Argv } from './step.js'

/** A value that its group of commands works on, and how it is made at this key. */
export interface ValueMaker {
  readonly group: CommandGroup
  make(choice: Choice, key: Buffer): readonly Argv[]
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Small collections, and some beyond the thresholds. */
const COUNTS = [1, 2, 3, 3, 5, 10, 40, 150]

const INTEGERS = ['0', '1', '-1', '127', '128', '-129', '4096', '32768', '-40000', '8388608', '2147483648', '-1e3']

function element(choice: Choice, i: number): string {
  switch (choice.below(6)) {
    case 0:
      return choice.of(INTEGERS)
    case 1:
      return `_${i}`
    case 2:
      return String(i * choice.of([1, 1, 1000, 100_000_000]))
    case 3:
      return choice.bytes(choice.below(8)).toString('latin1')
    case 4:
      return choice.oneIn(4) ? `${i}`.repeat(choice.between(20, 90)) : `e${i}`
    default:
      return `element ${i}`
  }
}

function elements(choice: Choice): string[] {
  return Array.from({ length: choice.of(COUNTS) }, (_, i) => element(choice, i))
}

function command(name: string, key: Buffer, ...rest: readonly string[]): Argv {
  return [...name.split(' ').map(latin1), key, ...rest.map(latin1)]
}

function integersBelow(bits: number): (choice: Choice, key: Buffer) => readonly Argv[] {
  return (choice, key) => {
    const members = Array.from({ length: choice.between(1, 12) }, (_, i) =>
      String(i % 2 === 0 ? i : -Math.floor(choice.below(2 ** 15) * 2 ** (bits - 16))),
    )
    return [command('SADD', key, ...members, String(2 ** (bits - 1) - 1))]
  }
}

function makeStream(choice: Choice, key: Buffer): readonly Argv[] {
  const argv: Argv[] = []
  const entries = choice.of([1, 2, 3, 8, 30])
  for (let i = 1; i <= entries; i++) {
    const fields = choice.oneIn(4)
      ? [`f${i}`, element(choice, i), 'g', 'w']
      : ['item', '1', 'value', element(choice, i)]
    argv.push(command('XADD', key, `${i}-${choice.below(3)}`, ...fields))
  }
  for (let i = choice.below(4); i > 0; i--) argv.push(command('XDEL', key, `${choice.between(1, entries)}-1`))
  for (const group of ['g1', 'g2'].slice(0, choice.below(3))) {
    argv.push(command('XGROUP CREATE', key, group, choice.of(['0', '$', '1'])))
    for (const consumer of ['c1', 'c2'].slice(0, choice.below(3))) {
      const read = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(choice.between(1, 4)), 'STREAMS']
      argv.push([...read.map(latin1), key, latin1('>')])
    }
    argv.push(command('XGROUP CREATECONSUMER', key, group, 'c3'))
    argv.push(command('XACK', key, group, '1-0', '1-1', '2-0'))
  }
  return argv
}

export const valueMakers: readonly ValueMaker[] = [
  { group: 'string', make: (choice, key) => [command('SET', key, element(choice, 7))] },
  { group: 'string', make: (choice, key) => [command('SET', key, String(choice.below(2 ** 31) - 2 ** 30))] },
  { group: 'string', make: (choice, key) => [command('SET', key, 'abcab'.repeat(choice.between(5, 100)))] },
  { group: 'hyperloglog', make: (choice, key) => [command('PFADD', key, ...elements(choice))] },
  { group: 'list', make: (choice, key) => [command('RPUSH', key, ...elements(choice))] },
  { group: 'list', make: (choice, key) => [command('RPUSH', key, 'y'.repeat(9000), ...elements(choice))] },
  { group: 'set', make: (choice, key) => [command('SADD', key, ...elements(choice))] },
  { group: 'set', make: integersBelow(16) },
  { group: 'set', make: integersBelow(32) },
  { group: 'set', make: integersBelow(53) },
  {
    group: 'sorted-set',
    make: (choice, key) => [
      command('ZADD', key, ...elements(choice).flatMap((one, i) => [choice.of(['1', '2.5', '-inf', String(i)]), one])),
    ],
  },
  {
    group: 'hash',
    make: (choice, key) => [command('HSET', key, ...elements(choice).flatMap((one, i) => [one, `${i}`]))],
  },
  { group: 'stream', make: makeStream },
]
