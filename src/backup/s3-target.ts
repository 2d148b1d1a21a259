/**
 * Backups in a bucket of S3, or of anything that speaks its protocol.
 *
 * Runs on the main thread and in tools. A file of up to 16 MiB is one request; a longer one is uploaded in parts of that size, so
 * that a stream of any length needs no more memory, and a part that fails is sent again. Each request is signed with the
 * SHA-256 of its body, which the server checks. Invariant: an object is there only when it is whole.
 *
 * Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AwsClient } from 'aws4fetch'
import { chunksOf } from './chunks.js'
import { type BackupTarget, type StoredFile, TargetError } from './target.js'

const PART_BYTES = 16 * 1024 * 1024
/** S3 takes 10 000 parts. Each thousand doubles the size, so that they reach S3's limit for an object (5 TiB). */
const PARTS_OF_ONE_SIZE = 1000

const ATTEMPTS = 4
const RETRY_DELAY_MS = 250
/** Answers come within this, or the attempt has failed. */
const RESPONSE_TIMEOUT_MS = 120_000
/** Longer explanations are none. */
const ERROR_BYTES_MAX = 64 * 1024

export interface S3Access {
  /** URL of the server; empty for that of AWS. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Empty for none. */
  readonly sessionToken: string
}

interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly name: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

export class S3Target implements BackupTarget {
  readonly description: string
  readonly #client: AwsClient
  readonly #base: string
  readonly #prefix: string

  /** @throws TargetError when there are no credentials */
  constructor(location: { readonly bucket: string; readonly prefix: string }, access: S3Access) {
    const { bucket, prefix } = location
    this.description = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`
    if (access.accessKeyId === '' || access.secretAccessKey === '') {
      throw new TargetError(
        `there are no credentials for ${this.description}: set backup-s3-access-key-id and backup-s3-secret-access-key, ` +
          'or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment',
      )
    }
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.#base = baseUrl(access, bucket)
    this.#client = new AwsClient({
      accessKeyId: access.accessKeyId,
      secretAccessKey: access.secretAccessKey,
      ...(access.sessionToken === '' ? {} : { sessionToken: access.sessionToken }),
      service: 's3',
      region: access.region,
      // Attempts are counted here, together with those that did not reach the server.
      retries: 0,
    })
  }

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    let upload: MultipartUpload | undefined
    try {
      let partBytes = PART_BYTES
      for await (const { bytes, isLast } of chunksOf(content, () => partBytes)) {
        if (upload === undefined && isLast) {
          await this.#send({ method: 'PUT', name, body: bytes }, `writing ${name}`)
          return
        }
        upload ??= await this.#begin(name)
        await this.#putPart(upload, bytes)
        if (upload.etags.length % PARTS_OF_ONE_SIZE === 0) partBytes *= 2
      }
      await this.#complete(upload as MultipartUpload)
    } catch (error) {
      if (upload !== undefined) await this.#abort(upload)
      throw error
    }
  }

  async #begin(name: string): Promise<MultipartUpload> {
    const response = await this.#send({ method: 'POST', name, query: { uploads: '' } }, `writing ${name}`)
    const id = elementIn(await response.text(), 'UploadId')
    if (id === undefined) throw new TargetError(`${this.description} began no upload of ${name}`)
    return { name, id, etags: [] }
  }

  async #putPart({ name, id, etags }: MultipartUpload, body: Buffer): Promise<void> {
    const query = { partNumber: String(etags.length + 1), uploadId: id }
    const response = await this.#send({ method: 'PUT', name, query, body }, `writing ${name}`)
    await response.arrayBuffer()
    etags.push(response.headers.get('etag') ?? '')
  }

  async #complete({ name, id, etags }: MultipartUpload): Promise<void> {
    const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`)
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
    const response = await this.#send({ method: 'POST', name, query: { uploadId: id }, body }, `writing ${name}`)
    // The status comes before the work is done, so that a failure may stand in the body.
    const text = await response.text()
    if (text.includes('<Error>')) throw this.#refused(`writing ${name}`, response.status, text)
  }

  /** What was uploaded must not be left to be paid for; that it is not is no reason to hide why the upload failed. */
  async #abort({ name, id }: MultipartUpload): Promise<void> {
    await this.#send({ method: 'DELETE', name, query: { uploadId: id } }, `ending the upload of ${name}`).catch(
      (error: unknown) => {
        if (!(error instanceof TargetError)) throw error
      },
    )
  }

  async *get(name: string): AsyncGenerator<Uint8Array> {
    const response = await this.#send({ method: 'GET', name }, `reading ${name}`)
    if (response.body === null) return
    try {
      yield* response.body
    } catch (error) {
      throw new TargetError(`reading ${name} from ${this.description} broke off: ${reasonOf(error)}`)
    }
  }

  async list(prefix: string): Promise<StoredFile[]> {
    const files: StoredFile[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const query = {
        'list-type': '2',
        prefix: this.#prefix + prefix,
        ...(token === '' ? {} : { 'continuation-token': token }),
      }
      const response = await this.#send({ method: 'GET', name: '', query }, 'listing')
      const text = await response.text()
      for (const [, object = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = elementIn(object, 'Key') ?? ''
        if (!key.startsWith(this.#prefix)) continue
        files.push({
          name: key.slice(this.#prefix.length),
          bytes: Number(elementIn(object, 'Size') ?? 0),
          modifiedAtMs: Date.parse(elementIn(object, 'LastModified') ?? '') || 0,
        })
      }
      token = elementIn(text, 'IsTruncated') === 'true' ? elementIn(text, 'NextContinuationToken') : undefined
    }
    return files
  }

  async remove(name: string): Promise<void> {
    await this.#send({ method: 'DELETE', name }, `removing ${name}`)
  }

  /** Sends a request until it is answered with something that another attempt would not change. */
  async #send(request: S3Request, what: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const isLastAttempt = attempt === ATTEMPTS
      try {
        const response = await this.#sendOnce(request)
        if (response.ok) return response
        const text = (await response.text()).slice(0, ERROR_BYTES_MAX)
        if (isLastAttempt || (response.status < 500 && response.status !== 429)) {
          throw this.#refused(what, response.status, text)
        }
      } catch (error) {
        if (error instanceof TargetError) throw error
        if (isLastAttempt) throw new TargetError(`${what} in ${this.description} failed: ${reasonOf(error)}`)
      }
      await sleep(RETRY_DELAY_MS * 2 ** (attempt - 1))
    }
  }

  async #sendOnce({ method, name, query, body }: S3Request): Promise<Response> {
    const url = new URL(this.#base + (name === '' ? '' : `/${this.#prefix}${name}`))
    for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value)
    const signed = await signRequest(this.#client, url.href, { method, headers: {}, body })
    // A timeout of the whole request would end long downloads.
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(new Error('no answer in time')), RESPONSE_TIMEOUT_MS)
    try {
      return await fetch(signed, { signal: controller.signal })
    } finally {
      clearTimeout(timer)
    }
  }

  #refused(what: string, status: number, text: string): TargetError {
    const code = elementIn(text, 'Code')
    const reason = code === undefined ? `status ${status}` : `${code} (status ${status})`
    return new TargetError(
      `${what} in ${this.description} was refused: ${reason}`,
      status === 404 && code !== 'NoSuchBucket',
    )
  }
}

