/**
 * The names of value types, as TYPE replies them and as SCAN's TYPE option takes them.
 *
 * Imported by both threads; constants only.
 */
import { asciiBytes } from '../base/bytes.js'
import { ValueType } from '../store/value-type.js'

/** Names by value type. A key that does not exist has the type "none". */
export const typeNames: readonly string[] = namesByType()

function namesByType(): string[] {
  const names: string[] = []
  for (const [name, type] of Object.entries(ValueType)) names[type] = name
  return names
}

/** The replies of TYPE by value type. */
export const typeReplies: readonly Uint8Array[] = typeNames.map((name) => asciiBytes(`+${name}\r\n`))

export const noTypeReply = asciiBytes('+none\r\n')
