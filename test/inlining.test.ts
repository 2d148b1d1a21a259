/** The limits of V8's compiler that the server raises: that this version of Node.js still knows them. */
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { INLINING_LIMITS } from '../src/inlining.js'

it('names limits that V8 has', () => {
  const options = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout
  for (const name of Object.keys(INLINING_LIMITS)) expect(options).toContain(`--${name} `)
})
