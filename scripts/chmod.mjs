// Sets the run bit on the compiled command-line entry, which the compiler does not keep: npm's own link to it would
// work without, but `./dist/src/cli.js` and a container's entry point would not.
import { chmodSync } from 'node:fs'

chmodSync(new URL('../dist/src/cli.js', import.meta.url), 0o755)
