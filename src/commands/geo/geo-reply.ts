/**
 * How distances and positions are replied.
 *
 * Runs in a shard worker.
 */

import { asciiBytes, writeAscii } from '../../base/bytes.js'
import { fixedText, humanText, roundToEven } from '../../base/fixed-text.js'
import { writeInteger } from '../../base/integer.js'
import type { ReplyWriter } from '../../resp/reply-writer.js'

const COMMA = 44
const DOT = 46
const ZERO = 48

const DISTANCE_DECIMALS = 4
const DISTANCE_UNITS = 10 ** DISTANCE_DECIMALS

/** Room for the longest distance that is written without a string. */
const digits = new Uint8Array(32)

const CRLF = asciiBytes('\r\n')

/** A distance, with four decimals, as a bulk string. */
export function replyDistance(reply: ReplyWriter, distance: number): void {
  const units = roundToEven(distance * DISTANCE_UNITS)
  if (!Number.isSafeInteger(units)) {
    reply.bulkText(fixedText(distance, DISTANCE_DECIMALS))
    return
  }
  const whole = Math.floor(units / DISTANCE_UNITS)
  let fraction = units - whole * DISTANCE_UNITS
  const point = writeInteger(digits, 0, whole)
  digits[point] = DOT
  for (let i = DISTANCE_DECIMALS; i > 0; i--) {
    const tenth = Math.floor(fraction / 10)
    digits[point + i] = ZERO + (fraction - tenth * 10)
    fraction = tenth
  }
  reply.bulk(digits, 0, point + 1 + DISTANCE_DECIMALS)
}

/** Longitude and latitude: doubles, in RESP2 bulk strings of the same digits. */
export function replyPosition(reply: ReplyWriter, longitude: number, latitude: number): void {
  reply.array(2)
  replyCoordinate(reply, longitude)
  replyCoordinate(reply, latitude)
}

function replyCoordinate(reply: ReplyWriter, coordinate: number): void {
  const text = humanText(coordinate)
  if (!reply.resp3) {
    reply.bulkText(text)
    return
  }
  reply.ensure(text.length + 3)
  reply.bytes[reply.position++] = COMMA
  reply.position += writeAscii(reply.bytes, reply.position, text)
  reply.raw(CRLF, 0, CRLF.length)
}
