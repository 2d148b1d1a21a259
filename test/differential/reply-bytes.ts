/**
 * The bounds of replies in raw bytes, RESP2 and RESP3, also of bytes that have not all come yet.
 *
 * Only used by tests.
 */

const LF = 10

/** The offset behind the reply that begins at `at`, or -1 when it is not complete. */
export function replyEnd(bytes: Buffer, at: number): number {
  let next = at
  for (let pending = 1; pending > 0; pending--) {
    const lineFeed = bytes.indexOf(LF, next)
    if (lineFeed < 0) return -1
    const length = Number(bytes.toString('latin1', next + 1, lineFeed - 1))
    const type = String.fromCharCode(bytes[next] as number)
    next = lineFeed + 1
    if (type === '$' || type === '=' || type === '!') {
      if (length >= 0) next += length + 2
      if (next > bytes.length) return -1
    } else if (type === '*' || type === '~' || type === '>') {
      pending += Math.max(0, length)
    } else if (type === '%') {
      pending += 2 * length
    } else if (!'+-:,(#_'.includes(type)) {
      throw new Error(`no reply begins with ${JSON.stringify(type)}`)
    }
  }
  return next
}

/** The replies inside an array, set or map; undefined for any other reply, a null among them. */
export function elementsOf(reply: Buffer): Buffer[] | undefined {
  if (!'*~%'.includes(String.fromCharCode(reply[0] as number))) return undefined
  let at = reply.indexOf(LF) + 1
  if (reply.toString('latin1', 1, at - 2) === '-1') return undefined
  const elements: Buffer[] = []
  while (at < reply.length) {
    const end = replyEnd(reply, at)
    elements.push(reply.subarray(at, end))
    at = end
  }
  return elements
}

/** The body of a bulk string; undefined for any other reply, a null among them. */
export function bulkOf(reply: Buffer): Buffer | undefined {
  if (reply[0] !== '$'.charCodeAt(0)) return undefined
  const from = reply.indexOf(LF) + 1
  return reply.toString('latin1', 0, from) === '$-1\r\n' ? undefined : reply.subarray(from, reply.length - 2)
}

/** The number of an integer reply, exactly; undefined for any other reply. */
export function integerOf(reply: Buffer): bigint | undefined {
  return reply[0] === ':'.charCodeAt(0) ? BigInt(reply.toString('latin1', 1, reply.length - 2)) : undefined
}

export function isErrorReply(reply: Buffer): boolean {
  return reply[0] === '-'.charCodeAt(0)
}
