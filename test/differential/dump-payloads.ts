/**
 * What redis-server 7.0.15 gave for DUMP: a value of each type and encoding, for RESTORE. They hold elements that the
 * vocabulary has too (`m1`, `f1`, `g1`).
 *
 * Only used by tests.
 */
import type { CommandGroup } from '../../src/commands/spec.js'

const PAYLOADS: Readonly<Partial<Record<CommandGroup, Readonly<Record<string, string>>>>> = {
  string: {
    'a string': 'AAtoZWxsbyB3b3JsZAoAC/xJuabHoDQ=',
    'an integer': 'AME5MAoAnZTqJ5P8CLk=',
    'a compressed string': 'AMMJQHgBYWHgawABYWEKAER3s35SUlUC',
  },
  list: {
    'a list of one node': 'EgECFxcAAAAEAIFhAgEBhWhlbGxvBoJtMQP/CgBI9Xlq+oBmyQ==',
    'a list of several nodes':
      'EgMCDw8AAAACAIJtMQOCbTID/wILCwAAAAIAAwGAAf8CwxRAVAxUAAAAAgCCbTED4EZ44DwAAUj/CgBfmF9vkPuyLA==',
  },
  set: {
    'a set of integers': 'CxgEAAAABAAAAP3///8BAAAAAgAAAHARAQAKABXvY3sUD81k',
    'a set': 'AgTAAQJtMgJtMQFhCgCnCoO1ABkdAg==',
  },
  'sorted-set': {
    'a small sorted set': 'ER8fAAAABgCCbTIDhC1pbmYFgWECAQGCbTEDgzIuNQT/CgAc9mfWgZvjDw==',
    'a large sorted set': 'BQQCbTMAAAAAAADwfwJtMQAAAAAAAARAAWEAAAAAAADwP8ABmpmZmZmZuT8KAJ81cisIKv5u',
  },
  hash: {
    'a small hash': 'EBgYAAAABgCCZjEDgWECAQECAYJmMgOAAf8KAIf36whYk6fn',
    'a large hash': 'BAPAAcACAmYxAWECZjPA/woAU15DibJMIzs=',
  },
  stream: {
    'a stream':
      'EwEQAAAAAAAAAAEAAAAAAAAAAcM8QEEHQQAAABgAAgFAAAiCZjEDAAECAQAgAQOBYQIEQBMgCgACYBgKgWICgmYyA4FjAgggEQAEIAMgCgIEAf8C' +
      'BQMBAQIBAwAKALbQ2Zs9JOqM',
    'a stream with groups':
      'EwEQAAAAAAAAAAEAAAAAAAAAAcMuNBI0AAAAFAADAQABAQGCZjEDAAECIAsFAAGBYQIEIAoAAUAKAGJgCkAXQAoBAf8DAwEBAQAAAwICZzEAAIH/' +
      '/////////wEAAAAAAAAAAQAAAAAAAAABABCl1OgAAAADAQJjMRCs4AOiAQAAAQAAAAAAAAABAAAAAAAAAAECZzIDAYH//////////wABAmMyEazg' +
      'A6IBAAAACgD+TUV36Pa5bw==',
  },
  hyperloglog: {
    'a HyperLogLog': 'ABtIWUxMAQAAAAAAAAAAAACAYPOAULGES/uAQloKAJ9ZDAa2SXBJ',
  },
}

export const dumpPayloads: readonly { readonly group: CommandGroup; readonly bytes: Buffer }[] = Object.entries(
  PAYLOADS,
).flatMap(([group, texts]) =>
  Object.values(texts).map((text) => ({ group: group as CommandGroup, bytes: Buffer.from(text, 'base64') })),
)
