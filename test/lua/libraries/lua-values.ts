/** Any values, as Lua writes them. Only used by tests. */
import fc from 'fast-check'

/** A string of any bytes as a literal. */
export function luaString(bytes: Uint8Array): string {
  return `'${[...bytes].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`
}

const string = fc.uint8Array({ maxLength: 12 }).map(luaString)
const number = fc.oneof(
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? '0' : String(value))),
)

/** Tables of tables, strings, numbers, booleans; arrays, maps, and both in one. */
export const anyLua: fc.Arbitrary<string> = fc.letrec<{ value: string; table: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, string, number, fc.constantFrom('true', 'false', 'cjson.null'), tie('table')),
  table: fc
    .tuple(
      fc.array(tie('value'), { maxLength: 5 }),
      fc.array(fc.tuple(fc.oneof(string, number), tie('value')), { maxLength: 5 }),
    )
    .map(([items, pairs]) => `{${[...items, ...pairs.map(([key, value]) => `[${key}] = ${value}`)].join(', ')}}`),
})).value
