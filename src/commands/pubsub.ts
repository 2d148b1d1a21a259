/**
 * Publish and subscribe: SUBSCRIBE, UNSUBSCRIBE and their forms for patterns and shard channels, PUBLISH, SPUBLISH, PUBSUB.
 *
 * Runs on the main thread, where all subscriptions are (`src/net/subscriptions.ts`): no shard is involved.
 *
 * A command that subscribes answers once for each name, in one place of the connection's order. In RESP3 these answers are
 * pushes, and in both protocols CLIENT REPLY OFF does not hold for them.
 */
import { asciiBytes } from '../base/bytes.js'
import { globMatches } from '../base/glob.js'
import { encodeError, subcommandSyntax } from '../resp/errors.js'
import { writeHelp } from './help-reply.js'
import type { MainCall } from './main-call.js'
import type { SubscriptionKind } from './server-services.js'
import type { ArgumentSpec, CommandFlag, CommandSpec, KeySpec, MainHandler } from './spec.js'

const NOT_IN_TRANSACTION = encodeError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")

/** What Redis tells of how many there are: channels and patterns together, or shard channels. */
function countOf({ session }: MainCall, kind: SubscriptionKind): number {
  if (kind === 'shardChannel') return session.subscriptionCount('shardChannel')
  return session.subscriptionCount('channel') + session.subscriptionCount('pattern')
}

function answer(call: MainCall, word: Uint8Array, name: Uint8Array | null, kind: SubscriptionKind): void {
  const { reply } = call
  reply.push(3)
  reply.bulkBytes(word)
  if (name === null) reply.nil()
  else reply.bulkBytes(name)
  reply.integer(countOf(call, kind))
}

function subscribing(word: string, kind: SubscriptionKind): MainHandler {
  const bytes = asciiBytes(word)
  return (call) => {
    call.answersAlways = true
    for (let i = 1; i < call.argc; i++) {
      const name = call.copy(i)
      call.session.subscribe(kind, name)
      answer(call, bytes, name, kind)
    }
  }
}

function unsubscribing(word: string, kind: SubscriptionKind): MainHandler {
  const bytes = asciiBytes(word)
  return (call) => {
    call.answersAlways = true
    const names = call.argc === 1 ? call.session.subscriptionNames(kind) : copies(call, 1)
    for (const name of names) {
      call.session.unsubscribe(kind, name)
      answer(call, bytes, name, kind)
    }
    // Who unsubscribes from all, and had none, is answered all the same.
    if (names.length === 0) answer(call, bytes, null, kind)
    call.session.endSubscribing()
  }
}

const subscribeToShardChannels = subscribing('ssubscribe', 'shardChannel')

function ssubscribe(call: MainCall): void {
  // Unlike SUBSCRIBE, for which Redis makes an exception, because it allowed it before it knew better.
  if (call.isQueued) call.reply.error(NOT_IN_TRANSACTION)
  else subscribeToShardChannels(call)
}

function copies(call: MainCall, first: number): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let i = first; i < call.argc; i++) all.push(call.copy(i))
  return all
}

function publishing(isShard: boolean): MainHandler {
  return (call) => {
    call.reply.integer(call.server.channels.publish(call.view(1), call.view(2), isShard))
  }
}

function listing(kind: SubscriptionKind): MainHandler {
  return (call) => {
    if (call.argc > 3) {
      call.reply.error(subcommandSyntax('pubsub', call.text(1)))
      return
    }
    const pattern = call.argc > 2 ? call.copy(2) : null
    const shown = call.server.channels
      .names(kind)
      .filter((name) => pattern === null || globMatches(pattern, 0, pattern.length, name, 0, name.length, false))
    call.reply.array(shown.length)
    for (const name of shown) call.reply.bulkBytes(name)
  }
}

function counting(kind: SubscriptionKind): MainHandler {
  return (call) => {
    call.reply.array((call.argc - 2) * 2)
    for (const name of copies(call, 2)) {
      call.reply.bulkBytes(name)
      call.reply.integer(call.server.channels.subscribers(kind, name))
    }
  }
}

function numpat(call: MainCall): void {
  call.reply.integer(call.server.channels.count('pattern'))
}

function help(call: MainCall): void {
  writeHelp(call.reply, 'pubsub', [
    'CHANNELS [<pattern>]',
    '    Answer the channels that have subscribers, all or those that match <pattern>.',
    'NUMPAT',
    '    Answer how many patterns have subscribers.',
    'NUMSUB [<channel> ...]',
    '    Answer how many subscribers these channels have, those by pattern not',
    '    counted.',
    'SHARDCHANNELS [<pattern>]',
    '    Answer the shard channels that have subscribers, all or those that match <pattern>.',
    'SHARDNUMSUB [<shardchannel> ...]',
    '    Answer how many subscribers these shard channels have.',
  ])
}

/** Shard channels belong to slots, and so stand where keys would, though they are none. */
function channelsAsKeys(lastKey: number): readonly KeySpec[] {
  return [{ flags: ['not_key'], begin: { index: 1 }, find: { lastKey, keyStep: 1, limit: 0 } }]
}

const SUBSCRIBE_FLAGS: readonly CommandFlag[] = ['pubsub', 'noscript', 'loading', 'stale']
const PUBLISH_FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale', 'fast', 'may_replicate']

