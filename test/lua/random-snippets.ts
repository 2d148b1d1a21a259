/**
 * Small Lua programs drawn from a seed: expressions over strings, numbers and tables, and all libraries that scripts have.
 *
 * Only used by tests. What they return is one text that shows every value, so that nothing is lost in the conversion to a
 * reply. Nothing in it depends on addresses, on the clock or on the last bit of a transcendental function, which are each
 * server's own.
 */
import { Choice } from '../differential/choice.js'

/** Shows a value: numbers with all digits, strings in quotes, tables in the order of their keys. */
const SHOW = `
local function show(v, depth)
  local t = type(v)
  if t == 'number' then return v ~= v and 'nan' or string.format('%.17g', v) end
  if t == 'string' then return string.format('%q', v) end
  if t == 'function' or t == 'userdata' then return t end
  if t ~= 'table' then return tostring(v) end
  if depth > 5 then return '...' end
  local lines = {}
  for key, value in pairs(v) do lines[#lines + 1] = show(key, depth + 1) .. '=' .. show(value, depth + 1) end
  table.sort(lines)
  return '{' .. table.concat(lines, ',') .. '}'
end
local function shown(...)
  local all = {}
  for i = 1, select('#', ...) do all[i] = show((select(i, ...)), 0) end
  return table.concat(all, ' ')
end
`

type Kind = 'number' | 'string' | 'table' | 'any'

const NUMBERS = [
  ...['0', '1', '2', '3', '7', '10', '16', '31', '32', '100', '255', '256', '1000', '65535', '0.5', '0.1', '1.5'],
  ...['-1', '-2', '-0.5', '-7', '1e15', '1e100', '-1e100', '123456789012', '2147483647', '2147483648', '-2147483648'],
  ...['4294967295', '4294967296', '9007199254740991', '9007199254740993', '1e308', '5e-324', '(1/0)', '(-1/0)', '0x10'],
]
const STRINGS = [
  ...[
    '""',
    "'a'",
    "'abc'",
    "'hello world'",
    "'0'",
    "'12'",
    "'-1.5e3'",
    "' 7 '",
    "'0x1F'",
    "'aXbXc'",
    "'%d'",
    "'(a)[b]'",
  ],
  ...[
    "'a\\0b'",
    "'\\255\\254'",
    "'line\\nbreak\\r'",
    "'\\195\\169'",
    '\'"q"\'',
    "'a,b,,c'",
    "'key=value'",
    "'\\226\\130\\172'",
  ],
  ...[
    '\'[1,2,{"a":null}]\'',
    '\'{"x":1.5e3,"y":"\\\\u00e9\\\\n"}\'',
    "'[[[]]]'",
    "'tRuE'",
    "('ab'):rep(20)",
    "('x'):rep(40)",
  ],
]
const PATTERN_PARTS = [
  ...[
    'a',
    'b',
    'l',
    '.',
    '%a',
    '%d',
    '%s',
    '%w',
    '%x',
    '%p',
    '%c',
    '%u',
    '%A',
    '%D',
    '%S',
    '%W',
    '%z',
    '%%',
    '%.',
    '[abc]',
  ],
  ...[
    '[^a]',
    '[a-z]',
    '[%d_]',
    '[]]',
    '[^]]',
    '[a-]',
    '%b()',
    '%b[]',
    '%f[%w]',
    '%f[%z]',
    '()',
    '%1',
    '[%a-z]',
    '\\0',
    ' ',
  ],
]
const QUANTIFIERS = ['', '', '', '*', '+', '-', '?']
/** What makes a pattern no pattern. */
const PATTERN_FAULTS = ['[', '%', '(', ')', '%b', '%f', '[a', '%9', '[%']
const FORMATS = [
  ...[
    '%d',
    '%5d',
    '%-5d|',
    '%05d',
    '%+d',
    '%i',
    '%u',
    '%x',
    '%X',
    '%o',
    '%#x',
    '%c',
    '%e',
    '%.3f',
    '%f',
    '%g',
    '%.14g',
  ],
  ...['%G', '%s', '%10s', '%-10s|', '%.2s', '%q', '%%', '%a', '%', '%5', '%.20f', '%100d', '%.100d', '%y', '%5.1f'],
]
const STRUCT_FORMATS = [
  ...[
    'b',
    'B',
    'h',
    'H',
    'i',
    'I',
    'l',
    'L',
    'i2',
    'I3',
    'i8',
    'f',
    'd',
    's',
    'c0',
    'c3',
    'x',
    '>h',
    '<h',
    '=i',
    '!4i',
    '!bhi',
  ],
  ...['i9', 'c', 'y', '>I4', '<d', 'bx', '!8d', '>!2i'],
]
const JSON_TEXTS = [
  '[1,2,3]',
  '{"a":[true,false,null]}',
  '"text"',
  '1e5',
  '-0',
  '[]',
  '{}',
  '[0.1,1e400]',
  '{"a":{"b":{}}}',
  'nul',
]
const WORDS = [
  ...[
    'local',
    'x',
    '=',
    '1',
    'return',
    'end',
    'if',
    'then',
    'function',
    '(',
    ')',
    '{',
    '}',
    '"s"',
    '..',
    'do',
    'for',
    'in',
  ],
  ...[
    'and',
    'not',
    '[=[',
    ']=]',
    '--',
    '~=',
    '...',
    'nil',
    ',',
    ';',
    'while',
    'repeat',
    'until',
    'break',
    "'",
    '0x1',
    '3e',
    '.',
  ],
]

