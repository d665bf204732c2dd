/**
 * AWS Signature Version 4, from the side of the service: is this request signed by the one whose key we know, for this moment, and with
 * all that it says? Written from AWS's description ("Signature Version 4 for API requests", "Authenticating Requests: Using Query
 * Parameters"), not from the SDK's signer, so that the two check each other.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** As S3 names it in its error. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const algorithm = 'AWS4-HMAC-SHA256';
const skewMsMax = 15 * 60 * 1000;
const presignedSecondsMax = 7 * 24 * 60 * 60;
const unsigned = 'UNSIGNED-PAYLOAD';

interface Claim {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly date: string;
  readonly payloadHash: string;
  /** What is signed of the query. */
  readonly query: readonly (readonly [string, string])[];
  /** How long a presigned URL is good for. */
  readonly expiresSeconds: number | undefined;
}

/** @returns the SHA-256 that the body must have, in hex; undefined when it is not signed. @throws {Refused} */
export function verifySignature(request: IncomingMessage, signer: Signer, nowMs: number): string | undefined {
  const [path = '', rawQuery = ''] = splitOnce(request.url ?? '', '?');
  const query = parseQuery(rawQuery);
  const headers = readHeaders(request);
  const claim = headers.has('authorization') ? readHeader(headers, query) : readPresigned(query);
  const atMs = readDate(claim.date);
  checkTime(claim, atMs, nowMs);
  const scope = checkScope(claim, signer);
  checkSignedHeaders(claim, headers);
  const canonicalRequest = [
    request.method,
    path
      .split('/')
      .map((part) => encode(decode(part)))
      .join('/'),
    canonicalQuery(claim.query),
    ...claim.signedHeaders.map((name) => `${name}:${headers.get(name) ?? ''}`),
    '',
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
  const toSign = [algorithm, claim.date, scope.join('/'), sha256(canonicalRequest)].join('\n');
  const key = scope.reduce<Buffer>((secret, part) => hmac(secret, part), Buffer.from(`AWS4${signer.secretAccessKey}`));
  const expected = hmac(key, toSign);
  const given = Buffer.from(claim.signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(expected, given)) {
    throw new Refused(403, 'SignatureDoesNotMatch', `the signature is another one for:\n${canonicalRequest}`);
  }
  return claim.payloadHash === unsigned ? undefined : claim.payloadHash;
}

function readHeader(headers: ReadonlyMap<string, string>, query: readonly (readonly [string, string])[]): Claim {
  if (query.some(([name]) => name === 'X-Amz-Signature')) throw new Refused(400, 'InvalidArgument', 'signed twice');
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;
  const [, credential, signedHeaders, signature] = pattern.exec(headers.get('authorization') ?? '') ?? [];
  if (signature === undefined) throw new Refused(400, 'AuthorizationHeaderMalformed', 'no authorization of version 4');
  const payloadHash = headers.get('x-amz-content-sha256') ?? '';
  if (payloadHash !== unsigned && !/^[0-9a-f]{64}$/.test(payloadHash)) {
    throw new Refused(400, 'InvalidRequest', `x-amz-content-sha256 is '${payloadHash}'`);
  }
  const date = headers.get('x-amz-date') ?? '';
  return {
    ...{ credential: credential!, signedHeaders: signedHeaders!.split(';'), signature, date, payloadHash, query },
    expiresSeconds: undefined,
  };
}

function readPresigned(query: readonly (readonly [string, string])[]): Claim {
  const given = new Map(query);
  if (given.size !== query.length) throw new Refused(400, 'InvalidArgument', 'a parameter stands twice');
  const get = (name: string) => {
    const value = given.get(name);
    if (value === undefined) throw new Refused(403, 'AccessDenied', `there is no ${name}`);
    return value;
  };
  if (get('X-Amz-Algorithm') !== algorithm) throw new Refused(400, 'AuthorizationQueryParametersError', 'another algorithm');
  const expires = get('X-Amz-Expires');
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > presignedSecondsMax) {
    throw new Refused(400, 'AuthorizationQueryParametersError', `X-Amz-Expires is '${expires}'`);
  }
  return {
    credential: get('X-Amz-Credential'),
    signedHeaders: get('X-Amz-SignedHeaders').split(';'),
    signature: get('X-Amz-Signature'),
    date: get('X-Amz-Date'),
    payloadHash: unsigned,
    query: query.filter(([name]) => name !== 'X-Amz-Signature'),
    expiresSeconds: Number(expires),
  };
}

/** `20260314T092653Z`. */
function readDate(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const ms = iso === text ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(ms)) throw new Refused(403, 'AccessDenied', `unknown date '${text}'`);
  return ms;
}

function checkTime({ expiresSeconds }: Claim, atMs: number, nowMs: number): void {
  if (expiresSeconds === undefined) {
    if (Math.abs(nowMs - atMs) > skewMsMax) throw new Refused(403, 'RequestTimeTooSkewed', 'the clocks differ too much');
    return;
  }
  if (atMs - nowMs > skewMsMax) throw new Refused(403, 'AccessDenied', 'Request is not yet valid');
  if (nowMs >= atMs + expiresSeconds * 1000) throw new Refused(403, 'AccessDenied', 'Request has expired');
}

function checkScope({ credential, date }: Claim, { accessKeyId, region }: Signer): readonly string[] {
  const [id, ...scope] = credential.split('/');
  if (id !== accessKeyId) throw new Refused(403, 'InvalidAccessKeyId', `there is no key '${id}'`);
  const expected = [date.slice(0, 8), region, 's3', 'aws4_request'];
  if (scope.join('/') !== expected.join('/')) {
    throw new Refused(400, 'AuthorizationHeaderMalformed', `the scope is '${scope.join('/')}', not '${expected.join('/')}'`);
  }
  return scope;
}

/** Sorted, once each, with host and all `x-amz-…`: what is not signed could have been put in by anybody. */
function checkSignedHeaders({ signedHeaders }: Claim, headers: ReadonlyMap<string, string>): void {
  const isSorted = signedHeaders.every((name, index) => index === 0 || signedHeaders[index - 1]! < name);
  if (!isSorted) throw new Refused(403, 'SignatureDoesNotMatch', 'signed headers are in no order');
  for (const name of ['host', ...[...headers.keys()].filter((header) => header.startsWith('x-amz-'))]) {
    if (!signedHeaders.includes(name)) {
      throw new Refused(403, 'AccessDenied', `There were headers present in the request which were not signed: ${name}`);
    }
  }
}

/** Trimmed, runs of spaces as one. A header that comes twice is refused, so nothing hangs on which one counts. */
function readHeaders({ rawHeaders }: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (headers.has(name)) throw new Refused(400, 'InvalidRequest', `the header ${name} stands twice`);
    headers.set(name, rawHeaders[at + 1]!.trim().replaceAll(/ +/g, ' '));
  }
  return headers;
}

function parseQuery(text: string): (readonly [string, string])[] {
  if (text === '') return [];
  return text.split('&').map((pair) => {
    const [name = '', value = ''] = splitOnce(pair, '=');
    return [decode(name), decode(value)] as const;
  });
}

function canonicalQuery(query: readonly (readonly [string, string])[]): string {
  const pairs = query.map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** @throws {Refused} */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refused(400, 'InvalidURI', `'${text}' is not percent-encoded UTF-8`);
  }
}

/** All but RFC 3986's unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
