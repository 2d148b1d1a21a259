/**
 * LOLWUT: a small picture that is different every time, and the version.
 *
 * Runs on the main thread; the size of the picture is bounded, so that the command stays cheap.
 *
 * The picture is a keep: a wall with towers whose heights follow a random walk and some of which fly a banner, drawn
 * with Braille characters of 2 by 4 dots.
 */
import { errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { CommandSpec } from './spec.js'

const COLUMNS_DEFAULT = 66
const COLUMNS_MAX = 1000
const ROWS_DEFAULT = 10
const ROWS_MAX = 200

const DOTS_ACROSS = 2
const DOTS_DOWN = 4
/** A tower and the gap behind it. */
const TOWER_DOTS = 10
const GAP_DOTS = 4

const BRAILLE_BLANK = 0x2800
/** Bits of a Braille character by the row of the dot, left column and right column (Unicode's order). */
const BRAILLE_BITS: readonly (readonly [left: number, right: number])[] = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]

/** LOLWUT [VERSION version] [columns] [rows]. Every version shows the same kind of picture. */
function lolwut(call: MainCall): void {
  let first = 1
  if (call.argc >= 3 && call.word(1) === 'version') {
    if (call.int64(2) === undefined) {
      call.reply.error(errors.notAnInteger)
      return
    }
    first = 3
  }
  const columns = call.argc > first ? call.int64(first) : BigInt(COLUMNS_DEFAULT)
  const rows = call.argc > first + 1 ? call.int64(first + 1) : BigInt(ROWS_DEFAULT)
  if (columns === undefined || rows === undefined) {
    call.reply.error(errors.notAnInteger)
    return
  }
  const picture = drawKeep(clamp(columns, COLUMNS_MAX), clamp(rows, ROWS_MAX), Math.random)
  const { version, redisVersion } = call.server
  call.reply.verbatim(`${picture}\nA keep of many shards. Shardkeep ver. ${version}, Redis ver. ${redisVersion}\n`)
}

function clamp(size: bigint, max: number): number {
  if (size < 1n) return 1
  return size > BigInt(max) ? max : Number(size)
}

/** Lines of Braille characters: towers with battlements, some with windows, some with a banner. */
export function drawKeep(columns: number, rows: number, random: () => number): string {
  const width = columns * DOTS_ACROSS
  const height = rows * DOTS_DOWN
  const dots = new Uint8Array(width * height)
  const set = (x: number, y: number, value: number): void => {
    if (x >= 0 && x < width && y >= 0 && y < height) dots[y * width + x] = value
  }
  let top = height * 0.6
  for (let left = 1; left + TOWER_DOTS <= width; left += TOWER_DOTS + GAP_DOTS) {
    top = Math.min(height * 0.8, Math.max(height * 0.3, top + (random() - 0.5) * height * 0.4))
    drawTower(left, Math.floor(top), height, random, set)
  }
  const wallTop = Math.floor(height * 0.85)
  for (let x = 0; x < width; x++) {
    for (let y = wallTop; y < height; y++) set(x, y, y > wallTop || x % 4 < 2 ? 1 : 0)
  }
  return brailleLines(dots, width, height)
}

function drawTower(
  left: number,
  top: number,
  height: number,
  random: () => number,
  set: (x: number, y: number, value: number) => void,
): void {
  for (let x = 0; x < TOWER_DOTS; x++) {
    const edge = x === 0 || x === TOWER_DOTS - 1
    for (let y = top; y < height; y++) {
      const battlement = y < top + 2
      const floor = y === top + 2
      if (battlement ? x % 4 < 2 : floor || edge || random() < 0.12) set(left + x, y, 1)
    }
  }
  if (random() < 0.4) {
    const pole = left + (TOWER_DOTS >> 1)
    for (let y = top - 6; y < top; y++) set(pole, y, 1)
    const direction = random() < 0.5 ? 1 : -1
    for (let x = 1; x <= 4; x++) for (let y = 0; y < 3; y++) set(pole + direction * x, top - 6 + y, 1)
  }
}

function brailleLines(dots: Uint8Array, width: number, height: number): string {
  const lines: string[] = []
  for (let y = 0; y < height; y += DOTS_DOWN) {
    let line = ''
    for (let x = 0; x < width; x += DOTS_ACROSS) {
      let bits = 0
      BRAILLE_BITS.forEach(([left, right], row) => {
        const at = (y + row) * width + x
        if (dots[at] === 1) bits |= left
        if (dots[at + 1] === 1) bits |= right
      })
      line += String.fromCharCode(BRAILLE_BLANK + bits)
    }
    lines.push(line)
  }
  return lines.join('\n')
}

export const lolwutCommands: readonly CommandSpec[] = [
  {
    name: 'lolwut',
    arity: -1,
    flags: ['readonly', 'fast'],
    group: 'server',
    since: '5.0.0',
    summary: 'Returns a picture made for the moment, and the version.',
    complexity: '',
    arguments: [{ name: 'version', type: 'integer', token: 'VERSION', optional: true }],
    route: { on: 'main' },
    main: lolwut,
  },
]
