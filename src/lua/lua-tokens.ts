/**
 * The words of a Lua text, for whoever wants to know something about a script without running it. Any thread.
 *
 * Lua 5.1's lexical rules: https://www.lua.org/manual/5.1/manual.html#2.1. A text that does not follow them gives no tokens
 * at all; whether it compiles is the compiler's to say.
 */

export interface LuaToken {
  readonly kind: 'name' | 'string' | 'number' | 'symbol'
  /** One character a byte. Of a string its contents; those with escapes in them are left as they stand in the text. */
  readonly text: string
  /** Of a string: it has no escapes, so that `text` is what it means. */
  readonly isPlain: boolean
}

const TOKEN =
  /[ \t\r\n\v\f]+|--\[(?<commentLevel>=*)\[[\s\S]*?\]\k<commentLevel>\]|--(?!\[=*\[)[^\n]*|(?<name>[A-Za-z_]\w*)|\[(?<level>=*)\[(?<long>[\s\S]*?)\]\k<level>\]|"(?<double>(?:\\[\s\S]|[^"\\\n])*)"|'(?<single>(?:\\[\s\S]|[^'\\\n])*)'|(?<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<symbol>\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.])/y

/** The tokens of a text, or undefined where it is none of Lua's. */
export function luaTokens(text: string): LuaToken[] | undefined {
  const tokens: LuaToken[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const groups = TOKEN.exec(text)?.groups
    if (groups === undefined) return undefined
    const { name, long, double, single, number, symbol } = groups
    const string = double ?? single
    if (name !== undefined) tokens.push({ kind: 'name', text: name, isPlain: true })
    else if (string !== undefined) tokens.push({ kind: 'string', text: string, isPlain: !string.includes('\\') })
    else if (long !== undefined) tokens.push({ kind: 'string', text: long, isPlain: !long.startsWith('\n') })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, isPlain: true })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, isPlain: true })
  }
  return tokens
}
