/**
 * Loaded into a server in front of everything else (`node --require`), in each of its threads: writes down what the server does
 * to the files of its directory, and lets such calls fail, or the process end, where a test wants it.
 *
 * Only used by tests.
 *
 * `FILE_CALLS_UNDER`   the directory; other files, and sockets, are not looked at
 * `FILE_CALLS_TRACE`   a folder for the traces, one file a thread: a JSON line for each call, when it has returned
 * `FILE_CALLS_FAULTS`  a file with a JSON array of faults, which may change at any time:
 *     {call, path, skip, count, error}   `skip` calls of a thread to matching paths go well, the next `count` fail with the error
 *     {call, path, skip, count, delayMs} a call that takes so much longer
 *     {call, path, skip, count, bytes}   a write that takes only so many bytes
 *     {call, path, skip, end}            the process ends by SIGKILL, `before` or `after` the call
 */
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const os = require('node:os')
const { syncBuiltinESMExports } = require('node:module')
const { threadId } = require('node:worker_threads')

const UNDER = process.env.FILE_CALLS_UNDER
const TRACE = process.env.FILE_CALLS_TRACE
const FAULTS = process.env.FILE_CALLS_FAULTS

const original = { ...fs }
const originalPromises = { ...fs.promises }
const trace = TRACE === undefined ? -1 : original.openSync(path.join(TRACE, `${process.pid}-${threadId}`), 'a')

const now = () => Number(process.hrtime.bigint()) / 1e6

/** The path of a descriptor, or undefined when it is none of ours. */
function pathOf(descriptor) {
  try {
    const name = original.readlinkSync(`/proc/self/fd/${descriptor}`)
    return name.startsWith('/') ? own(name) : undefined
  } catch {
    return undefined
  }
}

function own(name) {
  const full = path.resolve(String(name))
  return full === UNDER || full.startsWith(`${UNDER}/`) ? full : undefined
}

let faults = []
let faultsText = ''
/** How many calls there were for each fault; by its text, so that other faults may come and go beside it. */
const counts = new Map()

/** The fault that this call has, if it has one. */
function faultOf(call, file) {
  if (FAULTS === undefined) return undefined
  let text = ''
  try {
    text = original.readFileSync(FAULTS, 'utf8')
  } catch {
    // No file, no faults.
  }
  if (text !== faultsText) {
    faultsText = text
    faults = text === '' ? [] : JSON.parse(text)
  }
  for (const fault of faults) {
    if (!new RegExp(`^(?:${fault.call})$`).test(call)) continue
    if (fault.path !== undefined && !new RegExp(fault.path).test(file)) continue
    if (fault.thread !== undefined && fault.thread !== threadId) continue
    const name = JSON.stringify(fault)
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const skip = fault.skip ?? 0
    if (count >= skip && count < skip + (fault.count ?? 1)) return fault
  }
  return undefined
}

function errorOf(call, code, file) {
  const error = new Error(`${code}: injected, ${call} '${file}'`)
  error.code = code
  error.errno = -os.constants.errno[code]
  error.syscall = call
  error.path = file
  return error
}

function note(call, from, file, more) {
  if (trace < 0) return
  original.writeSync(trace, `${JSON.stringify({ call, from, to: now(), path: file, ...more })}\n`)
}

/**
 * What is done about one call: told beforehand whether it fails, and afterwards what it gave.
 * @returns null when it is not looked at
 */
function begin(call, file) {
  if (file === undefined) return null
  const fault = faultOf(call, file)
  if (fault?.end === 'before') process.kill(process.pid, 'SIGKILL')
  const from = now()
  if (fault?.delayMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.delayMs)
  if (fault?.error !== undefined) note(call, from, file, { failed: fault.error })
  return {
    error: fault?.error === undefined ? undefined : errorOf(call, fault.error, file),
    bytesMax: fault?.bytes,
    done(more) {
      note(call, from, file, more)
      if (fault?.end === 'after') process.kill(process.pid, 'SIGKILL')
    },
  }
}

/** The bytes that a write has taken, as they are kept in the trace. */
const taken = (bytes, offset, length) => ({
  data: Buffer.from(bytes.buffer ?? bytes, (bytes.byteOffset ?? 0) + offset, length).toString('base64'),
})

/** The arguments of a write, in one form. */
function written(bytes, offset, length, position) {
  if (typeof bytes === 'string') {
    // (text, position, encoding)
    const buffer = Buffer.from(bytes, typeof length === 'string' ? length : 'utf8')
    return { bytes: buffer, offset: 0, length: buffer.length, position: typeof offset === 'number' ? offset : null }
  }
  if (offset !== null && typeof offset === 'object')
    return written(bytes, offset.offset, offset.length, offset.position)
  const start = offset ?? 0
  const at = typeof position === 'number' || typeof position === 'bigint' ? Number(position) : null
  return { bytes, offset: start, length: length ?? bytes.byteLength - start, position: at }
}

