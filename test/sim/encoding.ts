/** RESP2 replies as texts, one character a byte. Only used by the simulation. */

export const OK = '+OK\r\n'
export const NIL_ARRAY = '*-1\r\n'

export function error(text: string): string {
  return `-${text}\r\n`
}

export function integer(n: number): string {
  return `:${n}\r\n`
}

export function bulk(value: string | undefined): string {
  return value === undefined ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`
}

/** Where the reply that begins at `from` ends. */
export function endOf(text: string, from: number): number {
  const lineEnd = text.indexOf('\r\n', from) + 2
  if (lineEnd < 2) throw new Error(`a reply ends in a line: ${JSON.stringify(text.slice(from, from + 100))}`)
  const n = Number(text.slice(from + 1, lineEnd - 2))
  switch (text[from]) {
    case '$':
      return n < 0 ? lineEnd : lineEnd + n + 2
    case '*': {
      let at = lineEnd
      for (let i = 0; i < n; i++) at = endOf(text, at)
      return at
    }
    case '+':
    case '-':
    case ':':
      return lineEnd
    default:
      throw new Error(`no reply begins with ${JSON.stringify(text.slice(from, from + 100))}`)
  }
}

/** The elements of an encoded array, each encoded. */
export function elementsOf(text: string): readonly string[] {
  if (text[0] !== '*') return []
  const elements: string[] = []
  let at = text.indexOf('\n') + 1
  while (at < text.length) {
    const end = endOf(text, at)
    elements.push(text.slice(at, end))
    at = end
  }
  return elements
}
