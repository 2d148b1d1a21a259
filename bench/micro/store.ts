/**
 * Micro-benchmark of the store: SET, GET and DEL of 16-byte keys in one thread, without rings and sockets.
 *
 *   node --expose-gc dist/bench/micro/store.js [keys] [valueBytes]
 *
 * Prints ns for each operation, bytes for each key (resident memory and `memory()`), the growth of V8's heap, and the
 * longest single operation while five times as many keys are added. Keys are visited in a scattered order, so that a
 * lookup misses the cache as it does in a server.
 */
import { Keyspace } from '../../src/store/keyspace.js'
import { Encoding, NO_EXPIRY } from '../../src/store/value-type.js'

const KEY_BYTES = 16
/** A prime: i * STRIDE % keys visits all keys, and no two in a row that lie near each other. */
const STRIDE = 618_041

const keys = Number(process.argv[2] ?? 1_000_000)
const valueBytes = Number(process.argv[3] ?? 32)
const growth = 5

const keyspace = new Keyspace({ databases: 1, hashSeed: [0x12345678, 0x9abcdef0], randomSeed: 1 })
keyspace.nowMs = 1_700_000_000_000
const db = keyspace.database(0)
const request = new Uint8Array(new SharedArrayBuffer(4096))
const key = 20
const value = 20 + KEY_BYTES + 4
request.fill(0x76, value, value + valueBytes)

function writeKey(n: number): void {
  let rest = n
  for (let i = KEY_BYTES - 1; i >= 4; i--) {
    request[key + i] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  request[key] = 0x6b
  request[key + 1] = 0x65
  request[key + 2] = 0x79
  request[key + 3] = 0x3a
}

function set(n: number): void {
  writeKey(n)
  db.setString(request, key, KEY_BYTES, request, value, valueBytes, Encoding.raw, NO_EXPIRY)
}

function measure(name: string, count: number, operation: (n: number) => void): void {
  const emptyStart = process.hrtime.bigint()
  for (let i = 0; i < count; i++) writeKey((i * STRIDE) % count)
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) operation((i * STRIDE) % count)
  const end = process.hrtime.bigint()
  const ns = Number(end - start - (start - emptyStart)) / count
  console.log(`${name.padEnd(28)} ${ns.toFixed(0).padStart(6)} ns`)
}

function collect(): void {
  globalThis.gc?.()
}

collect()
const before = process.memoryUsage()
measure('SET new', keys, set)
collect()
const after = process.memoryUsage()
const memory = keyspace.memory()
console.log(
  `bytes a key: rss ${((after.rss - before.rss) / keys).toFixed(1)}, used ${(memory.usedBytes / keys).toFixed(1)}, ` +
    `tables ${(memory.tableBytes / keys).toFixed(2)}; V8 heap grew by ${after.heapUsed - before.heapUsed} bytes`,
)
for (let round = 0; round < 2; round++) {
  measure('SET overwrite', keys, set)
  measure('GET hit', keys, (n) => {
    writeKey(n)
    if (!db.find(request, key, KEY_BYTES)) throw new Error('a key is missing')
  })
  measure('GET miss', keys, (n) => {
    writeKey(n + keys)
    if (db.find(request, key, KEY_BYTES)) throw new Error('a key is there that was never set')
  })
}
collect()
const heapStart = process.memoryUsage().heapUsed
measure('SET overwrite', keys, set)
console.log(`V8 heap grew by ${process.memoryUsage().heapUsed - heapStart} bytes over ${keys} overwrites`)

let pauseUs = 0
let slowOperations = 0
for (let i = keys; i < keys * growth; i++) {
  const start = performance.now()
  set(i)
  const durationUs = (performance.now() - start) * 1000
  if (durationUs > 1000) slowOperations++
  if (durationUs > pauseUs) pauseUs = durationUs
}
console.log(
  `growing to ${keys * growth} keys: longest operation ${pauseUs.toFixed(0)} us (on a busy machine most of it is ` +
    `waiting for a processor), ${slowOperations} above 1 ms, ` +
    `tables ${(keyspace.memory().tableBytes / db.size).toFixed(2)} bytes a key`,
)
measure('DEL', keys * growth, (n) => {
  writeKey(n)
  if (!db.findForWrite(request, key, KEY_BYTES)) throw new Error('a key is missing')
  db.remove()
})
console.log(`after DEL of all: ${JSON.stringify(keyspace.memory())}, rss ${process.memoryUsage().rss >> 20} MiB`)
