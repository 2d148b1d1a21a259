/**
 * What a client may call itself and its library: words that keep CLIENT LIST's lines splittable at spaces.
 *
 * Runs on the main thread.
 */
import { encodeError } from '../resp/errors.js'

export const CLIENT_NAME_REFUSED = encodeError(
  'ERR Client names cannot contain spaces, newlines or special characters.',
)

/** Whether `text` has printable ASCII characters only, and no space. The empty word, which unsets a name, is one. */
export function isPlainWord(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x21 || c > 0x7e) return false
  }
  return true
}
