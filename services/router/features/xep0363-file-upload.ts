/**
 * XEP-0363: HTTP File Upload, at a host of its own, `upload.example.org`, because clients look for it among the items of the
 * domain.
 *
 * Only accounts of the tenant get slots. The size of each slot is counted in one row per month, whether the slot is used or not; what is
 * for a profile, or for good, is kept, and so counted for ever (§5). A file that ends within its month gives its bytes back: a row says when,
 * and is looked at when the month's bytes are used up.
 * Each slot also has a row (uploads/uploaded-files.ts), by which its file is found when the account is removed, or by an operator. The bytes themselves do not pass through the
 * router: they go to the web service or to S3. A slot is valid for exactly its size and type. A slot without a type is for
 * `application/octet-stream`.
 */
import { hash as hashOnce } from 'node:crypto';
import { isMediaType } from '../../../lib/ports/blobs.ts';
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Count } from '../../../lib/runtime/counts.ts';
import { type FilePurpose, fileKeyFor, isKept } from '../../../lib/runtime/file-keys.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import { parseMoment } from '../../../lib/xmpp/date-time.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { routerLimits } from '../limits.ts';
import { doomFile, fileKey } from '../removal/doomed-files.ts';
import { slots, uploaded } from '../uploads/uploaded-files.ts';

const NS = 'urn:xmpp:http:upload:0';
const PURPOSE = 'urn:xmpp:http:upload:purpose:0';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

/** The headers that a client may be asked to send (§4). */
const headerNames: ReadonlySet<string> = new Set(['Authorization', 'Cookie', 'Expires']);
const unguessableBytes = 24;
const shareCharacters = 16;
const dayMs = 24 * 60 * 60 * 1000;
const mebibyte = 1024 * 1024;
const anyType = 'application/octet-stream';

interface EndRow {
  readonly counted: number;
  readonly month: string;
}

/** What comes back, by `<when, ms> <{@link fileKey}>`. */
const ends = collection<EndRow>('fileEnd', 'account');

/** Files in a bucket do not pass through any of our processes: what was asked for is all that is seen of them. */
export const uploadSlots = new Count(
  'upload_slots_total',
  'Requests for a slot to upload a file: `given`, or `refused`, such as when the bytes of the account are used up',
  ['result'],
);
export const uploadSlotBytes = new Count('upload_slot_bytes_total', 'Bytes of the files that slots were given for', []);

export const fileUpload: AccountFeature = {
  spec: 'XEP-0363',
  version: '1.2.0',
  title: 'HTTP File Upload',
  note: 'A slot is used once; on S3 that takes a CDN for uploads (`--uploads-url`), since headers are never asked for, and without one it can be used again, for the same length and type, until it expires. Purposes but `message` are offered where files are in a folder: a bucket ends all files at the same age.',
  uploadsIq: [
    { type: 'get', ns: INFO, name: 'query', handle: describe },
    { type: 'get', ns: ITEMS, name: 'query', handle: list },
    { type: 'get', ns: NS, name: 'request', handle: countSlot },
  ],
  figures: [uploadSlots, uploadSlotBytes],
  removed: deleteFiles,
};

/** Describes the host (§3). */
function describe(request: Element, host: HostContext): Element {
  checkService(request, host);
  const form = renderForm({
    type: 'result',
    formType: NS,
    fields: [{ var: 'max-file-size', type: 'text-single', values: [`${host.tenant.policy.fileMegabytes * mebibyte}`] }],
  });
  const offered = purposesOf(host).map((purpose) => `${PURPOSE}#${purpose}`);
  const features = [INFO, ITEMS, NS, ...offered].map((name) => xml('feature', { var: name }));
  return xml('query', { xmlns: INFO }, xml('identity', { category: 'store', type: 'file', name: 'Files' }), ...features, form);
}

function list(request: Element, host: HostContext): Element {
  checkService(request, host);
  return xml('query', { xmlns: ITEMS });
}

function checkService({ attrs: { node } }: Element, host: HostContext): void {
  if (!host.turn.dependencies.blobs) throw new StanzaError('service-unavailable');
  if (node) throw new StanzaError('item-not-found', `there is no node '${node.slice(0, 100)}'`);
}

function purposesOf({ turn }: HostContext): readonly FilePurpose[] {
  return turn.dependencies.blobs?.knowsPurposes ? ['message', 'profile', 'ephemeral', 'permanent'] : ['message'];
}

interface Purpose {
  readonly name: FilePurpose;
  /** For `ephemeral`, ms since the epoch. */
  readonly endMs?: number;
}