const joined = (buffers) => Buffer.concat(buffers.map((b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength)))

/** The calls on descriptors: how each is told, given its arguments behind the descriptor and what it returned. */
const DESCRIPTOR_CALLS = {
  fsync: () => ({}),
  fdatasync: () => ({}),
  ftruncate: (args) => ({ length: typeof args[0] === 'number' ? args[0] : 0 }),
}

function patchSync(name, call, fileOf, tell, prepare = (args) => args) {
  fs[name] = (...args) => {
    const step = begin(call, fileOf(args))
    if (step === null) return original[name](...args)
    if (step.error !== undefined) throw step.error
    const before = tell.before?.(args)
    const given = prepare(args, step)
    const result = original[name](...given)
    step.done(tell(given, result, before))
    return result
  }
}

function patchCallback(name, call, fileOf, tell, prepare = (args) => args) {
  const plain = original[name]
  fs[name] = (...all) => {
    const callback = all.at(-1)
    const args = all.slice(0, -1)
    const step = typeof callback === 'function' ? begin(call, fileOf(args)) : null
    if (step === null) return plain(...all)
    if (step.error !== undefined) return process.nextTick(callback, step.error)
    const before = tell.before?.(args)
    const given = prepare(args, step)
    return plain(...given, (error, ...results) => {
      if (error === null || error === undefined) step.done(tell(given, results[0], before))
      callback(error, ...results)
    })
  }
  // Whoever promisifies it gets what is patched.
}

function patchPromise(name, call, fileOf, tell) {
  fs.promises[name] = async (...args) => {
    const step = begin(call, fileOf(args))
    if (step === null) return originalPromises[name](...args)
    if (step.error !== undefined) throw step.error
    const before = tell.before?.(args)
    const result = await originalPromises[name](...args)
    step.done(tell(args, result, before))
    return result
  }
}

// Calls on descriptors.
for (const [call, tellArgs] of Object.entries(DESCRIPTOR_CALLS)) {
  const fileOf = ([descriptor]) => pathOf(descriptor)
  const tell = ([, ...args]) => tellArgs(args)
  patchSync(`${call}Sync`, call, fileOf, tell)
  patchCallback(call, call, fileOf, tell)
}

const tellWrite = ([, ...args], result) => {
  const { bytes, offset, position } = written(...args)
  const length = typeof result === 'number' ? result : result.bytesWritten
  return { position, ...taken(bytes, offset, length) }
}
/** A write that is to take fewer bytes gets fewer. */
const shorten = ([descriptor, ...args], { bytesMax }) => {
  if (bytesMax === undefined) return [descriptor, ...args]
  const { bytes, offset, length, position } = written(...args)
  return [descriptor, bytes, offset, Math.min(length, bytesMax), position]
}
patchSync('writeSync', 'write', ([descriptor]) => pathOf(descriptor), tellWrite, shorten)
patchCallback('write', 'write', ([descriptor]) => pathOf(descriptor), tellWrite, shorten)
const tellVector = ([, buffers, position], result) => ({
  position: typeof position === 'number' ? position : null,
  ...taken(joined(buffers), 0, typeof result === 'number' ? result : result.bytesWritten),
})
patchSync('writevSync', 'write', ([descriptor]) => pathOf(descriptor), tellVector)
patchCallback('writev', 'write', ([descriptor]) => pathOf(descriptor), tellVector)

// Calls on names.
const ofName = ([name]) => own(name)
const tellRename = ([, target]) => ({ target: own(target) })
const tellTruncate = ([, length]) => ({ length: typeof length === 'number' ? length : 0 })
const tellNothing = () => ({})
const tellMade = (_, __, wasThere) => ({ wasThere })
tellMade.before = ([name]) => original.existsSync(name)
const tellOpened = ([, flags = 'r'], __, wasThere) => ({ flags, wasThere })
tellOpened.before = tellMade.before
/** Opening for reading changes nothing. */
const ofWritten = ([name, flags = 'r']) =>
  flags === 'r' || flags === original.constants.O_RDONLY ? undefined : own(name)

for (const [name, call, fileOf, tell] of [
  ['rename', 'rename', ofName, tellRename],
  ['unlink', 'unlink', ofName, tellNothing],
  ['rm', 'unlink', ofName, tellNothing],
  ['truncate', 'ftruncate', ofName, tellTruncate],
  ['mkdir', 'mkdir', ofName, tellMade],
  ['open', 'open', ofWritten, tellOpened],
]) {
  patchSync(`${name}Sync`, call, fileOf, tell)
  patchCallback(name, call, fileOf, tell)
  if (name !== 'open') patchPromise(name, call, fileOf, tell)
}