function subscription(
  name: string,
  since: string,
  argument: ArgumentSpec,
  summary: string,
  complexity: string,
  main: MainHandler,
): CommandSpec {
  const isShard = argument.name === 'shardchannel'
  return {
    name,
    // Without names, a command that unsubscribes means all of them.
    arity: argument.optional === true ? -1 : -2,
    flags: isShard ? SUBSCRIBE_FLAGS : [...SUBSCRIBE_FLAGS, 'sentinel'],
    group: 'pubsub',
    since,
    summary,
    complexity,
    arguments: [argument],
    route: { on: 'main' },
    main,
    ...(isShard ? { keySpecs: channelsAsKeys(-1) } : {}),
  }
}

function publication(name: string, since: string, channel: string, summary: string, isShard: boolean): CommandSpec {
  return {
    name,
    arity: 3,
    flags: isShard ? PUBLISH_FLAGS : [...PUBLISH_FLAGS, 'sentinel'],
    group: 'pubsub',
    since,
    summary,
    complexity: isShard
      ? 'O(N) where N is the number of subscribers'
      : 'O(N+M) where N is the number of subscribers and M the number of patterns that anybody has subscribed to',
    arguments: [
      { name: channel, type: 'string' },
      { name: 'message', type: 'string' },
    ],
    route: { on: 'main' },
    main: publishing(isShard),
    ...(isShard ? { keySpecs: channelsAsKeys(0) } : {}),
  }
}

function introspection(
  name: string,
  arity: number,
  since: string,
  summary: string,
  complexity: string,
  main: MainHandler,
  more: Partial<CommandSpec> = {},
): CommandSpec {
  return {
    name,
    arity,
    flags: ['pubsub', 'loading', 'stale'],
    group: 'pubsub',
    since,
    summary,
    complexity,
    route: { on: 'main' },
    main,
    ...more,
  }
}

const A_PATTERN: ArgumentSpec = { name: 'pattern', type: 'pattern', optional: true }
const OF_ALL_CHANNELS = 'O(N) where N is the number of channels that have subscribers'
const OF_NAMED_CHANNELS = 'O(N) where N is the number of channels that are named'

export const pubsubCommands: readonly CommandSpec[] = [
  subscription(
    'subscribe',
    '2.0.0',
    { name: 'channel', type: 'string', multiple: true },
    'Listens to channels.',
    'O(N) where N is the number of channels',
    subscribing('subscribe', 'channel'),
  ),
  subscription(
    'unsubscribe',
    '2.0.0',
    { name: 'channel', type: 'string', optional: true, multiple: true },
    'Stops listening to channels.',
    'O(N) where N is the number of channels',
    unsubscribing('unsubscribe', 'channel'),
  ),
  subscription(
    'psubscribe',
    '2.0.0',
    { name: 'pattern', type: 'block', multiple: true, arguments: [{ name: 'pattern', type: 'pattern' }] },
    'Listens to all channels that match patterns.',
    'O(N) where N is the number of patterns',
    subscribing('psubscribe', 'pattern'),
  ),
  subscription(
    'punsubscribe',
    '2.0.0',
    { name: 'pattern', type: 'pattern', optional: true, multiple: true },
    'Stops listening to channels that match patterns.',
    'O(N) where N is the number of patterns',
    unsubscribing('punsubscribe', 'pattern'),
  ),
  subscription(
    'ssubscribe',
    '7.0.0',
    { name: 'shardchannel', type: 'string', multiple: true },
    'Listens to shard channels.',
    'O(N) where N is the number of channels',
    ssubscribe,
  ),
  subscription(
    'sunsubscribe',
    '7.0.0',
    { name: 'shardchannel', type: 'string', optional: true, multiple: true },
    'Stops listening to shard channels.',
    'O(N) where N is the number of channels',
    unsubscribing('sunsubscribe', 'shardChannel'),
  ),
  publication('publish', '2.0.0', 'channel', 'Sends a message to all who listen to a channel.', false),
  publication('spublish', '7.0.0', 'shardchannel', 'Sends a message to all who listen to a shard channel.', true),
  {
    name: 'pubsub',
    arity: -2,
    flags: [],
    group: 'pubsub',
    since: '2.8.0',
    summary: 'Holds the commands that tell about channels.',
    complexity: 'That of the subcommand.',
    subcommands: [
      introspection(
        'channels',
        -2,
        '2.8.0',
        'Answers the channels that have subscribers.',
        OF_ALL_CHANNELS,
        listing('channel'),
        {
          arguments: [A_PATTERN],
        },
      ),
      introspection('help', 2, '6.2.0', 'Explains the subcommands.', 'O(1)', help, { flags: ['loading', 'stale'] }),
      introspection('numpat', 2, '2.8.0', 'Answers how many patterns have subscribers.', 'O(1)', numpat),
      introspection(
        'numsub',
        -2,
        '2.8.0',
        'Answers how many subscribers channels have.',
        OF_NAMED_CHANNELS,
        counting('channel'),
        {
          arguments: [{ name: 'channel', type: 'string', optional: true, multiple: true }],
        },
      ),
      introspection(
        'shardchannels',
        -2,
        '7.0.0',
        'Answers the shard channels that have subscribers.',
        OF_ALL_CHANNELS,
        listing('shardChannel'),
        { arguments: [A_PATTERN] },
      ),
      introspection(
        'shardnumsub',
        -2,
        '7.0.0',
        'Answers how many subscribers shard channels have.',
        OF_NAMED_CHANNELS,
        counting('shardChannel'),
        { arguments: [{ name: 'shardchannel', type: 'string', optional: true, multiple: true }] },
      ),
    ],
  },
]
