/**
 * Uploaded files (XEP-0363 §6) that this program keeps itself: PUT for whoever has a slot, GET for whoever knows the URL.
 *
 * An uploaded file comes from a stranger, and its origin may be that of the web client. So it is served as an attachment, in a
 * sandbox, and never with a type that a page could run. A slot takes one file once, so the content of a URL never changes.
 */
import { createHash } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';
import type { ByteRange, ServedBlobs, Slot } from '../../lib/ports/blobs.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { Count } from '../../lib/runtime/counts.ts';
import { endOf, hasExpired } from '../../lib/runtime/file-keys.ts';
import { isOwnMachine, networkOf } from '../../lib/runtime/networks.ts';
import { webLimits } from './limits.ts';
import { SlowUpload, timed } from './slow-upload.ts';

export interface FilesDependencies {
  readonly blobs: ServedBlobs;
  /** The URL of all files, such as `https://files.example.org/`. Without a path, the whole host is for files. */
  readonly baseUrl: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

export const uploads = new Count(
  'uploads_total',
  'Files that were sent here with a valid slot: `stored`, `refused`, or `failed` because they could not be kept',
  ['result'],
);
export const uploadedBytes = new Count('upload_bytes_total', 'Bytes of the files that were stored', []);

const methods = 'OPTIONS, HEAD, GET, PUT';

/** Headers of every answer. Web clients of any origin may upload (§7). */
const safeHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'Content-Type, Range, If-Range',
  'access-control-expose-headers': 'Accept-Ranges, Content-Disposition, Content-Range, ETag',
  'access-control-max-age': '86400',
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'cross-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Answers requests below the base URL, and leaves all others to the next handler. */
export function serveFiles(dependencies: FilesDependencies): MiddlewareHandler {
  const underWay = new Map<string, UnderWay>();
  return async (c, next) => {
    if (!isBelow(c.req.url, dependencies.baseUrl())) return next();
    try {
      if (c.req.method === 'OPTIONS') return c.body(null, 204, safeHeaders);
      if (c.req.method === 'GET' || c.req.method === 'HEAD') return await download(c, dependencies);
      if (c.req.method === 'PUT') return await upload(c, dependencies, underWay);
      return say(c, 405, `The method ${c.req.method} is not allowed here`, { allow: methods });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      dependencies.log.warn({ err: error }, 'a file could not be stored or read');
      return say(c, 503, 'Files cannot be stored or read at the moment; try again later', { 'retry-after': '60' });
    }
  };
}

function isBelow(url: string, baseUrl: string): boolean {
  const [asked, base] = [new URL(url), new URL(baseUrl)];
  return base.pathname === '/' ? asked.host === base.host : asked.pathname.startsWith(base.pathname);
}

type Status = 400 | 403 | 404 | 405 | 408 | 409 | 411 | 413 | 415 | 416 | 429 | 503;

function say(c: Context, status: Status, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return c.text(`${text}\n`, status, { ...safeHeaders, 'cache-control': 'no-store', ...headers });
}

/** The client's address, which services/web/server.ts sets; '' in a function on AWS, where nothing is uploaded. */
function addressOf(c: Context): string {
  return (c.env as { readonly address?: string } | undefined)?.address ?? '';
}

/** A running upload counts towards the shares of its tenant, of its network and of the account that owns the slot. */
interface UnderWay {
  readonly tenant: string;
  readonly network: string;
  readonly share: string | undefined;
}

function hasShare(underWay: ReadonlyMap<string, UnderWay>, { tenant, network, share }: UnderWay): boolean {
  const others = [...underWay.values()];
  const count = (isOne: (other: UnderWay) => boolean) => others.filter(isOne).length;
  if (!isOwnMachine(network) && count((other) => other.network === network) >= webLimits.uploadsPerNetworkMax) return false;
  if (!share) return true;
  const ofTenant = count((other) => other.tenant === tenant);
  return ofTenant < webLimits.uploadsPerTenantMax && count((other) => other.share === share) < webLimits.uploadsPerAccountMax;
}

async function upload(c: Context, dependencies: FilesDependencies, underWay: Map<string, UnderWay>): Promise<Response> {
  const slot = dependencies.blobs.verifySlot(c.req.url);
  if (slot === undefined) return say(c, 403, 'This URL does not accept a file, or has expired; request a new slot');
  const { key, info } = slot;
  const tenant = key.split('/', 1)[0]!;
  let result: 'stored' | 'refused' | 'failed' = 'failed';
  try {
    const answer = await take(c, slot, tenant, dependencies, underWay);
    result = answer.status === 201 ? 'stored' : 'refused';
    return answer;
  } finally {
    uploads.add(tenant, 1, result);
    if (result === 'stored') uploadedBytes.add(tenant, info.sizeBytes);
  }
}

async function take(
  c: Context,
  slot: Slot,
  tenant: string,
  { blobs, clock }: FilesDependencies,
  underWay: Map<string, UnderWay>,
): Promise<Response> {
  const fault = findFault(c, slot);
  if (fault !== undefined) return say(c, ...fault);
  const { key, info } = slot;
  const mine: UnderWay = { tenant, network: networkOf(addressOf(c)), share: slot.share };
  if (!hasShare(underWay, mine)) {
    return say(c, 429, 'Too many of your files are being uploaded; try again when one has finished', { 'retry-after': '5' });
  }
  if (underWay.size >= webLimits.uploadsAtOnceMax) {
    return say(c, 503, 'Too many files are being uploaded; try again in a moment', { 'retry-after': '5' });
  }
  if (underWay.has(key)) return say(c, 409, 'This file is already being uploaded');
  underWay.set(key, mine);
  try {
    if ((await blobs.get(key)) !== undefined) return say(c, 409, 'This file has already been uploaded');
    await blobs.put(key, info, timed(c.req.raw.body, info.sizeBytes, clock));
    return c.body(null, 201, { ...safeHeaders, location: new URL(c.req.url).pathname }); // percent-encoded, because a header cannot hold other letters
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    if (error instanceof SlowUpload) return say(c, 408, error.message, { connection: 'close' });
    // the client went away or its body was not as announced: not our fault
    return say(c, 400, `The file was not as announced`, { connection: 'close' });
  } finally {
    underWay.delete(key);
  }
}

/** Checks what is known before the body is read. */
function findFault(c: Context, { info }: Slot): readonly [Status, string] | undefined {
  const length = c.req.header('content-length');
  if (length === undefined || c.req.header('transfer-encoding') !== undefined) return [411, 'A Content-Length is required'];
  if (!/^\d{1,15}$/.test(length) || Number(length) !== info.sizeBytes) {
    return [Number(length) > info.sizeBytes ? 413 : 400, `The slot is for ${info.sizeBytes} bytes, not ${length}`];
  }
  const type = c.req.header('content-type')?.trim() || 'application/octet-stream'; // §6
  if (type.toLowerCase() !== info.type.toLowerCase()) return [415, `The slot is for '${info.type}', not '${type}'`];
  if (c.req.header('content-range') !== undefined) return [400, 'A file must be uploaded whole'];
  return undefined;
}

async function download(c: Context, { blobs, clock }: FilesDependencies): Promise<Response> {
  const key = blobs.keyOf(c.req.url);
  const found = key === undefined || hasExpired(key, clock.now()) ? undefined : await blobs.get(key);
  if (key === undefined || found === undefined) return say(c, 404, 'There is no such file');
  const { info } = found;
  const etag = `"${createHash('sha256').update(key).digest('base64url')}"`;
  const headers = {
    ...safeHeaders,
    'accept-ranges': 'bytes',
    'cache-control': `public, max-age=${cacheSeconds(key, clock)}, immutable`,
    'content-disposition': `attachment; filename*=UTF-8''${encodeName(key.split('/').at(-1)!)}`,
    'content-type': harmless(info.type),
    etag,
  };
  if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304, headers);
  const wanted = c.req.header('if-range') === undefined || c.req.header('if-range') === etag ? c.req.header('range') : undefined;
  const range = readRange(wanted, info.sizeBytes);
  if (range === 'none')
    return say(c, 416, 'The file does not have these bytes', { 'content-range': `bytes */${info.sizeBytes}` });
  const answer = (body: AsyncIterable<Uint8Array>, status: 200 | 206, more: Readonly<Record<string, string>>) =>
    new Response(c.req.method === 'HEAD' ? null : toStream(body), { status, headers: { ...headers, ...more } });
  if (range === undefined) return answer(found.body, 200, { 'content-length': `${info.sizeBytes}` });
  const part = await blobs.get(key, range);
  if (part === undefined) return say(c, 404, 'There is no such file');
  return answer(part.body, 206, {
    'content-length': `${range.last + 1 - range.first}`,
    'content-range': `bytes ${range.first}-${range.last}/${info.sizeBytes}`,
  });
}

/** One day, so that deleted files disappear from caches, or until the file ends. */
function cacheSeconds(key: string, clock: Clock): number {
  const endMs = endOf(key) ?? Number.POSITIVE_INFINITY;
  return Math.min(24 * 60 * 60, Math.floor((endMs - clock.now()) / 1_000));
}

/** Types that `<script>`, `<link>` and workers accept even from an attachment. All others are harmless in the sandbox. */
function harmless(type: string): string {
  return /(?:java|ecma|j|live)script|css|wasm/i.test(type) ? 'application/octet-stream' : type;
}

/** One range (RFC 9110 §14.2). A malformed header or several ranges are ignored. 'none': the range lies outside of the file. */
function readRange(header: string | undefined, sizeBytes: number): ByteRange | 'none' | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (found === null || (found[1] === '' && found[2] === '')) return undefined;
  const [from, to] = [found[1]!, found[2]!];
  const first = from === '' ? Math.max(sizeBytes - Number(to), 0) : Number(from);
  const last = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  return first > last ? 'none' : { first, last };
}

/** RFC 8187 §3.2.1: escapes what `encodeURIComponent` leaves although it is not an `attr-char`. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function toStream(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(body) as ReadableStream<Uint8Array<ArrayBuffer>>;
}
