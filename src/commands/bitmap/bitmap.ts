/**
 * The bitmap commands: strings seen as rows of bits.
 *
 * Imported by both threads; the entries only.
 */
import type { CommandSpec } from '../spec.js'
import { bitfieldCommands } from './bitfield.js'
import { bitopCommands } from './bitop.js'
import { singleBitCommands } from './single-bit.js'

export const bitmapCommands: readonly CommandSpec[] = [...singleBitCommands, ...bitfieldCommands, ...bitopCommands]