/** A program, as latin1 text. */
export function randomSnippet(seed: number): string {
  return new Snippet(seed).text()
}

class Snippet {
  readonly #choice: Choice

  constructor(seed: number) {
    this.#choice = new Choice(seed)
  }

  text(): string {
    const { below, between } = this.#bound()
    const lines = [
      SHOW,
      `local s1, s2 = ${this.#string(1)}, ${this.#string(0)}`,
      `local n1, n2 = ${this.#number(1)}, ${this.#number(0)}`,
      `local t1, t2 = ${this.#tableOf()}, ${this.#tableOf()}`,
      'local results = {}',
      'local function note(...) results[#results + 1] = shown(...) end',
    ]
    for (let i = between(2, 5); i > 0; i--) {
      const expression = this.#expression(this.#choice.of(['number', 'string', 'table', 'any'] as const), between(1, 3))
      const statement = below(4) === 0 ? this.#statement() : ''
      lines.push(`note(pcall(function() ${statement} return ${expression} end))`)
    }
    lines.push("return table.concat(results, '\\n')")
    return lines.join('\n')
  }

  #bound(): { below: (bound: number) => number; between: (from: number, to: number) => number } {
    const choice = this.#choice
    return { below: (bound) => choice.below(bound), between: (from, to) => choice.between(from, to) }
  }

  #statement(): string {
    const choice = this.#choice
    switch (choice.below(7)) {
      case 0:
        return `t1[${this.#expression('any', 1)}] = ${this.#expression('any', 1)}`
      case 1:
        // Near positions alone: to one far below zero, Redis's table.insert moves elements for minutes.
        if (choice.oneIn(3)) return `table.remove(t1, ${this.#smallInteger()})`
        return `table.insert(t1, ${choice.oneIn(2) ? `${this.#smallInteger()}, ` : ''}(${this.#expression('any', 1)}))`
      case 2:
        return `for i = ${this.#smallInteger()}, ${this.#smallInteger()} do t2[i] = ${this.#expression('any', 1)} end`
      case 3:
        return `for w in string.gmatch(${this.#string(1)}, ${this.#pattern()}) do t2[#t2 + 1] = w end`
      case 4:
        return `table.sort(t1${choice.oneIn(2) ? ', function(a, b) return tostring(a) < tostring(b) end' : ''})`
      case 5:
        return `if ${this.#expression('any', 2)} then n1 = ${this.#number(1)} else s1 = ${this.#string(1)} end`
      default:
        return `s2 = ${this.#string(2)} n2 = ${this.#number(2)}`
    }
  }

  #expression(kind: Kind, depth: number): string {
    switch (kind) {
      case 'number':
        return this.#number(depth)
      case 'string':
        return this.#string(depth)
      case 'table':
        return this.#table(depth)
      case 'any':
        return this.#any(depth)
    }
  }

  #number(depth: number): string {
    const choice = this.#choice
    if (depth <= 0) return choice.oneIn(4) ? choice.of(['n1', 'n2', '#s1', '#t1']) : choice.of(NUMBERS)
    const a = (): string => this.#number(depth - 1)
    switch (choice.below(12)) {
      case 0:
        return `(${a()} ${choice.of(['+', '-', '*', '/', '%'])} ${a()})`
      case 1:
        return `math.${choice.of(['floor', 'ceil', 'abs', 'sqrt', 'modf'])}(${a()})`
      case 2:
        return `math.${choice.of(['max', 'min'])}(${a()}, ${a()})`
      case 3:
        return `bit.${choice.of(['band', 'bor', 'bxor', 'lshift', 'rshift', 'arshift', 'rol', 'ror'])}(${a()}, ${a()})`
      case 4:
        return `bit.${choice.of(['bnot', 'bswap', 'tobit'])}(${a()})`
      case 5:
        return `tonumber(${this.#string(depth - 1)}${choice.oneIn(3) ? `, ${choice.of(['2', '8', '10', '16', '36'])}` : ''})`
      case 6:
        return `string.byte(${this.#string(depth - 1)}, ${this.#smallInteger()})`
      case 7:
        return `string.find(${this.#string(depth - 1)}, ${this.#pattern()}${choice.oneIn(3) ? `, ${this.#smallInteger()}` : ''})`
      case 8:
        return `#${this.#string(depth - 1)}`
      case 9:
        return `#${this.#table(depth - 1)}`
      case 10:
        return `(${this.#smallInteger()} ^ ${choice.of(['0', '1', '2', '3', '10', '0.5'])})`
      default:
        return `math.ldexp(${choice.of(NUMBERS)}, ${this.#smallInteger()})`
    }
  }

  #string(depth: number): string {
    const choice = this.#choice
    if (depth <= 0) return choice.oneIn(4) ? choice.of(['s1', 's2']) : choice.of(STRINGS)
    const s = (): string => this.#string(depth - 1)
    switch (choice.below(16)) {
      case 0:
        return `(${s()} .. ${choice.oneIn(3) ? this.#number(depth - 1) : s()})`
      case 1:
        return `string.sub(${s()}, ${this.#smallInteger()}, ${this.#smallInteger()})`
      case 2:
        return `string.${choice.of(['upper', 'lower', 'reverse', 'len'])}(${s()})`
      case 3:
        return `string.rep(${s()}, ${choice.of(['0', '1', '2', '3', '-1'])})`
      case 4:
      case 5:
        return this.#format(depth)
      case 6:
        return `string.gsub(${s()}, ${this.#pattern()}, ${this.#replacement()}${choice.oneIn(4) ? ', 2' : ''})`
      case 7:
        return `string.match(${s()}, ${this.#pattern()})`
      case 8:
        return `tostring(${choice.oneIn(2) ? this.#number(depth - 1) : s()})`
      case 9:
        return `table.concat(${this.#table(depth - 1)}, ${choice.of(["','", "''", 's1', '1'])})`
      case 10:
        return `cjson.encode(${this.#any(depth - 1)})`
      case 11:
        return `cmsgpack.pack(${this.#any(depth - 1)}${choice.oneIn(3) ? `, ${this.#any(depth - 1)}` : ''})`
      case 12:
        return `struct.pack(${this.#structFormat()}, ${this.#number(depth - 1)}, ${choice.oneIn(2) ? s() : this.#number(0)})`
      case 13:
        return `string.char(${this.#byte()}, ${this.#byte()})`
      case 14:
        return `bit.tohex(${this.#number(depth - 1)}${choice.oneIn(2) ? `, ${this.#smallInteger()}` : ''})`
      default:
        return `redis.sha1hex(${s()})`
    }
  }

  #table(depth: number): string {
    const choice = this.#choice
    if (depth <= 0) return choice.oneIn(2) ? choice.of(['t1', 't2']) : this.#tableOf()
    switch (choice.below(7)) {
      case 0:
        return `{${this.#any(depth - 1)}, ${this.#any(depth - 1)}, k = ${this.#any(depth - 1)}}`
      case 1:
        return `cjson.decode(${choice.oneIn(2) ? this.#string(depth - 1) : `'${choice.of(JSON_TEXTS)}'`})`
      case 2:
        return `{cmsgpack.unpack(${choice.oneIn(2) ? `cmsgpack.pack(${this.#any(depth - 1)})` : this.#string(depth - 1)})}`
      case 3:
        return `{struct.unpack(${this.#structFormat()}, ${this.#string(depth - 1)})}`
      case 4:
        return `{string.find(${this.#string(depth - 1)}, ${this.#pattern()})}`
      case 5:
        return `{loadstring(${JSON.stringify(this.#program())})}`
      default:
        return `cjson.decode(cjson.encode(${this.#any(depth - 1)}))`
    }
  }

  #any(depth: number): string {
    const choice = this.#choice
    switch (choice.below(depth <= 0 ? 5 : 9)) {
      case 0:
        return choice.of(['nil', 'true', 'false'])
      case 1:
        return this.#string(depth - 1)
      case 2:
        return this.#table(depth - 1)
      case 3:
      case 4:
        return this.#number(depth - 1)
      case 5:
        return `(${this.#any(depth - 1)} ${choice.of(['and', 'or', '==', '~='])} ${this.#any(depth - 1)})`
      case 6: {
        const kind = choice.of(['number', 'string'] as const)
        const sides = [this.#expression(kind, depth - 1), this.#expression(choice.oneIn(9) ? 'any' : kind, depth - 1)]
        return `(${sides.join(choice.of([' < ', ' <= ', ' > ', ' >= ']))})`
      }
      case 7:
        return `unpack(${this.#table(depth - 1)})`
      default:
        return `select(${choice.of(['1', '2', "'#'", '-1', '0'])}, ${this.#any(depth - 1)}, ${this.#any(depth - 1)})`
    }
  }

  #tableOf(): string {
    const choice = this.#choice
    const fields = Array.from({ length: choice.below(5) }, () => {
      const value = choice.oneIn(6) ? '{1, {2}}' : choice.oneIn(2) ? choice.of(NUMBERS) : choice.of(STRINGS)
      if (choice.oneIn(3)) return `['k${choice.below(4)}'] = ${value}`
      return choice.oneIn(6) ? `[${choice.of(['1', '2', '3', '5', '100', '1.5', 'true'])}] = ${value}` : value
    })
    return `{${fields.join(', ')}}`
  }

  #format(depth: number): string {
    const choice = this.#choice
    const count = choice.between(1, 3)
    const given = Array.from({ length: count - (choice.oneIn(10) ? 1 : 0) }, () =>
      choice.oneIn(4) ? this.#string(depth - 1) : this.#number(depth - 1),
    )
    const format = Array.from({ length: count }, () => choice.of(FORMATS)).join(' ')
    return `string.format(${[`"${format}"`, ...given].join(', ')})`
  }

  #pattern(): string {
    const choice = this.#choice
    let pattern = choice.oneIn(6) ? '^' : ''
    for (let i = choice.between(1, 4); i > 0; i--) {
      // Two that repeat at most: what goes through all their ways takes as many steps as the text is long, squared.
      const part = choice.of(PATTERN_PARTS) + (i <= 2 ? choice.of(QUANTIFIERS) : '')
      pattern += choice.oneIn(5) ? `(${part})` : part
    }
    if (choice.oneIn(8)) pattern += '$'
    if (choice.oneIn(15)) pattern += choice.of(PATTERN_FAULTS)
    return `"${pattern}"`
  }

  #replacement(): string {
    const choice = this.#choice
    return choice.of([
      ...["'x'", "'[%0]'", "'%1%1'", "'%%'", "'%2'", "'%'", "''", 't1', '{a = 1, b = false, l = {}}', '7'],
      ...['function(c) return c .. c end', 'function() return nil end', 'string.upper'],
    ])
  }

  #structFormat(): string {
    const choice = this.#choice
    return `'${Array.from({ length: choice.between(1, 3) }, () => choice.of(STRUCT_FORMATS)).join('')}'`
  }

  #program(): string {
    const choice = this.#choice
    return Array.from({ length: choice.between(1, 8) }, () => choice.of(WORDS)).join(' ')
  }

  #smallInteger(): string {
    return this.#choice.of(['0', '1', '2', '3', '4', '5', '8', '20', '-1', '-2', '-3', '-10'])
  }

  #byte(): string {
    return this.#choice.of(['0', '10', '48', '65', '97', '127', '128', '255', '256', '-1'])
  }
}
