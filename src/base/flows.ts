/**
 * Which keys may pass elements on to which: a directed graph of key names, with edges that are counted.
 *
 * Any thread. BLMOVE that waits for `a` with destination `b` is an edge from `a` to `b`: a push to `a` writes to `b` as well,
 * and to whatever is reached from there.
 */
export class Flows {
  readonly #edges = new Map<string, Map<string, number>>()

  get isEmpty(): boolean {
    return this.#edges.size === 0
  }

  add(from: string, to: string): void {
    let targets = this.#edges.get(from)
    if (targets === undefined) {
      targets = new Map()
      this.#edges.set(from, targets)
    }
    targets.set(to, (targets.get(to) ?? 0) + 1)
  }

  /** Takes back one `add` of the same edge. */
  remove(from: string, to: string): void {
    const targets = this.#edges.get(from)
    const count = targets?.get(to)
    if (targets === undefined || count === undefined) return
    if (count > 1) {
      targets.set(to, count - 1)
      return
    }
    targets.delete(to)
    if (targets.size === 0) this.#edges.delete(from)
  }

  /** The names given and all that are reached from them, each once. */
  reach(names: Iterable<string>): Set<string> {
    const reached = new Set(names)
    // A set is iterated over what is added to it on the way, too.
    for (const name of reached) for (const target of this.#edges.get(name)?.keys() ?? []) reached.add(target)
    return reached
  }
}
