/**
 * Requests of every shape to Shardkeep and to a real Redis 7.0: inline commands, protocol errors, damaged requests and
 * what may be sent before a password. The same bytes go to both, and the same bytes must come back.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { startServer, type TestServer } from '../support/server.js'
import { cutAt, encodeRequest, exchange, type Target } from './raw-exchange.js'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

describe.skipIf(!hasRedis7)('requests beside Redis 7.0', () => {
  let oracle: RedisOracle
  let server: TestServer
  let redis: Target
  let ours: Target

  beforeAll(async () => {
    oracle = await startRedisOracle()
    server = await startServer({ shards: 4 })
    redis = oracle.client.options.path as string
    ours = server.port
  })

  afterAll(async () => {
    await server?.stop()
    await oracle?.stop()
  })

  /**
   * Both answers to the same bytes, as texts of one character a byte. Only we get them in pieces: Redis closes right behind
   * a protocol error, and whoever goes on writing then may lose what it said.
   */
  async function answers(bytes: Uint8Array, offsets: number[] = []): Promise<{ ours: string; redis: string }> {
    const [own, other] = await Promise.all([exchange(ours, ...cutAt(bytes, offsets)), exchange(redis, bytes)])
    return { ours: own.toString('latin1'), redis: other.toString('latin1') }
  }

  async function expectSame(bytes: Uint8Array | string): Promise<string> {
    const request = typeof bytes === 'string' ? latin1(bytes) : bytes
    const both = await answers(request)
    expect(both.ours, JSON.stringify(Buffer.from(request.subarray(0, 300)).toString('latin1'))).toBe(both.redis)
    return both.ours
  }

  describe('inline commands', () => {
    const lines = [
      'PING\r\n',
      'PING\n',
      '   PING   \r\n',
      '\r\n\r\nPING\r\n',
      '\n\n \t \nPING\n',
      'ping hello\r\n',
      'PING\r\nPING\nECHO a\r\n',
      'ECHO "a b"\r\n',
      "ECHO 'a b'\r\n",
      'ECHO ""\r\n',
      "ECHO ''\r\n",
      'ECHO "\\n\\r\\t\\b\\a\\\\\\"\\q\\0"\r\n',
      'ECHO "\\x41\\x00\\xff\\xFF\\xfg\\x4"\r\n',
      'ECHO "\\x"\r\n',
      'ECHO "\\\r\n',
      "ECHO 'it\\'s \\n \\x41'\r\n",
      'ECHO a"b c"\r\n',
      'ECHO a"b"c\r\n',
      'ECHO "a"b\r\n',
      "ECHO 'a'b\r\n",
      'ECHO "a\r\n',
      "ECHO 'a\r\n",
      'ECHO "a\\"\r\n',
      "ECHO 'a\\'\r\n",
      'ECHO "a" \r\n',
      'ECHO "a"\t\r\n',
      'ECHO "a"\v\r\n',
      'ECHO a\vb\r\n',
      'ECHO a\fb\r\n',
      'ECHO\va\r\n',
      '\vECHO a\r\n',
      'ECHO a\rb\r\n',
      'ECHO a\r\r\n',
      'ECHO a\tb\r\n',
      'ECHO \xff\xfe\x80\r\n',
      'ECHO \\x41\r\n',
      '+PING\r\n',
      '-PING\r\n',
      '$4\r\nPING\r\n',
      ':1\r\n',
      'NOSUCH a b c\r\n',
      'NOSUCH "a\\x00b" "\\r\\n"\r\n',
      '"NO\\x00SUCH" a\r\n',
      `NOSUCH ${'x'.repeat(200)} y\r\n`,
      `NOSUCH ${'ab '.repeat(100)}\r\n`,
      `${'N'.repeat(200)} a\r\n`,
      'CONFIG NOSUCH\r\n',
      'CONFIG "NO\\x00SUCH"\r\n',
      'CONFIG\r\n',
      'GET\r\n',
      'SET inline "v 1"\r\nGET inline\r\n',
      'QUIT\r\nPING\r\n',
      'PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n',
      'PING\0\r\nPING\r\n',
      'PI\0NG\r\n',
      '\0\r\nPING\r\n',
      'PING',
      '',
    ]

    it.each(lines.map((line) => [JSON.stringify(line).slice(0, 60), line]))('%s', async (_name, line) => {
      await expectSame(line)
    })

    it('of random quotes, escapes and white space', async () => {
      const character = fc.constantFrom(...' \t\v\f\r"\'\\abnrtx04fF\xff'.split(''))
      const line = fc.array(character, { maxLength: 25 }).map((characters) => `ECHO ${characters.join('')}\n`)
      await fc.assert(
        fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 5 }), async (all) => {
          await expectSame(all.join(''))
        }),
        { numRuns: 400 },
      )
    }, 30_000)
  })

  describe('faults', () => {
    const LINE_BYTES_MAX = 64 * 1024
    const requests: readonly (readonly [name: string, bytes: string])[] = [
      ['a count that is no number', '*abc\r\n'],
      ['a count with a plus', '*+1\r\n$4\r\nPING\r\n'],
      ['a count with a space', '* 1\r\n$4\r\nPING\r\n'],
      ['a count with a leading zero', '*01\r\n$4\r\nPING\r\n'],
      ['no count', '*\r\nPING\r\n'],
      ['a count of 0', '*0\r\nPING\r\n'],
      ['a count of -1', '*-1\r\nPING\r\n'],
      ['a count of -10', '*-10\r\nPING\r\n'],
      ['a count of -0', '*-0\r\nPING\r\n'],
      ['a count past an int', '*2147483648\r\n'],
      ['a count past 64 bits', '*99999999999999999999\r\n'],
      ['a count with a line feed only', '*1\n$4\nPING\n'],
      ['a count whose CR is not followed by LF', '*1\rX$4\r\nPING\r\n'],
      ['a count with a zero byte', '*1\0\r\n$4\r\nPING\r\n'],
      ['no dollar', '*1\r\nPING\r\n'],
      ['a colon for a dollar', '*1\r\n:4\r\nPING\r\n'],
      ['a line break for a dollar', '*1\r\n\r\nPING\r\n'],
      ['a byte beyond ASCII for a dollar', '*1\r\n\xff4\r\nPING\r\n'],
      ['a zero byte for a dollar', '*1\r\n\x004\r\nPING\r\n'],
      ['a length that is no number', '*1\r\n$blabla\r\nfoo\r\n'],
      ['a negative length', '*1\r\n$-1\r\n\r\n'],
      ['a length of -0', '*1\r\n$-0\r\n\r\n'],
      ['no length', '*1\r\n$\r\n\r\n'],
      ['a length with a leading zero', '*1\r\n$04\r\nPING\r\n'],
      ['a length with a space', '*1\r\n$4 \r\nPING\r\n'],
      ['a length past the limit', '*1\r\n$536870913\r\n'],
      ['a length past 64 bits', '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$20000000000000000000\r\n'],
      ['a length whose CR is not followed by LF', '*1\r\n$4\rXPING\r\n'],
      ['an argument that does not end where it should', '*1\r\n$4\r\nPINGXXPING\r\n'],
      ['a fault behind good commands', 'PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n+4\r\nPING\r\n'],
      ['an error, and nothing read behind it', '*1\r\n+4\r\nPING\r\nPING\r\n'],
      ['an inline request as long as may be', 'x'.repeat(LINE_BYTES_MAX)],
      ['an inline request that is too long', 'x'.repeat(LINE_BYTES_MAX + 1)],
      ['a long inline request that ends in time', `ECHO ${'x'.repeat(40_000)}\r\n`],
      ['a count as long as may be', `*${'1'.repeat(LINE_BYTES_MAX - 1)}`],
      ['a count that is too long', `*${'1'.repeat(LINE_BYTES_MAX)}`],
      ['a length as long as may be', `*1\r\n$${'1'.repeat(LINE_BYTES_MAX - 5)}`],
      ['a length that is too long', `*1\r\n$${'1'.repeat(LINE_BYTES_MAX)}`],
      ['no dollar, and too long', `*1\r\n${'x'.repeat(LINE_BYTES_MAX + 1)}`],
      ['half a command', '*2\r\n$4\r\nECHO\r\n$5\r\nab'],
      ['half a command behind a whole one', 'PING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nab'],
      ['an empty command name', '*1\r\n$0\r\n\r\n'],
      ['a command name of 1000 bytes', `*1\r\n$1000\r\n${'n'.repeat(1000)}\r\n`],
      ['EXEC with an argument, after which there is no transaction', 'MULTI\r\nPING\r\nEXEC x\r\nEXEC\r\nEXEC x\r\n'],
      ['an unknown command with line breaks', '*3\r\n$2\r\n\r\n\r\n$2\r\n\n\r\r\n$1\r\nx\r\n'],
    ]

    it.each(requests)('%s', async (_name, bytes) => {
      await expectSame(bytes)
    })

    it('silenced by CLIENT REPLY', async () => {
      await expectSame('CLIENT REPLY OFF\r\n*1\r\n+4\r\n')
      await expectSame('CLIENT REPLY SKIP\r\n*1\r\n+4\r\n')
      await expectSame('CLIENT REPLY SKIP\r\nNOSUCH\r\nPING\r\nNOSUCH\r\n')
      await expectSame('CLIENT REPLY SKIP\r\nGET\r\nPING\r\n')
      await expectSame('CLIENT REPLY SKIP\r\nCLIENT NOSUCH\r\nPING\r\n')
      await expectSame('CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING x\r\n')
      await expectSame('CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n')
      await expectSame('CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n')
      await expectSame('MULTI\r\nCLIENT REPLY SKIP\r\nNOSUCH\r\nEXEC\r\nPING\r\n')
      await expectSame('SET k v\r\nMULTI\r\nGET k\r\nEXEC\r\nCLIENT REPLY SKIP\r\nGET k\r\nGET k\r\nDEL k\r\n')
    })

    it('in requests with bytes changed, taken away or put in', async () => {
      const word = fc.constantFrom('PING', 'ECHO', 'SET', 'GET', 'STRLEN', 'APPEND', 'DEL', 'k1', 'k2', 'k3', '', '7')
      const command = fc.array(word, { minLength: 1, maxLength: 4 })
      const byte = fc.oneof(fc.constantFrom(...'*$\r\n-019 "\'\0'.split('').map((c) => c.charCodeAt(0))), fc.nat(255))
      const change = fc.record({
        at: fc.double({ min: 0, max: 0.999, noNaN: true }),
        byte,
        how: fc.constantFrom('change', 'remove', 'insert'),
      })
      const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
      await fc.assert(
        fc.asyncProperty(
          fc.array(command, { minLength: 1, maxLength: 6 }),
          fc.array(change, { minLength: 1, maxLength: 4 }),
          cuts,
          async (commands, changes, fractions) => {
            const bytes = [...Buffer.concat(commands.map(encodeRequest))]
            for (const { at, byte, how } of changes) {
              const index = Math.floor(at * bytes.length)
              if (how === 'insert') bytes.splice(index, 0, byte)
              else if (how === 'remove') bytes.splice(index, 1)
              else bytes[index] = byte
            }
            const whole = Buffer.from(bytes)
            const offsets = fractions.map((fraction) => Math.floor(fraction * whole.length))
            const both = await answers(whole, offsets)
            expect(both.ours, JSON.stringify(whole.toString('latin1'))).toBe(both.redis)
          },
        ),
        { numRuns: 800 },
      )
    }, 60_000)
  })

  describe('before a password', () => {
    const PASSWORD = 'the password'
    const auth = encodeRequest(['AUTH', PASSWORD])

    beforeAll(async () => {
      await exchange(redis, encodeRequest(['CONFIG', 'SET', 'requirepass', PASSWORD]))
      await exchange(ours, encodeRequest(['CONFIG', 'SET', 'requirepass', PASSWORD]))
    })

    afterAll(async () => {
      const open = Buffer.concat([auth, encodeRequest(['CONFIG', 'SET', 'requirepass', ''])])
      await exchange(redis, open)
      await exchange(ours, open)
    })

    const words = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`)
    const requests: readonly (readonly [name: string, bytes: Uint8Array])[] = [
      ['a command', encodeRequest(['GET', 'k'])],
      ['an unknown command', encodeRequest(['NOSUCH', 'k'])],
      ['a wrong arity', encodeRequest(['GET'])],
      ['ten arguments', encodeRequest(words(10))],
      ['eleven arguments', encodeRequest(words(11))],
      ['an argument of 16384 bytes', encodeRequest(['ECHO', 'x'.repeat(16_384)])],
      ['an argument of 16385 bytes', encodeRequest(['ECHO', 'x'.repeat(16_385)])],
      ['eleven words inline', latin1(`${words(11).join(' ')}\r\n`)],
      ['a long word inline', latin1(`ECHO ${'x'.repeat(20_000)}\r\n`)],
      ['a wrong password, then a long argument', encodeRequest(['AUTH', 'x'.repeat(16_385)])],
      [
        'much, right behind the password',
        Buffer.concat([auth, encodeRequest(['ECHO', 'x'.repeat(16_385)]), encodeRequest(['EXISTS', ...words(11)])]),
      ],
      ['much, behind RESET', Buffer.concat([auth, encodeRequest(['RESET']), encodeRequest(['EXISTS', ...words(11)])])],
      ['MULTI', Buffer.concat([encodeRequest(['MULTI']), encodeRequest(['PING']), encodeRequest(['EXEC'])])],
      ['QUIT', Buffer.concat([encodeRequest(['QUIT']), encodeRequest(['PING'])])],
    ]

    it.each(requests)('%s', async (_name, bytes) => {
      await expectSame(bytes)
    })
  })
})
