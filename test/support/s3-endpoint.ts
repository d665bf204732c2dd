/**
 * A small S3 in memory: PUT, GET (with ranges and conditions), HEAD and DELETE of objects, and lists of them, in path and in virtual-host style, for whoever
 * signs (sigv4.ts). Stricter than the real one where it can be: a header that is signed must come as it was signed, so length and type of
 * a presigned PUT are exact, and each header comes once.
 *
 * Beside it stands what CloudFront is to the real one: a second port where GETs need no signature.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode, Refused, type Signer, verifySignature } from './sigv4.ts';

interface StoredObject {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

interface Target {
  readonly bucket: string;
  readonly key: string;
}

/** All objects together, bytes. */
const heldBytesMax = 512 * 1024 * 1024;

export const localSigner: Signer = { accessKeyId: 'local', secretAccessKey: 'local', region: 'eu-central-1' };

export class S3Endpoint {
  /** A status to answer with before anything else, or undefined. */
  fault: (method: string, key: string) => number | 'cut' | undefined = () => undefined;
  /** Requests that passed the signature, such as `PUT a.example/x/photo.png`. */
  readonly taken: string[] = [];
  readonly #bucket: string;
  readonly #signer: Signer;
  readonly #objects = new Map<string, StoredObject>();
  readonly #api: Server;
  readonly #files: Server;
  #heldBytes = 0;

