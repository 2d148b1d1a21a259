/**
 * DEBUG PROTOCOL: one sample reply of every RESP type, by which clients test their parsers.
 *
 * Runs on the main thread. The samples are Redis's, byte for byte: test suites compare them.
 */
import { asciiBytes } from '../base/bytes.js'
import { encodeError } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'

const BIG_NUMBER = '1234567999999999999999999999999999999'
const BIG_NUMBER_RESP3 = asciiBytes(`(${BIG_NUMBER}\r\n`)

/** One attribute: how popular a key is. It stands before the reply that it describes. */
const ATTRIBUTE_RESP3 = asciiBytes('|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n')

const PUSH_NEEDS_RESP3 = encodeError('ERR RESP2 is not supported by this command')
const UNKNOWN_TYPE = encodeError(
  'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
)

const SAMPLES: ReadonlyMap<string, (reply: ReplyWriter) => void> = new Map([
  ['string', (reply) => reply.bulkText('Hello World')],
  ['integer', (reply) => reply.integer(12345)],
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: Redis's sample, not pi
  ['double', (reply) => reply.double(3.141)],
  ['bignum', bigNumber],
  ['null', (reply) => reply.nil()],
  ['array', array],
  ['set', set],
  ['map', map],
  ['attrib', attribute],
  ['push', push],
  ['verbatim', (reply) => reply.verbatim('This is a verbatim\nstring')],
  ['true', (reply) => reply.boolean(true)],
  ['false', (reply) => reply.boolean(false)],
])

/** Writes the sample of the type `name` (in lower case), or the error that lists the types. */
export function writeProtocolSample(reply: ReplyWriter, name: string): void {
  const write = SAMPLES.get(name)
  if (write === undefined) reply.error(UNKNOWN_TYPE)
  else write(reply)
}

function bigNumber(reply: ReplyWriter): void {
  if (reply.resp3) reply.encoded(BIG_NUMBER_RESP3)
  else reply.bulkText(BIG_NUMBER)
}

function array(reply: ReplyWriter): void {
  reply.array(3)
  for (let i = 0; i < 3; i++) reply.integer(i)
}

function set(reply: ReplyWriter): void {
  reply.set(3)
  for (let i = 0; i < 3; i++) reply.integer(i)
}

function map(reply: ReplyWriter): void {
  reply.map(3)
  for (let i = 0; i < 3; i++) {
    reply.integer(i)
    reply.boolean(i === 1)
  }
}

function attribute(reply: ReplyWriter): void {
  if (reply.resp3) reply.encoded(ATTRIBUTE_RESP3)
  reply.bulkText('Some real reply following the attribute')
}

/** A push is no reply, so that a reply has to follow it. */
function push(reply: ReplyWriter): void {
  if (!reply.resp3) {
    reply.error(PUSH_NEEDS_RESP3)
    return
  }
  reply.push(2)
  reply.bulkText('server-cpu-usage')
  reply.integer(42)
  reply.bulkText('Some real reply following the push reply')
}