/** §5. @throws {StanzaError} */
function readPurpose(request: Element, host: HostContext): Purpose {
  const asked = request.getChildElements().filter((child) => child.getNS() === PURPOSE) as Element[];
  if (asked.length > 1) throw new StanzaError('bad-request', 'a file has one purpose');
  const name = (asked[0]?.getName() ?? 'message') as FilePurpose;
  if (!purposesOf(host).includes(name)) throw new StanzaError('feature-not-implemented', 'files are not kept for this purpose');
  if (name !== 'ephemeral') return { name };
  const endMs = parseMoment(asked[0]!.attrs['expire-before'] ?? '');
  if (endMs === undefined)
    throw new StanzaError('bad-request', "an ephemeral file needs 'expire-before', a date and time (XEP-0082)");
  if (endMs <= host.turn.dependencies.clock.timeOfDay())
    throw new StanzaError('bad-request', 'the file would have expired already');
  return { name, endMs: Math.min(endMs, Number.MAX_SAFE_INTEGER) };
}

async function countSlot(request: Element, host: HostContext): Promise<Element> {
  const { domain } = host.tenant;
  try {
    const { slot, sizeBytes } = await giveSlot(request, host);
    uploadSlots.add(domain, 1, 'given');
    uploadSlotBytes.add(domain, sizeBytes);
    return slot;
  } catch (error) {
    if (error instanceof StanzaError) uploadSlots.add(domain, 1, 'refused');
    throw error;
  }
}

/** Gives a slot (§4, §5). */
async function giveSlot(request: Element, host: HostContext): Promise<{ readonly slot: Element; readonly sizeBytes: number }> {
  const { account, tenant, turn } = host;
  const { blobs, clock } = turn.dependencies;
  if (!blobs) throw new StanzaError('service-unavailable');
  if (!account?.session) throw new StanzaError('forbidden', `only accounts of ${tenant.domain} can upload files here`);
  const { filename, size } = request.attrs;
  const sizeBytes = readSize(size);
  const name = safeName(filename ?? '');
  if (name === '') throw new StanzaError('bad-request', 'a file needs a name');
  const type = request.attrs['content-type']?.trim() || anyType;
  if (!isMediaType(type)) throw new StanzaError('bad-request', `'${type.slice(0, 100)}' is not a media type`);
  const purpose = readPurpose(request, host);
  const largest = tenant.policy.fileMegabytes * mebibyte;
  const most = purpose.name === 'profile' ? Math.min(routerLimits.uploadProfileBytesMax, largest) : largest;
  if (sizeBytes > most) throw tooLarge(most);
  const random = clock.randomBytes(unguessableBytes).toString('base64url');
  const key = fileKeyFor({ domain: tenant.domain, random, name, purpose: purpose.name, untilMs: purpose.endMs });
  const { fileRetentionDays } = tenant.policy;
  const keptMs = isKept(key) || fileRetentionDays === 0 ? Number.POSITIVE_INFINITY : fileRetentionDays * dayMs;
  const endMs = Math.min(clock.now() + keptMs, purpose.endMs ?? Number.POSITIVE_INFINITY);
  await charge(account, sizeBytes, key, { purpose: purpose.name, endMs });
  const share = hashOnce('sha256', `${tenant.secret} upload\0${account.local}`, 'base64url').slice(0, shareCharacters);
  const untilMs = clock.now() + routerLimits.uploadSlotMs;
  const slot = await blobs.slot(key, { type, sizeBytes }, untilMs, share);
  const rowEndMs = Math.max(endMs, untilMs) + serviceLimits.uploadRequestMs + routerLimits.uploadSlotMs;
  const row = { key, untilMs, sizeBytes, purpose: purpose.name };
  account.put(slots, fileKey(key), row, Number.isFinite(rowEndMs) ? rowEndMs : undefined);
  const answer = xml(
    'slot',
    { xmlns: NS },
    xml('put', { url: slot.putUrl }, ...Object.entries(slot.headers).map(([header, value]) => writeHeader(header, value))),
    xml('get', { url: slot.getUrl }),
  );
  return { slot: answer, sizeBytes };
}

/** Deletes the files of an account that is removed. */
async function deleteFiles(account: Account): Promise<void> {
  const { blobs, store, clock } = account.turn.dependencies;
  if (!blobs) return;
  for (let after: string | undefined; ; ) {
    const page = await account.list(slots, { limit: portLimits.blobsPageMax, after });
    await Promise.all(
      page.map(async ({ value: { key, untilMs } }) => {
        if (untilMs + serviceLimits.uploadRequestMs > clock.now()) await doomFile(store, key, untilMs);
        await blobs.delete(key);
      }),
    );
    if (page.length < portLimits.blobsPageMax) return;
    after = page.at(-1)!.key;
  }
}

