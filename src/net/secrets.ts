/**
 * Which arguments of a command nobody may see: passwords, in MONITOR and in the slow log. Main thread.
 *
 * Invariant: what is hidden is hidden whether or not the command succeeded.
 */
import type { CommandSpec } from '../commands/spec.js'
import { fullNameOf } from '../commands/table.js'
import { settingByName } from '../config/settings.js'

const REDACTED = '(redacted)'

/** Writes Redis's mark over the secret ones of a command's arguments, which may be cut or left out behind some place. */
export function hideSecrets(spec: CommandSpec, argv: string[]): void {
  switch (fullNameOf(spec)) {
    case 'auth':
      hide(argv, 1)
      hide(argv, 2)
      break
    case 'hello':
      hideOptions(argv, 2, 2)
      break
    case 'migrate':
      hideOptions(argv, 6, 1)
      break
    case 'acl|setuser':
      for (let i = 2; i < argv.length; i++) hide(argv, i)
      break
    case 'config|set':
      for (let i = 2; i < argv.length; i += 2) {
        if (settingByName((argv[i] as string).toLowerCase())?.sensitive === true) hide(argv, i + 1)
      }
  }
}

function hide(argv: string[], i: number): void {
  if (i < argv.length) argv[i] = REDACTED
}

/** Hides `words` arguments behind AUTH, and two behind AUTH2. */
function hideOptions(argv: string[], first: number, words: number): void {
  for (let i = first; i < argv.length; i++) {
    const option = (argv[i] as string).toLowerCase()
    const hidden = option === 'auth' ? words : option === 'auth2' ? 2 : 0
    for (let k = 0; k < hidden; k++) hide(argv, ++i)
  }
}
