/**
 * XEP-0049: Private XML Storage. One item per namespace and element name: all such elements of one request, as the client wrote them.
 * Bookmarks of rooms are those of XEP-0402.
 */
import { limits } from '../../../lib/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../account.ts';
import type { AccountFeature } from '../feature.ts';
import { parseConferences, readConferences, storageNs, writeConferences } from './xep0402-bookmarks.ts';

const NS = 'jabber:iq:private';

interface Stored {
  readonly elements: readonly string[];
}

const stored = collection<Stored>('private');
/** Part of a row's key. */
const keyBytesMax = 500;

export const privateXml: AccountFeature = {
  spec: 'XEP-0049',
  version: '1.2',
  title: 'Private XML Storage',
  disco: { host: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: read },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: write },
  ],
};

/** §2.3: an element of a namespace of its own. */
function keyOf(element: Element): string {
  const ns = element.getNS();
  if (!ns || ns === NS || ns === 'jabber:client') {
    throw new StanzaError('not-acceptable', 'an element in a namespace of its own, please');
  }
  const key = `${element.getName()} ${ns}`;
  if (Buffer.byteLength(key) > keyBytesMax) throw new StanzaError('not-acceptable', 'the namespace is too long');
  return key;
}

async function read(request: Element, account: Account): Promise<Element> {
  const [asked, ...more] = request.getChildElements() as Element[];
  if (!asked || more.length > 0) throw new StanzaError('bad-request', 'name one element');
  const row = await account.get(stored, keyOf(asked));
  const conferences = isBookmarks(asked) ? await readConferences(account) : undefined;
  if (conferences) {
    const [storage = xml('storage', { xmlns: storageNs })] = row?.elements.map((text) => parseElement(text)) ?? [];
    const others = storage.getChildElements().filter((child) => !child.is('conference', storageNs)) as Element[];
    return xml('query', { xmlns: NS }, xml('storage', { xmlns: storageNs }, ...conferences, ...others));
  }
  const elements = row ? row.elements.map((text) => parseElement(text)) : xml(asked.getName(), { xmlns: asked.getNS() });
  return xml('query', { xmlns: NS }, elements);
}

async function write(request: Element, account: Account): Promise<undefined> {
  const children = request.getChildElements() as Element[];
  if (children.length === 0) throw new StanzaError('not-acceptable', 'there is nothing to store'); // §2.3
  const conferences = children.filter(isBookmarks).map(parseConferences);
  const wanted = new Map<string, string[]>();
  for (const element of children) {
    const key = keyOf(element);
    if (isBookmarks(element)) for (const conference of element.getChildren('conference', storageNs)) element.remove(conference);
    wanted.set(key, [...(wanted.get(key) ?? []), standalone(element, request)]);
  }
  const rows = await account.list(stored, { limit: limits.privateElementsMax + 1 });
  const others = rows.filter(({ key }) => !wanted.has(key));
  if (others.length + wanted.size > limits.privateElementsMax) {
    throw new StanzaError('resource-constraint', `at most ${limits.privateElementsMax} elements are kept`);
  }
  let bytes = others.reduce((sum, { value }) => sum + sizeOf(value.elements), 0);
  for (const elements of wanted.values()) {
    const size = sizeOf(elements);
    const max = limits.privateElementBytesMax;
    if (size > max) throw new StanzaError('not-acceptable', `${size} bytes; at most ${max}`);
    bytes += size;
  }
  if (bytes > limits.privateBytesMax)
    throw new StanzaError('resource-constraint', `at most ${limits.privateBytesMax} bytes are kept`);
  if (conferences.length > 0) await writeConferences(account, conferences.flat());
  for (const [key, elements] of wanted) await account.update(stored, key, () => ({ elements }));
}

/** Those of rooms are kept elsewhere: xep0402-bookmarks.ts. */
function isBookmarks(element: Element): boolean {
  return element.is('storage', storageNs);
}

function sizeOf(elements: readonly string[]): number {
  return elements.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Declares the prefixes that the element may use of those around it, which will not be there when it is read. */
function standalone(element: Element, request: Element): string {
  const copy = parseElement(element.toString());
  for (const [name, value] of Object.entries(request.attrs)) {
    if (name.startsWith('xmlns:') && copy.attrs[name] === undefined) copy.attrs[name] = value;
  }
  return copy.toString();
}