  private constructor(bucket: string, signer: Signer) {
    this.#bucket = bucket;
    this.#signer = signer;
    this.#api = createServer((request, response) => {
      for (const [name, value] of corsHeaders(request)) response.setHeader(name, value);
      void this.#answer(request, response, () => (request.method === 'OPTIONS' ? preflight(request) : this.#serve(request)));
    });
    this.#files = createServer((request, response) => void this.#answer(request, response, () => this.#give(request)));
  }

  static async start(bucket: string, signer: Signer = localSigner): Promise<S3Endpoint> {
    const endpoint = new S3Endpoint(bucket, signer);
    for (const server of [endpoint.#api, endpoint.#files]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#api.address() as AddressInfo).port}`;
  }

  /** Where GETs go without a signature. */
  get filesUrl(): string {
    return `http://127.0.0.1:${(this.#files.address() as AddressInfo).port}/`;
  }

  get keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  async close(): Promise<void> {
    for (const server of [this.#api, this.#files]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, work: () => Promise<Answer>): Promise<void> {
    try {
      const { status, headers = {}, body } = await work();
      response.writeHead(status, { ...headers, 'content-length': headers['content-length'] ?? `${body?.length ?? 0}` });
      response.end(request.method === 'HEAD' ? undefined : body);
    } catch (error) {
      if (error instanceof Cut) {
        request.destroy();
        return;
      }
      const { status, code, message } =
        error instanceof Refused ? error : new Refused(500, 'InternalError', error instanceof Error ? error.message : `${error}`);
      request.resume(); // so that the answer is read before the connection ends
      const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${escapeText(message)}</Message></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }

  async #serve(request: IncomingMessage): Promise<Answer> {
    const { bucket, key } = this.#target(request);
    const method = request.method ?? '';
    const fault = this.fault(method, key);
    if (fault === 'cut') throw new Cut();
    if (fault !== undefined) throw new Refused(fault, fault === 503 ? 'SlowDown' : 'Fault', 'as the test wants it');
    const payloadHash = verifySignature(request, this.#signer, Date.now());
    if (bucket !== this.#bucket) throw new Refused(404, 'NoSuchBucket', `there is no bucket '${bucket}'`);
    this.taken.push(`${method} ${key}`);
    switch (method) {
      case 'PUT':
        return this.#put(request, key, payloadHash);
      case 'GET':
        if (key === '') return this.#list(new URL(request.url ?? '', 'http://bucket').searchParams);
        return read(this.#objects.get(key), request);
      case 'HEAD':
        return read(this.#objects.get(key), request);
      case 'DELETE':
        this.#drop(key);
        return { status: 204 };
      default:
        throw new Refused(405, 'MethodNotAllowed', method);
    }
  }

  async #put(request: IncomingMessage, key: string, payloadHash: string | undefined): Promise<Answer> {
    const { 'content-length': length, 'content-type': type = 'binary/octet-stream' } = request.headers;
    if (length === undefined) throw new Refused(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.');
    if (this.#heldBytes + Number(length) > heldBytesMax) throw new Refused(503, 'SlowDown', 'this endpoint is full');
    const dependencies: Buffer[] = [];
    for await (const part of request) dependencies.push(part as Buffer);
    const body = Buffer.concat(dependencies);
    if (body.length !== Number(length)) throw new Refused(400, 'IncompleteBody', `${body.length} of ${length} bytes`);
    if (payloadHash !== undefined && createHash('sha256').update(body).digest('hex') !== payloadHash) {
      throw new Refused(400, 'XAmzContentSHA256Mismatch', 'the body is another one than was signed');
    }
    if (request.headers['if-none-match'] === '*' && this.#objects.has(key)) {
      throw new Refused(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
    }
    this.#drop(key);
    this.#heldBytes += body.length;
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    this.#objects.set(key, { type, body, etag });
    return { status: 200, headers: { etag } };
  }

  /** ListObjectsV2; a token is the last key of the page before. */
  #list(query: URLSearchParams): Answer {
    if (query.get('list-type') !== '2' || query.get('encoding-type') !== 'url') throw new Refused(501, 'NotImplemented', 'list');
    const after = query.get('continuation-token') ?? '';
    const most = Number(query.get('max-keys') ?? 1_000);
    const found = [...this.#objects.keys()].filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after).sort();
    const page = found.slice(0, most);
    const contents = page.map((key) => `<Contents><Key>${encodeURIComponent(key).replaceAll('%20', '+')}</Key></Contents>`);
    const more = found.length > most ? `<NextContinuationToken>${escapeText(page.at(-1)!)}</NextContinuationToken>` : '';
    const xml = `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more !== ''}</IsTruncated>${contents.join('')}${more}</ListBucketResult>`;
    return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml) };
  }

  #drop(key: string): void {
    this.#heldBytes -= this.#objects.get(key)?.body.length ?? 0;
    this.#objects.delete(key);
  }

  /** As CloudFront does before the bucket. */
  async #give(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refused(405, 'MethodNotAllowed', `${request.method}`);
    const object = this.#objects.get(keyOf((request.url ?? '').split('?')[0]!));
    const answer = read(object, request);
    return { ...answer, headers: { ...answer.headers, 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' } };
  }

  /** `/bucket/key`, or `/key` at the host `bucket.…`. */
  #target(request: IncomingMessage): Target {
    const path = (request.url ?? '').split('?')[0]!;
    const [label] = (request.headers.host ?? '').split('.');
    if (label === this.#bucket) return { bucket: label, key: keyOf(path) };
    const [, bucket = '', ...rest] = path.split('/');
    return { bucket: decode(bucket), key: keyOf(`/${rest.join('/')}`) };
  }
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** The connection is to end without a word. */
class Cut extends Error {}

/** Decoded once and taken as it is: S3 does not read a key as a path. */
function keyOf(path: string): string {
  return path.slice(1).split('/').map(decode).join('/');
}

function read(object: StoredObject | undefined, { headers, method }: IncomingMessage): Answer {
  if (object === undefined) throw new Refused(404, 'NoSuchKey', 'The specified key does not exist.');
  const { type, body, etag } = object;
  const match = headers['if-match'];
  if (match !== undefined && match !== etag) throw new Refused(412, 'PreconditionFailed', 'it is another one now');
  const common = { 'content-type': type, etag, 'accept-ranges': 'bytes' };
  const range = method === 'GET' ? /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') : null;
  if (range === null) return { status: 200, headers: { ...common, 'content-length': `${body.length}` }, body };
  const [first, last] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)];
  if (first > last) throw new Refused(416, 'InvalidRange', 'there are no such bytes');
  const part = body.subarray(first, last + 1);
  return { status: 206, headers: { ...common, 'content-range': `bytes ${first}-${last}/${body.length}` }, body: part };
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** The bucket's CORS rule, as a deployment has it (infra/lib/data-stack.ts): any origin may PUT, and say of what type. */
function corsHeaders({ headers }: IncomingMessage): [string, string][] {
  return headers.origin === undefined ? [] : [['access-control-allow-origin', '*']];
}

async function preflight({ headers }: IncomingMessage): Promise<Answer> {
  const isAllowed =
    headers['access-control-request-method'] === 'PUT' &&
    /^(content-type)?$/i.test(headers['access-control-request-headers'] ?? '');
  if (!isAllowed) throw new Refused(403, 'AccessForbidden', 'CORSResponse: This CORS request is not allowed.');
  return { status: 200, headers: { 'access-control-allow-methods': 'PUT', 'access-control-allow-headers': 'content-type' } };
}
