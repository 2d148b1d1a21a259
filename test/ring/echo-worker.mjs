/**
 * The other thread of soak.test.ts: sends back every frame that comes, until one of length 8 says that it is over.
 *
 * Plain JavaScript, because a worker thread gets no transpiler; what it tests is the compiled ring.
 * Its waits have no end of their own (60 s), so that a lost wake-up is a stop and not a delay.
 */
import { workerData } from 'node:worker_threads'

const { RingConsumer, RingProducer, FRAME_KIND_SHIFT, FRAME_LENGTH_MASK } = await import(workerData.module)

const WAIT_MS = 60_000
const LAST_FRAME_BYTES = 8

const requests = new RingConsumer(workerData.requests)
const replies = new RingProducer(workerData.replies)

function room(bytes) {
  for (;;) {
    const offset = replies.reserve(bytes)
    if (offset >= 0) return offset
    replies.publish()
    replies.waitForRoom(WAIT_MS)
  }
}

for (let isOver = false; !isOver; ) {
  let frames = 0
  for (let offset = requests.next(); offset >= 0; offset = requests.next()) {
    const header = requests.words[offset >> 2]
    const bytes = header & FRAME_LENGTH_MASK
    const target = room(bytes)
    replies.bytes.set(requests.bytes.subarray(offset, offset + bytes), target)
    replies.commit(target, bytes, header >>> FRAME_KIND_SHIFT)
    requests.release(offset)
    isOver ||= bytes === LAST_FRAME_BYTES
    if (++frames % 16 === 0) {
      requests.publishReleased()
      replies.publishQuietly()
    }
  }
  requests.publishReleased()
  replies.publish()
  if (!isOver) requests.sleep(WAIT_MS)
}
