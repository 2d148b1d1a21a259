/**
 * Checks a node of a stream that comes from outside: whether its listpack has the parts that a node has, in their places.
 *
 * Used by the thread that loads. What a node is, see stream/stream-node.ts. IDs are not looked at here: they can be read
 * without danger once the parts are right.
 */
import { LISTPACK_FIRST, Listpack } from '../listpack.js'
import { checkListpack } from '../listpack-entry.js'

const DELETED_FLAG = 1
const SAME_FIELDS_FLAG = 2
const FLAGS_MAX = DELETED_FLAG | SAME_FIELDS_FLAG

/** Flags and the two differences of its ID begin every entry. */
const ENTRY_HEAD_ELEMENTS = 3

/** Walks over the elements of one listpack; the first thing that is not as it should be stops it. */
class NodeWalk {
  private readonly listpack = new Listpack()
  isSound = true
  live = 0
  deleted = 0
  private at = LISTPACK_FIRST

  constructor(bytes: Uint8Array, offset: number) {
    this.listpack.stand(bytes, offset)
  }

  get isAtEnd(): boolean {
    return this.listpack.isEnd(this.at)
  }

  /** The next element, which must be an integer, and not a negative one. */
  takeCount(): number {
    this.takeInteger()
    const { number } = this.listpack
    if (!(number >= 0)) this.isSound = false
    return this.isSound ? number : 0
  }

  /** The next element, which must be an integer. */
  takeInteger(): void {
    this.takeElement()
    if (!this.listpack.isInteger) this.isSound = false
  }

  skip(elements: number): void {
    for (let i = 0; i < elements && this.isSound; i++) this.takeElement()
  }

  private takeElement(): void {
    if (!this.isSound || this.isAtEnd) {
      this.isSound = false
      return
    }
    this.listpack.read(this.at)
    this.at = this.listpack.next(this.at)
  }
}

/**
 * @returns how many entries of the node are not deleted, or -1 when it is malformed
 */
export function checkStreamNode(bytes: Uint8Array, offset: number, length: number): number {
  if (checkListpack(bytes, offset, length) < 0) return -1
  const walk = new NodeWalk(bytes, offset)
  const live = walk.takeCount()
  const deleted = walk.takeCount()
  const masterFields = walk.takeCount()
  walk.skip(masterFields)
  if (walk.takeCount() !== 0) return -1
  while (walk.isSound && !walk.isAtEnd) checkEntry(walk, masterFields)
  return walk.isSound && walk.live === live && walk.deleted === deleted ? live : -1
}

function checkEntry(walk: NodeWalk, masterFields: number): void {
  const flags = walk.takeCount()
  if (flags > FLAGS_MAX) walk.isSound = false
  walk.takeInteger()
  walk.takeInteger()
  let elements = ENTRY_HEAD_ELEMENTS + masterFields
  if ((flags & SAME_FIELDS_FLAG) !== 0) {
    walk.skip(masterFields)
  } else {
    const fields = walk.takeCount()
    walk.skip(fields * 2)
    elements = ENTRY_HEAD_ELEMENTS + 1 + fields * 2
  }
  if (walk.takeCount() !== elements) walk.isSound = false
  if ((flags & DELETED_FLAG) !== 0) walk.deleted++
  else walk.live++
}
