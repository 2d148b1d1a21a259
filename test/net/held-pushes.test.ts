/** Pushes that wait for replies, without a server. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { HeldPushes } from '../../src/net/held-pushes.js'

const MIB = 1024 * 1024

it('gives pushes back in order, each when the replies before it are out', () => {
  const pushes = new HeldPushes()
  const taken: number[] = []
  for (let i = 0; i < 1000; i++) {
    pushes.add(i, Uint8Array.of(i & 0xff), 0, 1)
    if (i >= 10) taken.push((pushes.take(i - 10) as Uint8Array)[0] as number)
  }
  expect(taken).toEqual(Array.from({ length: 990 }, (_, i) => i & 0xff))
  expect(pushes.take(989)).toBe(null)
  expect(pushes.bytes).toBe(10)
  for (let i = 990; i < 1000; i++) expect(pushes.take(1000)).toEqual(Uint8Array.of(i & 0xff))
  expect(pushes.isEmpty).toBe(true)
})

it('keeps nothing of what has gone, even if it never gets empty', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const pushes = new HeldPushes()
  const message = new Uint8Array(64 * 1024)
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 4000; i++) {
    pushes.add(i, message, 0, message.length)
    if (i > 0) pushes.take(i - 1)
  }
  collectGarbage()
  expect(pushes.isEmpty).toBe(false)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * MIB)
})