/** Reads the size, an `xs:positiveInteger`. */
function readSize(size: string | undefined): number {
  if (!/^0*[1-9]\d*$/.test(size ?? ''))
    throw new StanzaError('bad-request', 'the size of a file must be a number of bytes, at least 1');
  return Number(size);
}

/** Clients ignore other headers (§4), so an adapter that needs one does not work with this protocol. */
function writeHeader(name: string, value: string): Element {
  if (!headerNames.has(name)) throw new Error(`a client cannot be asked to send the header '${name}'`);
  return xml('header', { name }, value);
}

/**
 * Makes a file name safe (§4). It stays as it is, above all its ending, except for characters that cannot be in a path on every
 * file system, or that make it look like another name: separators, invisible characters, and characters that change the direction
 * of writing.
 */
export function safeName(filename: string): string {
  const name = filename
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}/\\\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]/gu, '_')
    .trim();
  return shorten(/^\.+$/.test(name) ? name.replaceAll('.', '_') : name, routerLimits.uploadNameBytesMax);
}

/** Shortens a name and keeps its ending, because the ending tells the type of the file. */
function shorten(name: string, bytesMax: number): string {
  if (Buffer.byteLength(name) <= bytesMax) return name;
  const ending = /\.[^.\s]{1,16}$/u.exec(name)?.[0] ?? '';
  let room = bytesMax - Buffer.byteLength(ending);
  let stem = '';
  for (const character of name.slice(0, name.length - ending.length)) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    stem += character;
  }
  return stem + ending;
}

function tooLarge(most: number): StanzaError {
  return new StanzaError('not-acceptable', `a file has at most ${most} bytes`, {
    extra: xml('file-too-large', { xmlns: NS }, xml('max-file-size', {}, `${most}`)),
  });
}

interface Kept {
  readonly purpose: FilePurpose;
  /** When the file ends, ms since the epoch; infinite: with its account. */
  readonly endMs: number;
}

/**
 * Counts the bytes first, so that many requests at once cannot exceed the limit.
 * @throws {StanzaError} if the bytes are used up, of the month or of those that are kept
 */
async function charge(account: Account, sizeBytes: number, key: string, { purpose, endMs }: Kept): Promise<void> {
  const { uploadMegabytes, keptMegabytes } = account.tenant.policy;
  const counted = Math.max(sizeBytes, routerLimits.uploadCountedBytesMin);
  if (purpose === 'profile' || purpose === 'permanent') {
    const most = purpose === 'profile' ? routerLimits.uploadProfileTotalMax : keptMegabytes * mebibyte;
    if (await count(account, counted, purpose, most)) return;
    throw new StanzaError('resource-constraint', `an account has at most ${most} bytes of files for this purpose`);
  }
  const month = account.now.toISOString().slice(0, 'yyyy-mm'.length);
  const nextMs = Date.UTC(account.now.getUTCFullYear(), account.now.getUTCMonth() + 1);
  const most = uploadMegabytes * mebibyte;
  const isCounted =
    (await count(account, counted, month, most)) || ((await giveBack(account)) && (await count(account, counted, month, most)));
  if (!isCounted) {
    const stamp = new Date(nextMs).toISOString().replace('.000Z', 'Z');
    throw new StanzaError('resource-constraint', `an account uploads at most ${most} bytes a month`, {
      extra: xml('retry', { xmlns: NS, stamp }),
    });
  }
  if (endMs < nextMs) account.put(ends, `${atMs(endMs)} ${fileKey(key)}`, { counted, month }, nextMs);
}

/** @returns false if that would be too much; then nothing is counted */
async function count(account: Account, bytes: number, where: string, most: number): Promise<boolean> {
  if ((await account.add(uploaded, bytes, where)) <= most) return true;
  await account.add(uploaded, -bytes, where);
  return false;
}

/** Times as keys sort as they follow each other. */
function atMs(ms: number): string {
  return String(Math.floor(ms)).padStart(15, '0');
}

/** Gives back what files had that have ended. Only who deletes the row does, so nothing comes back twice. @returns whether anything did */
async function giveBack(account: Account): Promise<boolean> {
  const page = await account.list(ends, {
    limit: portLimits.storeQueryRowsMax,
    before: atMs(account.turn.dependencies.clock.timeOfDay()),
  });
  for (const { key, value } of page) {
    if (await account.rows.delete(ends, key)) await account.add(uploaded, -value.counted, value.month);
  }
  return page.length > 0;
}
