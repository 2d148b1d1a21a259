/**
 * Sorts as far as somebody will look: of many elements the first few, in order.
 *
 * Runs on every thread. What is returned in which order when several elements are equal is Redis's, because clients see it;
 * therefore this is its algorithm, which is not stable, and not the language's sort.
 *
 * Algorithm: J. L. Bentley and M. D. McIlroy, Engineering a sort function (1993), which leaves out the parts that lie outside
 * of what is asked for.
 */

/** Negative, zero or positive, as the element named by `left` comes before, with or behind that named by `right`. */
export type Comparison = (left: number, right: number) => number

/** Shorter parts are sorted by insertion. */
const INSERTION_MAX = 7
/** From more elements than this the middle one is chosen of nine, else of three. */
const MEDIAN_OF_THREE_MAX = 40

/** Rearranges `elements` so that those up to number `last`, from 0, are the first in order. Behind it any order is left. */
export function sortFirst(elements: Int32Array, last: number, compare: Comparison): void {
  sortPart(elements, 0, elements.length, last, compare)
}

function sortPart(elements: Int32Array, start: number, size: number, last: number, compare: Comparison): void {
  let from = start
  let count = size
  while (count >= INSERTION_MAX) {
    const end = from + count
    swap(elements, from, middleOf(elements, from, count, compare))
    // Equal ones gather at both ends, smaller ones behind the left and greater ones before the right.
    let equalLeft = from + 1
    let left = from + 1
    let right = end - 1
    let equalRight = end - 1
    for (;;) {
      for (let order = 0; left <= right; left++) {
        order = compare(elements[left]!, elements[from]!)
        if (order > 0) break
        if (order === 0) swap(elements, equalLeft++, left)
      }
      for (let order = 0; left <= right; right--) {
        order = compare(elements[right]!, elements[from]!)
        if (order < 0) break
        if (order === 0) swap(elements, right, equalRight--)
      }
      if (left > right) break
      swap(elements, left++, right--)
    }
    swapRanges(elements, from, left, Math.min(equalLeft - from, left - equalLeft))
    swapRanges(elements, left, end, Math.min(equalRight - right, end - equalRight - 1))
    const smaller = left - equalLeft
    const greater = equalRight - right
    if (smaller > 1) sortPart(elements, from, smaller, last, compare)
    from = end - greater
    count = greater
    if (count <= 1 || from > last) return
  }
  for (let i = from + 1; i < from + count; i++) {
    for (let j = i; j > from && compare(elements[j - 1]!, elements[j]!) > 0; j--) swap(elements, j, j - 1)
  }
}

/** The place of an element that is likely to be in the middle. */
function middleOf(elements: Int32Array, from: number, count: number, compare: Comparison): number {
  let middle = from + (count >>> 1)
  if (count === INSERTION_MAX) return middle
  let first = from
  let last = from + count - 1
  if (count > MEDIAN_OF_THREE_MAX) {
    const step = count >>> 3
    first = median(elements, first, first + step, first + 2 * step, compare)
    middle = median(elements, middle - step, middle, middle + step, compare)
    last = median(elements, last - 2 * step, last - step, last, compare)
  }
  return median(elements, first, middle, last, compare)
}

function median(elements: Int32Array, a: number, b: number, c: number, compare: Comparison): number {
  if (compare(elements[a]!, elements[b]!) < 0) {
    if (compare(elements[b]!, elements[c]!) < 0) return b
    return compare(elements[a]!, elements[c]!) < 0 ? c : a
  }
  if (compare(elements[b]!, elements[c]!) > 0) return b
  return compare(elements[a]!, elements[c]!) < 0 ? a : c
}

function swap(elements: Int32Array, i: number, j: number): void {
  const kept = elements[i]!
  elements[i] = elements[j]!
  elements[j] = kept
}

/** Exchanges `count` elements from `from` on with the `count` last ones before `end`. */
function swapRanges(elements: Int32Array, from: number, end: number, count: number): void {
  for (let i = 0; i < count; i++) swap(elements, from + i, end - count + i)
}
