/**
 * Keyspace events: what a client may be told when something happens to a key (`notify-keyspace-events`).
 *
 * Runs in a shard worker, which raises the events and reads from the setting which are wanted. Names and classes are those
 * of Redis (https://redis.io/docs/latest/develop/use/keyspace-notifications/), those of field expiry as
 * Redis 7.4 has them. Invariant: every event has one class, and its name is made once.
 */
import { asciiBytes } from '../base/bytes.js'

/** The classes, as bits of `Keyspace.eventClasses`; behind each the letter that stands for it in the setting. */
export const EventClass = {
  /** g: commands that take a key of any type. */
  generic: 1,
  /** $ */
  string: 2,
  /** l */
  list: 4,
  /** s */
  set: 8,
  /** h */
  hash: 16,
  /** z */
  zset: 32,
  /** t */
  stream: 64,
  /** x: keys that went because their time was over. */
  expired: 128,
  /** e: keys that went because memory was at its limit. */
  evicted: 256,
  /** n: keys that were made. Not part of A. */
  created: 512,
  /** m: keys that a command wanted to read and that were not there. Not part of A. */
  missed: 1024,
} as const

/** The channels that are wanted, as further bits beside the classes. */
export const EventChannel = {
  /** K: one for each key. */
  keyspace: 2048,
  /** E: one for each event. */
  keyevent: 4096,
} as const

export class KeyspaceEvent {
  readonly name: Uint8Array

  constructor(
    /** A bit of `EventClass`. */
    readonly eventClass: number,
    name: string,
  ) {
    this.name = asciiBytes(name)
  }
}

function ofClass<Name extends string>(eventClass: number, ...names: Name[]): Record<Name, KeyspaceEvent> {
  const events = {} as Record<Name, KeyspaceEvent>
  for (const name of names) events[name] = new KeyspaceEvent(eventClass, name)
  return events
}

/** Every event by its name. */
export const keyEvents = {
  ...ofClass(EventClass.generic, 'del', 'expire', 'persist', 'restore', 'rename_from', 'rename_to'),
  ...ofClass(EventClass.generic, 'move_from', 'move_to', 'copy_to'),
  ...ofClass(EventClass.string, 'set', 'setrange', 'append', 'incrby', 'incrbyfloat', 'setbit', 'pfadd'),
  ...ofClass(EventClass.list, 'lpush', 'rpush', 'lpop', 'rpop', 'linsert', 'lset', 'lrem', 'ltrim', 'sortstore'),
  ...ofClass(EventClass.set, 'sadd', 'srem', 'spop', 'sinterstore', 'sunionstore', 'sdiffstore'),
  ...ofClass(EventClass.hash, 'hset', 'hdel', 'hincrby', 'hincrbyfloat', 'hexpire', 'hpersist', 'hexpired'),
  ...ofClass(EventClass.zset, 'zadd', 'zincr', 'zrem', 'zremrangebyscore', 'zremrangebyrank', 'zremrangebylex'),
  ...ofClass(EventClass.zset, 'zpopmin', 'zpopmax', 'zunionstore', 'zinterstore', 'zdiffstore', 'zrangestore'),
  ...ofClass(EventClass.zset, 'geosearchstore', 'georadiusstore'),
  ...ofClass(EventClass.stream, 'xadd', 'xtrim', 'xdel', 'xsetid', 'xgroup-create', 'xgroup-createconsumer'),
  ...ofClass(EventClass.stream, 'xgroup-setid', 'xgroup-destroy', 'xgroup-delconsumer'),
  ...ofClass(EventClass.expired, 'expired'),
  ...ofClass(EventClass.evicted, 'evicted'),
  ...ofClass(EventClass.created, 'new'),
  ...ofClass(EventClass.missed, 'keymiss'),
} as const

const CLASS_BY_LETTER: Readonly<Record<string, number>> = {
  g: EventClass.generic,
  $: EventClass.string,
  l: EventClass.list,
  s: EventClass.set,
  h: EventClass.hash,
  z: EventClass.zset,
  t: EventClass.stream,
  x: EventClass.expired,
  e: EventClass.evicted,
  n: EventClass.created,
  m: EventClass.missed,
  A:
    EventClass.generic |
    EventClass.string |
    EventClass.list |
    EventClass.set |
    EventClass.hash |
    EventClass.zset |
    EventClass.stream |
    EventClass.expired |
    EventClass.evicted,
}

/**
 * The classes and channels that a value of `notify-keyspace-events` asks for; 0 where one without the other. (Its d is for
 * events of modules, which do not exist here.)
 */
export function eventClassesOf(setting: string): number {
  let channels = 0
  if (setting.includes('K')) channels |= EventChannel.keyspace
  if (setting.includes('E')) channels |= EventChannel.keyevent
  let classes = 0
  for (const letter of setting) classes |= CLASS_BY_LETTER[letter] ?? 0
  return channels === 0 || classes === 0 ? 0 : classes | channels
}