/**
 * Signs a request, its body included.
 * @param fixed for tests: the time as AWS writes it, and whether headers are signed that proxies may change
 */
export function signRequest(
  client: AwsClient,
  url: string,
  request: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: Buffer | undefined
  },
  fixed: { readonly datetime?: string; readonly allHeaders?: boolean } = {},
): Promise<Request> {
  const { method, headers, body } = request
  const hash = createHash('sha256')
    .update(body ?? '')
    .digest('hex')
  return client.sign(url, {
    method,
    headers: { ...headers, 'X-Amz-Content-Sha256': hash },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    aws: fixed,
  })
}

interface MultipartUpload {
  readonly name: string
  readonly id: string
  /** By part. */
  readonly etags: string[]
}

function baseUrl({ endpoint, region }: S3Access, bucket: string): string {
  if (endpoint !== '') return `${endpoint.replace(/\/+$/, '')}/${bucket}`
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  // The certificate does not hold for names with dots below its own.
  return bucket.includes('.') ? `https://s3.${region}.${suffix}/${bucket}` : `https://${bucket}.s3.${region}.${suffix}`
}

/** The text of an element, which has no elements inside. */
function elementIn(text: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  return found?.replace(/&(lt|gt|quot|apos|amp|#x[0-9a-f]+|#\d+);/gi, (_, entity: string) => characterOf(entity))
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function characterOf(entity: string): string {
  const hexadecimal = /^#x/i.test(entity)
  if (!entity.startsWith('#')) return ENTITIES[entity.toLowerCase()] ?? ''
  return String.fromCodePoint(Number.parseInt(entity.slice(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10))
}

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // What fetch itself says is only that it failed.
  return error.cause instanceof Error ? error.cause.message : error.message
}
