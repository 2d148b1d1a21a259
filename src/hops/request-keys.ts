/** The keys of a request that a coordinator has in hand, with the database that each is in. Main thread. */
import { keyPositions, writtenKeyPositions } from '../commands/table.js'
import { pack } from './packed-arguments.js'
import type { CommandRequest } from './request.js'

export interface RequestKey {
  readonly key: Uint8Array
  readonly database: number
  /** Whether the command may change what the key holds. */
  readonly isWritten: boolean
}

/** Keys in the command's order, each once. */
export function keysOf(request: CommandRequest, databases: number): readonly RequestKey[] {
  const { argv, spec, database } = request
  const { bytes, offsets, lengths } = pack(argv)
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argv.length, positions)
  const written: number[] = []
  writtenKeyPositions(spec, bytes, offsets, lengths, argv.length, written)
  const writtenNames = new Set(written.map((position) => nameOf(argv[position] as Uint8Array)))
  const seen = new Set<string>()
  const keys: RequestKey[] = []
  positions.forEach((position, k) => {
    const key = argv[position] as Uint8Array
    const name = nameOf(key)
    if (seen.has(name)) return
    seen.add(name)
    keys.push({
      key,
      database: spec.name === 'copy' && k === 1 ? copyDatabase(argv, database, databases) : database,
      isWritten: writtenNames.has(name),
    })
  })
  return keys
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}

/** COPY's DB option; of several the last counts. A number that is none is the handler's to refuse. */
function copyDatabase(argv: readonly Uint8Array[], database: number, databases: number): number {
  let last = database
  for (let i = 3; i + 1 < argv.length; i++) {
    if (
      Buffer.from(argv[i] as Uint8Array)
        .toString('latin1')
        .toLowerCase() !== 'db'
    )
      continue
    const named = Number(Buffer.from(argv[i + 1] as Uint8Array).toString('latin1'))
    if (Number.isInteger(named) && named >= 0 && named < databases) last = named
  }
  return last
}
