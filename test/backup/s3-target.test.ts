/** Backups in a bucket: signatures, uploads in parts, listings, and what happens when the server fails. */
import { createHash } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Target, signRequest } from '../../src/backup/s3-target.js'
import { once, readWhole, TargetError } from '../../src/backup/target.js'
import { ACCESS_KEY_ID, type S3Server, SECRET_ACCESS_KEY, startS3 } from '../support/s3-server.js'

describe('signatures', () => {
  // The examples of "Signature Calculations for the Authorization Header" in the documentation of Amazon S3.
  const client = new AwsClient({
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    service: 's3',
    region: 'us-east-1',
  })
  const host = 'https://examplebucket.s3.amazonaws.com'
  const examples = [
    {
      name: 'GET Object',
      url: `${host}/test.txt`,
      method: 'GET',
      headers: { Range: 'bytes=0-9' },
      body: undefined,
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'PUT Object',
      url: `${host}/test$file.text`,
      method: 'PUT',
      headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      body: Buffer.from('Welcome to Amazon S3.'),
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      name: 'GET Bucket Lifecycle',
      url: `${host}/?lifecycle=`,
      method: 'GET',
      headers: {},
      body: undefined,
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'Get Bucket (List Objects)',
      url: `${host}/?max-keys=2&prefix=J`,
      method: 'GET',
      headers: {},
      body: undefined,
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ]

  it.each(examples)('of $name', async ({ url, method, headers, body, signature }) => {
    const signed = await signRequest(
      client,
      url,
      { method, headers, body },
      { datetime: '20130524T000000Z', allHeaders: true },
    )
    expect(signed.headers.get('authorization')).toMatch(new RegExp(`Signature=${signature}$`))
  })
})

describe('a bucket', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3()
  })
  afterAll(() => s3.stop())

  function target(prefix: string, secretAccessKey = SECRET_ACCESS_KEY): S3Target {
    return new S3Target(
      { bucket: s3.bucket, prefix },
      { endpoint: s3.endpoint, region: 'eu-central-1', accessKeyId: ACCESS_KEY_ID, secretAccessKey, sessionToken: '' },
    )
  }

  it('keeps what is put there, under names with a prefix', async () => {
    const one = target("it's (a) *prefix/of mine!".replace(/ /g, '_'))
    await one.put('a/b.json', once(Buffer.from('hello')))
    await one.put('a/empty', once(Buffer.alloc(0)))
    await target('other').put('a/b.json', once(Buffer.from('others')))
    expect((await readWhole(one.get('a/b.json'), 100)).toString()).toBe('hello')
    expect((await one.list('a/')).map(({ name, bytes }) => [name, bytes])).toEqual([
      ['a/b.json', 5],
      ['a/empty', 0],
    ])
    await one.remove('a/b.json')
    await one.remove('a/b.json')
    expect((await one.list('')).map(({ name }) => name)).toEqual(['a/empty'])
    await expect(readWhole(one.get('a/b.json'), 100)).rejects.toMatchObject({ isMissing: true })
  })

  it('takes long files in parts, which are sent again when the server fails', async () => {
    const bytes = 40 * 1024 * 1024 + 7
    const sent = createHash('sha256')
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let left = bytes; left > 0; left -= 1024 * 1024) {
        const chunk = Buffer.alloc(Math.min(left, 1024 * 1024), left % 251)
        sent.update(chunk)
        if (left < bytes / 2) s3.failing = Object.assign(s3.failing, left % 2 === 0 ? { status: 1 } : { broken: 1 })
        yield chunk
      }
    }
    const before = s3.requests.length
    const one = target('long')
    await one.put('data', content())
    expect(s3.requests.slice(before).filter((request) => request.includes('partNumber'))).toHaveLength(3)
    const got = createHash('sha256')
    let length = 0
    for await (const chunk of one.get('data')) {
      got.update(chunk)
      length += chunk.length
    }
    expect(length).toBe(bytes)
    expect(got.digest('hex')).toBe(sent.digest('hex'))
  })

  it('has nothing of a file whose content fails on the way', async () => {
    async function* content(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(17 * 1024 * 1024)
      yield Buffer.alloc(17 * 1024 * 1024)
      throw new Error('the disk is gone')
    }
    const one = target('broken')
    await expect(one.put('data', content())).rejects.toThrow('the disk is gone')
    expect(await one.list('')).toEqual([])
    expect(s3.requests.at(-2)).toMatch(/^DELETE .*uploadId=/)
  })

  it('says what the server refuses, without the secret', async () => {
    const refused = target('x', 'wrong secret').put('data', once(Buffer.from('x')))
    await expect(refused).rejects.toThrow(TargetError)
    await expect(refused).rejects.toThrow(
      'writing data in s3://backups/x was refused: SignatureDoesNotMatch (status 403)',
    )
  })

  it('needs credentials', () => {
    expect(
      () =>
        new S3Target(
          { bucket: 'b-b', prefix: '' },
          { endpoint: '', region: 'eu-central-1', accessKeyId: 'x', secretAccessKey: '', sessionToken: '' },
        ),
    ).toThrow(/no credentials for s3:\/\/b-b/)
  })
})
