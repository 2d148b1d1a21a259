/**
 * Commands from inside scripts: puts one or two commands into EVAL, EVALSHA, FCALL or their read-only kin, with keys that are
 * declared or not, and finds them again in such a command.
 *
 * Only used by tests. Which commands a script calls can be read from its text and its arguments alone, so that steps stay
 * what they are: arguments.
 */
import { createHash } from 'node:crypto'
import { keyPositions, lookup } from '../../src/commands/table.js'
import type { Choice } from './choice.js'
import type { Argv } from './step.js'

/** Calls whatever command its arguments are. */
const BODIES_OF_ARGUMENTS = ['return redis.call(unpack(ARGV))', 'return redis.pcall(unpack(ARGV))'] as const

/** What FCALL calls. The second may be called by FCALL_RO. */
const FUNCTIONS = ['run', 'run_ro'] as const

export const SCRIPT_LIBRARY = `#!lua name=wrapping
redis.register_function('run', function(keys, args) return redis.pcall(unpack(args)) end)
redis.register_function{
  function_name = 'run_ro', callback = function(keys, args) return redis.call(unpack(args)) end, flags = {'no-writes'}
}`

/** A name that needs no escapes in Lua. */
const PLAIN_NAME = /^[a-z_]+$/i

/** Texts of scripts whose digest has been used, by the digest. */
const bodies = new Map<string, string>()

const words = (...texts: readonly (string | number)[]): Buffer[] => texts.map((text) => Buffer.from(String(text)))

/** A command that has the commands called by a script. */
export function wrapped(choice: Choice, commands: readonly Argv[]): Argv {
  const [first = []] = commands
  if (commands.length === 1 && choice.oneIn(3)) return callOfFunction(choice, first)
  const evaluation = commands.length === 1 && choice.oneIn(3) ? ofArguments(choice, first) : ofText(choice, commands)
  const [name, body, ...rest] = evaluation as [Buffer, Buffer, ...Buffer[]]
  if (!choice.oneIn(4)) return evaluation
  const text = body.toString()
  const digest = createHash('sha1').update(text).digest('hex')
  bodies.set(digest, text)
  const readOnly = name.toString().toLowerCase() === 'eval_ro'
  return [...words(readOnly ? 'EVALSHA_RO' : 'EVALSHA', digest), ...rest]
}

function callOfFunction(choice: Choice, argv: Argv): Argv {
  const keys = declaredAnyhow(choice, argv)
  return [...words(choice.oneIn(4) ? 'FCALL_RO' : 'FCALL', choice.of(FUNCTIONS), keys.length), ...keys, ...argv]
}

function ofArguments(choice: Choice, argv: Argv): Argv {
  const keys = declaredAnyhow(choice, argv)
  const name = choice.oneIn(6) ? 'EVAL_RO' : 'EVAL'
  return [...words(name, choice.of(BODIES_OF_ARGUMENTS), keys.length), ...keys, ...argv]
}

/** Keys of the command, some of them or none: the script does not look at them. */
function declaredAnyhow(choice: Choice, argv: Argv): Buffer[] {
  if (choice.oneIn(2)) return []
  return keyPlaces(argv)
    .filter(() => !choice.oneIn(4))
    .map((at) => argv[at] as Buffer)
}

/** A text that names each command, its keys as KEYS or ARGV, and the rest as ARGV. */
function ofText(choice: Choice, commands: readonly Argv[]): Argv {
  const keys: Buffer[] = []
  const rest: Buffer[] = []
  const declares = !choice.oneIn(4)
  const calls = commands.map((argv) => {
    const places = declares ? keyPlaces(argv) : []
    const texts = argv.map((argument, i) => {
      if (i === 0 && PLAIN_NAME.test(argument.toString('latin1'))) return `'${argument.toString('latin1')}'`
      if (places.includes(i)) return `KEYS[${keys.push(argument)}]`
      return `ARGV[${rest.push(argument)}]`
    })
    return `redis.${choice.oneIn(5) ? 'call' : 'pcall'}(${texts.join(',')})`
  })
  const body = calls.length === 1 ? `return ${calls[0]}` : `return {${calls.join(' , ')}}`
  return [...words(choice.oneIn(6) ? 'EVAL_RO' : 'EVAL', body, keys.length), ...keys, ...rest]
}

/** Where a command has its keys, as far as it makes sense. */
function keyPlaces(argv: Argv): number[] {
  const spec = lookup((argv[0] as Buffer).toString('latin1').toLowerCase())
  if (spec === undefined || spec.subcommands !== undefined) return []
  const lengths = Int32Array.from(argv, ({ length }) => length)
  let at = 0
  const offsets = lengths.map((length) => {
    at += length
    return at - length
  })
  const places: number[] = []
  keyPositions(spec, Buffer.concat(argv), offsets, lengths, argv.length, places)
  return places.filter((place) => place > 0 && place < argv.length)
}

/**
 * The commands that a command has called by a script, where it is one of `wrapped`; undefined where it is none. Of several,
 * each has its element in the reply.
 */
export function calledBy(argv: Argv): readonly Argv[] | undefined {
  const [name = '', named = ''] = argv.slice(0, 2).map((word) => word.toString('latin1'))
  const keyCount = Number(argv[2]?.toString('latin1'))
  const rest = argv.slice(3 + keyCount)
  switch (name.toLowerCase()) {
    case 'fcall':
    case 'fcall_ro':
      return FUNCTIONS.some((one) => one === named) ? [rest] : undefined
    case 'eval':
    case 'eval_ro':
      return calledByText(named, argv.slice(3, 3 + keyCount), rest)
    case 'evalsha':
    case 'evalsha_ro':
      return calledByText(bodies.get(named) ?? '', argv.slice(3, 3 + keyCount), rest)
    default:
      return undefined
  }
}

function calledByText(body: string, keys: Argv, rest: Argv): readonly Argv[] | undefined {
  if (BODIES_OF_ARGUMENTS.some((one) => one === body)) return [rest]
  const calls = [...body.matchAll(/redis\.p?call\(([^)]*)\)/g)]
  if (calls.length === 0) return undefined
  return calls.map(([, list = '']) =>
    list.split(',').map((text) => {
      const place = Number(/\d+/.exec(text)?.[0]) - 1
      if (text.startsWith('KEYS')) return keys[place] ?? Buffer.alloc(0)
      if (text.startsWith('ARGV')) return rest[place] ?? Buffer.alloc(0)
      return Buffer.from(text.slice(1, -1), 'latin1')
    }),
  )
}