// What is done in several calls is done in calls that are looked at.
const optionsOf = (options) => (typeof options === 'string' ? { encoding: options } : (options ?? {}))
const bytesOf = (data, { encoding }) => (typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : data)
fs.writeFileSync = (file, data, options) => {
  const isName = typeof file !== 'number'
  if ((isName ? own(file) : pathOf(file)) === undefined) return original.writeFileSync(file, data, options)
  const { flag = 'w', mode, flush } = optionsOf(options)
  const descriptor = isName ? fs.openSync(file, flag, mode) : file
  try {
    const bytes = bytesOf(data, optionsOf(options))
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at, bytes.length - at)
    if (flush) fs.fsyncSync(descriptor)
  } finally {
    if (isName) fs.closeSync(descriptor)
  }
}
fs.promises.writeFile = async (file, data, options) => {
  if (typeof file === 'object' && 'fd' in file) return file.writeFile(data, options)
  if (own(file) === undefined) return originalPromises.writeFile(file, data, options)
  const { flag = 'w', mode, flush } = optionsOf(options)
  const handle = await fs.promises.open(file, flag, mode)
  try {
    await handle.writeFile(data, options)
    if (flush) await handle.sync()
  } finally {
    await handle.close()
  }
}

// Whoever uses one of these has to teach it to this file first, so that no call is overlooked.
for (const name of ['appendFile', 'copyFile', 'cp', 'link', 'symlink', 'createWriteStream']) {
  const refuse = (args) => {
    const file = typeof args[0] === 'number' ? pathOf(args[0]) : (own(args[1] ?? '') ?? own(args[0]))
    if (file !== undefined) throw new Error(`${name} of ${file} is not written down: test/durability/file-calls.cjs`)
  }
  for (const functions of [fs, fs.promises]) {
    for (const variant of [`${name}Sync`, name]) {
      const plain = functions[variant]
      if (plain === undefined) continue
      functions[variant] = (...args) => {
        refuse(args)
        return plain(...args)
      }
    }
  }
}

// Handles of fs.promises: their methods stand on one prototype, which is known when the first file is opened.
let isPatched = false
fs.promises.open = async (...args) => {
  const step = begin('open', ofWritten(args))
  if (step?.error !== undefined) throw step.error
  const wasThere = original.existsSync(args[0])
  const handle = await originalPromises.open(...args)
  if (!isPatched) {
    isPatched = true
    patchHandles(Object.getPrototypeOf(handle))
  }
  step?.done({ flags: args[1] ?? 'r', wasThere })
  return handle
}

function patchHandles(prototype) {
  const patch = (name, call, tell, prepare = (args) => args) => {
    const plain = prototype[name]
    prototype[name] = async function (...args) {
      const step = begin(call, pathOf(this.fd))
      if (step === null) return plain.apply(this, args)
      if (step.error !== undefined) throw step.error
      const given = prepare([this.fd, ...args], step).slice(1)
      const result = await plain.apply(this, given)
      step.done(tell([this.fd, ...given], result))
      return result
    }
  }
  patch('write', 'write', tellWrite, shorten)
  patch('writev', 'write', tellVector)
  patch('sync', 'fsync', tellNothing)
  patch('datasync', 'fdatasync', tellNothing)
  patch('truncate', 'ftruncate', ([, length]) => ({ length: length ?? 0 }))
  const writeFile = prototype.writeFile
  prototype.writeFile = async function (data, options) {
    if (pathOf(this.fd) === undefined) return writeFile.call(this, data, options)
    const bytes = bytesOf(data, optionsOf(options))
    for (let at = 0; at < bytes.length; ) at += (await this.write(bytes, at, bytes.length - at)).bytesWritten
  }
  for (const name of ['appendFile', 'createWriteStream']) {
    const plain = prototype[name]
    prototype[name] = function (...args) {
      if (pathOf(this.fd) === undefined) return plain.apply(this, args)
      throw new Error(`${name} is not written down: test/durability/file-calls.cjs`)
    }
  }
}

// promisify(fs.write) and its like have a form of their own.
for (const name of ['write', 'writev']) {
  const { promisify } = require('node:util')
  fs[name][promisify.custom] = (...args) =>
    new Promise((resolve, reject) => {
      fs[name](...args, (error, bytesWritten, buffer) => (error ? reject(error) : resolve({ bytesWritten, buffer })))
    })
}

syncBuiltinESMExports()
