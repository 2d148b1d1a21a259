/** Encodes commands as clients do: an array of bulk strings. Pure; runs wherever load is made. */

export type Argument = string | number | Buffer

const CRLF = Buffer.from('\r\n')

/** One command as RESP. Strings are taken as latin1, so that each character is one byte. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const argument of args) {
    const bytes = Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument), 'latin1')
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
  }
  return Buffer.concat(parts)
}
