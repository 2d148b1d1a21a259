/**
 * A local S3 for tests: s3rver, behind a door that lets only requests through whose signature (SigV4) and body hash are right,
 * because s3rver itself takes any. The signature is computed here from the request as it arrived, with nothing of the client's.
 */
import { createHash, createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import S3rver from 's3rver'

export const ACCESS_KEY_ID = 'AKIDTEST'
export const SECRET_ACCESS_KEY = 'a secret/that+must=not be shown'
const BUCKET = 'backups'

export interface S3Server {
  readonly endpoint: string
  readonly bucket: string
  /** Method and path of each request that was let through. */
  readonly requests: string[]
  /** How many of the next requests are answered with status 503, or with a connection that breaks. */
  failing: { status: number; broken: number }
  stop(): Promise<void>
}

export async function startS3(): Promise<S3Server> {
  const directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-s3-'))
  const backend = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    allowMismatchedSignatures: true,
    directory,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  })
  const { port } = await backend.run()
  const requests: string[] = []
  const failing = { status: 0, broken: 0 }
  const door = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      if (failing.broken > 0) {
        failing.broken--
        request.socket.destroy()
        return
      }
      if (failing.status > 0) {
        failing.status--
        response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
        return
      }
      const fault = signatureFault(request, body)
      if (fault !== undefined) {
        response.writeHead(403).end(`<Error><Code>${fault}</Code></Error>`)
        return
      }
      requests.push(`${request.method} ${request.url}`)
      const { authorization: _, ...headers } = request.headers
      const forwarded = http.request(
        {
          port,
          host: '127.0.0.1',
          method: request.method,
          path: request.url,
          headers: { ...headers, authorization: 'AWS S3RVER:x' },
        },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        },
      )
      forwarded.on('error', () => response.destroy())
      forwarded.end(body)
    })
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    bucket: BUCKET,
    requests,
    failing,
    async stop() {
      door.closeAllConnections()
      await new Promise((resolve) => door.close(resolve))
      await backend.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function signatureFault(request: http.IncomingMessage, body: Buffer): string | undefined {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/((\d{8})\/([^/]+)\/s3\/aws4_request), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  if (parts === null) return 'AccessDenied'
  const [, accessKeyId, scope = '', day = '', region = '', names = '', signature] = parts
  if (accessKeyId !== ACCESS_KEY_ID) return 'InvalidAccessKeyId'
  if (request.headers['x-amz-content-sha256'] !== sha256(body)) return 'XAmzContentSHA256Mismatch'
  const [pathText = '', queryText = ''] = (request.url ?? '').split('?')
  const query = queryText === '' ? [] : queryText.split('&').map((pair) => pair.split('=') as [string, string?])
  // What clients write and what is signed differ in a few characters: everything is encoded anew.
  const coded = (text: string): string =>
    encodeURIComponent(decodeURIComponent(text.replaceAll('+', ' '))).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  const canonicalQuery = query
    .map(([name, value = '']) => [coded(name), coded(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&')
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonicalPath = pathText.split('/').map(coded).join('/')
  const canonical = [request.method, canonicalPath, canonicalQuery, headers.join(''), names, sha256(body)].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET_ACCESS_KEY}`, day), region), 's3'), 'aws4_request')
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}
