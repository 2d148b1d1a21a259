/** What scripts can take outside of Lua's own limits: memory of ours, and time that Lua does not count. */
import { describe, expect, it } from 'vitest'
import { DEFAULT_SCRIPT_OPTIONS } from '../../src/lua/script-host.js'
import { OurScripts } from './scripts-beside-redis.js'

const MEBIBYTE = 1024 * 1024

describe('what a script takes outside of Lua', () => {
  it('a source that never ends is refused, as it would be inside', () => {
    const scripts = new OurScripts({ ...DEFAULT_SCRIPT_OPTIONS, memoryBytesMax: 32 * MEBIBYTE })
    const body = "local s = string.rep('x', 1e6) load(function() return s end)"
    expect(scripts.eval(body)).toEqual({ error: expect.stringContaining('not enough memory') })
    expect(scripts.eval("local n = 0 return load(function() n = n + 1 return ({'return ', '7'})[n] end)()")).toBe(7)
  })

  it('a reply that repeats a table without end is refused', () => {
    const scripts = new OurScripts({ ...DEFAULT_SCRIPT_OPTIONS, memoryBytesMax: 32 * MEBIBYTE })
    expect(scripts.eval("local t = {string.rep('x', 1000)} for i = 1, 17 do t = {t, t} end return t")).toEqual({
      error: 'ERR the reply of the script is too large',
    })
    expect(scripts.eval("local t = {'x'} for i = 1, 10 do t = {t, t} end return t")).toHaveLength(2)
  })

  it('coroutines that end soon do not hide how long it takes', () => {
    const scripts = new OurScripts()
    scripts.eval(`local function short() for i = 1, 9000 do end end
      local function many() for i = 1, 100 do coroutine.wrap(short)() end end
      for i = 1, 10 do coroutine.resume(coroutine.create(many)) end`)
    expect(scripts.host.interruptions).toBeGreaterThan(20)
  })
})
