/**
 * How much is tried. `npm test` has a share that takes a minute or two; `npm run test:durability` all of it.
 *
 * Only used by tests.
 */
export const isWhole = process.env.DURABILITY !== undefined
