/**
 * Things with a deadline, the earliest first: a binary heap in which every thing knows its place, so that it can be taken
 * out before its time.
 *
 * Any thread. Invariant: `heapPlace` of a thing in the heap is its index there, of any other thing -1.
 */
export interface HasDeadline {
  readonly deadlineMs: number
  /** The heap's own; -1 at the beginning. */
  heapPlace: number
}

export class DeadlineHeap<T extends HasDeadline> {
  readonly #things: T[] = []

  get size(): number {
    return this.#things.length
  }

  get earliest(): T | undefined {
    return this.#things[0]
  }

  add(thing: T): void {
    this.#things.push(thing)
    this.#rise(this.#things.length - 1, thing)
  }

  /** Does nothing when the thing is not in the heap. */
  remove(thing: T): void {
    const place = thing.heapPlace
    if (place < 0) return
    thing.heapPlace = -1
    const last = this.#things.pop() as T
    if (last === thing) return
    if (place > 0 && last.deadlineMs < (this.#things[(place - 1) >> 1] as T).deadlineMs) this.#rise(place, last)
    else this.#sink(place, last)
  }

  #rise(from: number, thing: T): void {
    let place = from
    while (place > 0) {
      const parentPlace = (place - 1) >> 1
      const parent = this.#things[parentPlace] as T
      if (parent.deadlineMs <= thing.deadlineMs) break
      this.#put(place, parent)
      place = parentPlace
    }
    this.#put(place, thing)
  }

  #sink(from: number, thing: T): void {
    const things = this.#things
    let place = from
    for (;;) {
      let childPlace = place * 2 + 1
      if (childPlace >= things.length) break
      const right = things[childPlace + 1]
      if (right !== undefined && right.deadlineMs < (things[childPlace] as T).deadlineMs) childPlace++
      const child = things[childPlace] as T
      if (thing.deadlineMs <= child.deadlineMs) break
      this.#put(place, child)
      place = childPlace
    }
    this.#put(place, thing)
  }

  #put(place: number, thing: T): void {
    this.#things[place] = thing
    thing.heapPlace = place
  }
}
