import { it } from 'vitest'
import { simulate } from './simulation.js'
import { profileOf } from './workload.js'
it('survey', { timeout: 600000 }, () => {
  const t = Date.now()
  const from = Number(process.env.FROM ?? 1), n = Number(process.env.N ?? 100), steps = Number(process.env.STEPS ?? 600)
  let bad = 0
  const max = Number(process.env.SHOW ?? 12)
  for (let seed = from; seed < from + n; seed++) {
    const v = simulate(profileOf(seed), steps)
    if (v !== undefined && ++bad <= max) console.log(v.split('\n').filter((l) => !/^    at .*(node_modules|Run|serializ|violationOf|simulate )/.test(l)).join('\n').slice(0, 2500))
  }
  console.log('bad', bad, 'of', n, Date.now() - t, 'ms', (globalThis as any).asked, (globalThis as any).aborted)
})
