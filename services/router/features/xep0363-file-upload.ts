/**
 * XEP-0363: HTTP File Upload, at a host of its own, `upload.example.org`, because clients look for it among the items of the
 * domain.
 *
 * Only accounts of the tenant get slots. The size of each slot is counted in one row per month, whether the slot is used or not.
 * Each slot also has a row, by which its file is found when the account is removed. The bytes themselves do not pass through the
 * router: they go to the web service or to S3. A slot is valid for exactly its size and type. A slot without a type is for
 * `application/octet-stream`.
 */
import { hash as hashOnce } from 'node:crypto';
import { isMediaType } from '../../../lib/ports/blobs.ts';
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import { routerLimits } from '../limits.ts';
import { doomFile, fileKey } from '../removal/doomed-files.ts';

const NS = 'urn:xmpp:http:upload:0';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

/** The headers that a client may be asked to send (§4). */
const headerNames: ReadonlySet<string> = new Set(['Authorization', 'Cookie', 'Expires']);
const unguessableBytes = 24;
const shareCharacters = 16;
const dayMs = 24 * 60 * 60 * 1000;
const anyType = 'application/octet-stream';

/** Bytes per month, by keys such as `2026-03`. */
const uploaded = collection<number>('uploaded', 'account');

interface SlotRow {
  /** The key of the blob. */
  readonly key: string;
  readonly untilMs: number;
}

/** The slots that an account was given, by {@link fileKey}. Their files are deleted with the account. */
const slots = collection<SlotRow>('file', 'account');

export const fileUpload: AccountFeature = {
  spec: 'XEP-0363',
  version: '1.1.0',
  title: 'HTTP File Upload',
  note: 'On S3 a slot can be used again, for the same length and type, until it expires; headers are never asked for.',
  uploadsIq: [
    { type: 'get', ns: INFO, name: 'query', handle: describe },
    { type: 'get', ns: ITEMS, name: 'query', handle: list },
    { type: 'get', ns: NS, name: 'request', handle: giveSlot },
  ],
  removed: deleteFiles,
};

/** Describes the host (§3). */
function describe(request: Element, host: HostContext): Element {
  checkService(request, host);
  const form = renderForm({
    type: 'result',
    formType: NS,
    fields: [{ var: 'max-file-size', type: 'text-single', values: [`${routerLimits.uploadBytesMax}`] }],
  });
  const features = [INFO, ITEMS, NS].map((name) => xml('feature', { var: name }));
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

/** Gives a slot (§4, §5). */
async function giveSlot(request: Element, { account, tenant, turn }: HostContext): Promise<Element> {
  const { blobs, clock } = turn.dependencies;
  if (!blobs) throw new StanzaError('service-unavailable');
  if (!account?.session) throw new StanzaError('forbidden', `only accounts of ${tenant.domain} can upload files here`);
  const { filename, size } = request.attrs;
  const sizeBytes = readSize(size);
  const name = safeName(filename ?? '');
  if (name === '') throw new StanzaError('bad-request', 'a file needs a name');
  const type = request.attrs['content-type']?.trim() || anyType;
  if (!isMediaType(type)) throw new StanzaError('bad-request', `'${type.slice(0, 100)}' is not a media type`);
  if (sizeBytes > routerLimits.uploadBytesMax) throw tooLarge();
  await charge(account, sizeBytes);
  const key = `${tenant.domain}/${clock.randomBytes(unguessableBytes).toString('base64url')}/${name}`;
  const share = hashOnce('sha256', `${tenant.secret} upload\0${account.local}`, 'base64url').slice(0, shareCharacters);
  const untilMs = clock.now() + routerLimits.uploadSlotMs;
  const slot = await blobs.slot(key, { type, sizeBytes }, untilMs, share);
  const keptMs = tenant.policy.retentionDays * dayMs;
  account.put(slots, fileKey(key), { key, untilMs }, keptMs > 0 ? untilMs + serviceLimits.uploadRequestMs + keptMs : undefined);
  return xml(
    'slot',
    { xmlns: NS },
    xml('put', { url: slot.putUrl }, ...Object.entries(slot.headers).map(([header, value]) => writeHeader(header, value))),
    xml('get', { url: slot.getUrl }),
  );
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

function tooLarge(): StanzaError {
  const most = routerLimits.uploadBytesMax;
  return new StanzaError('not-acceptable', `a file has at most ${most} bytes`, {
    extra: xml('file-too-large', { xmlns: NS }, xml('max-file-size', {}, `${most}`)),
  });
}

/**
 * Counts the bytes first, so that many requests at once cannot exceed the limit.
 * @throws {StanzaError} if the month's bytes are used up
 */
async function charge(account: Account, sizeBytes: number): Promise<void> {
  const month = account.now.toISOString().slice(0, 'yyyy-mm'.length);
  const counted = Math.max(sizeBytes, routerLimits.uploadCountedBytesMin);
  if ((await account.add(uploaded, counted, month)) <= routerLimits.uploadMonthBytesMax) return;
  await account.add(uploaded, -counted, month);
  const next = new Date(Date.UTC(account.now.getUTCFullYear(), account.now.getUTCMonth() + 1));
  const stamp = next.toISOString().replace('.000Z', 'Z');
  throw new StanzaError('resource-constraint', `an account uploads at most ${routerLimits.uploadMonthBytesMax} bytes a month`, {
    extra: xml('retry', { xmlns: NS, stamp }),
  });
}
