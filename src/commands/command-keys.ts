/**
 * COMMAND GETKEYS and COMMAND GETKEYSANDFLAGS: the keys of a command that is given with its arguments.
 *
 * Runs on the main thread. Invariant: positions are the table's own (`keyPositions`), so that what is answered here is
 * what the router goes by.
 */
import { latin1Of } from '../base/bytes.js'
import { encodeError } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { CommandTableView } from './server-services.js'
import type { CommandSpec, KeyFlag } from './spec.js'

const INVALID_COMMAND = encodeError('ERR Invalid command specified')
const NO_KEYS = encodeError('ERR The command has no key arguments')
const INVALID_COUNT = encodeError('ERR Invalid number of arguments specified for command')
const INVALID_ARGUMENTS = encodeError('ERR Invalid arguments specified for command')

/** The command in question begins behind COMMAND GETKEYS. */
const COMMAND_AT = 2

/** A command inside another one's arguments. */
interface QuotedCommand {
  readonly spec: CommandSpec
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  readonly argc: number
}

export function getKeys(call: MainCall): void {
  writeKeys(call, false)
}

export function getKeysAndFlags(call: MainCall): void {
  writeKeys(call, true)
}

function writeKeys(call: MainCall, withFlags: boolean): void {
  const { reply } = call
  const table = call.server.commandTable
  const spec = lookUpQuoted(call, table)
  if (spec === undefined) {
    reply.error(INVALID_COMMAND)
    return
  }
  if (!takesKeys(spec)) {
    reply.error(NO_KEYS)
    return
  }
  const argc = call.argc - COMMAND_AT
  if (spec.arity >= 0 ? argc !== spec.arity : argc < -spec.arity) {
    reply.error(INVALID_COUNT)
    return
  }
  const quoted: QuotedCommand = {
    spec,
    bytes: call.bytes,
    offsets: call.offsets.subarray(COMMAND_AT),
    lengths: call.lengths.subarray(COMMAND_AT),
    argc,
  }
  const positions = positionsIn(table, quoted, spec)
  if (positions.length === 0 && !spec.flags.includes('no_mandatory_keys')) {
    reply.error(INVALID_ARGUMENTS)
    return
  }
  const flags = withFlags ? flagsByPosition(table, quoted) : undefined
  reply.array(positions.length)
  for (const position of positions) {
    if (flags === undefined) {
      call.replyArgument(COMMAND_AT + position)
      continue
    }
    const keyFlags = flags(position)
    reply.array(2)
    call.replyArgument(COMMAND_AT + position)
    reply.set(keyFlags.length)
    for (const flag of keyFlags) reply.simple(flag)
  }
}

function lookUpQuoted(call: MainCall, table: CommandTableView): CommandSpec | undefined {
  const command = table.lookup(call.text(COMMAND_AT))
  if (command?.subcommands === undefined || call.argc === COMMAND_AT + 1) return command
  return table.lookup(call.text(COMMAND_AT), call.text(COMMAND_AT + 1))
}

function takesKeys(spec: CommandSpec): boolean {
  return spec.findKeys !== undefined || (spec.keySpecs ?? []).some((keySpec) => !keySpec.flags.includes('not_key'))
}

function positionsIn(table: CommandTableView, quoted: QuotedCommand, spec: CommandSpec): number[] {
  const positions: number[] = []
  table.keyPositions(spec, quoted.bytes, quoted.offsets, quoted.lengths, quoted.argc, positions)
  return positions
}

/**
 * What the command does with the key at a position: the flags of the specification that finds it. A key that none
 * finds can only be one that a specification of unknown place stands for, such as the destination of SORT.
 */
function flagsByPosition(table: CommandTableView, quoted: QuotedCommand): (position: number) => readonly KeyFlag[] {
  const { findKeys: _notBySpecification, ...spec } = quoted.spec
  const found = new Map<number, readonly KeyFlag[]>()
  let unplaced: readonly KeyFlag[] = []
  for (const keySpec of spec.keySpecs ?? []) {
    const flags = keySpec.flags.includes('variable_flags') ? variableFlags(quoted) : keySpec.flags
    if (keySpec.begin === 'unknown' || keySpec.find === 'unknown') unplaced = flags
    for (const position of positionsIn(table, quoted, { ...spec, keySpecs: [keySpec] })) found.set(position, flags)
  }
  return (position) => found.get(position) ?? unplaced
}

const READ: readonly KeyFlag[] = ['RO', 'access']
const READ_AND_UPDATE: readonly KeyFlag[] = ['RW', 'access', 'update']
const OVERWRITE: readonly KeyFlag[] = ['OW', 'update']

/** The flags of the two commands that only their arguments decide. */
function variableFlags(quoted: QuotedCommand): readonly KeyFlag[] {
  switch (quoted.spec.name) {
    case 'set': {
      for (let i = 3; i < quoted.argc; i++) if (wordAt(quoted, i) === 'get') return READ_AND_UPDATE
      return OVERWRITE
    }
    case 'bitfield':
      return bitfieldReadsOnly(quoted) ? READ : READ_AND_UPDATE
    default:
      return []
  }
}

/** Whether a BITFIELD has GET (and OVERFLOW) only. Anything that is not understood may write. */
function bitfieldReadsOnly(quoted: QuotedCommand): boolean {
  let i = 2
  while (i < quoted.argc) {
    const word = wordAt(quoted, i)
    const following = quoted.argc - 1 - i
    if (word === 'get' && following >= 2) i += 3
    else if (word === 'overflow' && following >= 1) i += 2
    else return false
  }
  return true
}

function wordAt(quoted: QuotedCommand, i: number): string {
  return latin1Of(quoted.bytes, quoted.offsets[i] as number, quoted.lengths[i] as number).toLowerCase()
}
