/**
 * The geo commands: sorted sets whose scores are positions on the earth.
 *
 * Imported by both threads; the entries only.
 */
import type { CommandSpec } from '../spec.js'
import { geoLookupCommands } from './geo-lookup.js'
import { geoSearchCommands } from './geo-search-commands.js'
import { geoaddCommands } from './geoadd.js'

export const geoCommands: readonly CommandSpec[] = [...geoaddCommands, ...geoLookupCommands, ...geoSearchCommands]
