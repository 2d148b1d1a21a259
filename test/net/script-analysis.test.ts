/** Which scripts show by their text that they touch no keys but those in KEYS. A wrong yes would make a script fail. */
import { describe, expect, it } from 'vitest'
import { namesItsKeys } from '../../src/net/script-analysis.js'

function shows(text: string): boolean {
  return namesItsKeys(Buffer.from(text, 'latin1'))
}

describe('a script that names its keys', () => {
  it.each([
    'return 1',
    "return redis.call('GET', KEYS[1])",
    'return redis.pcall("INCRBY", KEYS[1], ARGV[1])',
    "return redis.call('SET', KEYS[1], f(), ...)",
    "return redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2])",
    "return redis.call('DEL', KEYS[1], KEYS[2])",
    "return redis.call('RENAME', KEYS[1], KEYS[#KEYS])",
    "local key = KEYS[1]\nlocal n = tonumber(redis.call('GET', key))\nif n then redis.call('DECR', key) end",
    "local a, b = KEYS[1], KEYS[2]\nlocal c = ARGV[1]\nreturn redis.call('RENAME', a, b)",
    "for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end",
    "for _, key in ipairs(KEYS) do redis.call('DEL', key) end",
    "redis.call('PUBLISH', ARGV[1], 'x') return redis.status_reply('fine')",
    "-- redis.call('GET', 'other')\n--[[ _G ]] return redis.call('GET', KEYS[1])",
    "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
    "return redis.call('GET', KEYS[i + 1])",
    "local t = {a = 1} t.key = 2 local key = KEYS[1] return redis.call('HSET', key, t.a, t['b'])",
  ])('%s', (text) => {
    expect(shows(text)).toBe(true)
  })
})

describe('a script that may touch other keys', () => {
  it.each([
    "return redis.call('GET', 'name')",
    "return redis.call('GET', ARGV[1])",
    "return redis.call('GET', KEYS[1] .. ':more')",
    'return redis.call(ARGV[1], KEYS[1])',
    'return redis.call(unpack(ARGV))',
    "return redis.call('MGET', unpack(KEYS))",
    "return redis.call('DEL', KEYS[1], f())",
    "return redis.call('RENAME', KEYS[1], f())",
    "return redis.call('DBSIZE')",
    "return redis.call('KEYS', '*')",
    "return redis.call('SELECT', 1)",
    "return redis.call('SORT', KEYS[1], 'BY', 'w_*')",
    "return redis.call('SUNIONSTORE', KEYS[1], 'other')",
    "return redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[2])",
    "local call = redis.call return call('GET', 'name')",
    "local r = redis return r.call('GET', 'name')",
    "KEYS[1] = 'other' return redis.call('GET', KEYS[1])",
    "KEYS[1], x = 'other', 1 return redis.call('GET', KEYS[1])",
    "KEYS = {'other'} return redis.call('GET', KEYS[1])",
    "local k = KEYS k[1] = 'other' return redis.call('GET', KEYS[1])",
    "local KEYS = {'other'} return redis.call('GET', KEYS[1])",
    "table.insert(KEYS, 1, 'other') return redis.call('GET', KEYS[1])",
    "local key = KEYS[1] key = 'other' return redis.call('GET', key)",
    "local key = KEYS[1] local function f(key) return redis.call('GET', key) end return f('other')",
    "local key = KEYS[1] for key = 1, 2 do redis.call('GET', key) end",
    "local key = KEYS[1] local x x, key = 1, 'other' return redis.call('GET', key)",
    "local key = KEYS[1] or 'other' return redis.call('GET', key)",
    "local key = KEYS[1] .. 'x' return redis.call('GET', key)",
    "local key = KEYS[1]:upper() return redis.call('GET', key)",
    "for _, key in ipairs({KEYS[1], 'other'}) do redis.call('GET', key) end",
    'return loadstring(ARGV[1])()',
    "_G['KEYS'] = {'other'} return redis.call('GET', KEYS[1])",
    "return redis['call']('GET', 'other')",
    'redis.call = print return 1',
    "return pcall(redis.call, 'GET', 'other')",
    "return redis.call('G\\69T', 'x')",
    "return redis.call 'PING'",
    'return 1 @ 2',
  ])('%s', (text) => {
    expect(shows(text)).toBe(false)
  })
})
