/**
 * XEP-0049: Private XML Storage. A client reads back exactly what it wrote (accounts/private-xml.ts). Bookmarks are the
 * exception: they are made from the items of XEP-0402.
 */
import { type Element, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { checkPrivate, privateNs as NS, privateKey, readPrivate, writePrivate } from '../accounts/private-xml.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { standalone } from '../pep/publish.ts';
import { parseStorage, readStorage, storageKey, storageNs, writeRooms } from './xep0402-bookmarks.ts';

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

async function read(request: Element, account: Account): Promise<Element> {
  const [asked, ...more] = request.getChildElements() as Element[];
  if (!asked || more.length > 0) throw new StanzaError('bad-request', 'a request must name exactly one element');
  const key = keyOf(asked);
  const found = isBookmarks(asked) ? [await readStorage(account)] : (await readPrivate(account, key)).map(verbatim);
  return xml('query', { xmlns: NS }, found.length > 0 ? found : xml(asked.getName(), { xmlns: asked.getNS() }));
}

async function write(request: Element, account: Account): Promise<undefined> {
  const children = request.getChildElements() as Element[];
  if (children.length === 0) throw new StanzaError('not-acceptable', 'a request must have at least one element to store'); // §2.3
  const wanted = new Map<string, string[]>();
  for (const [key, elements] of Map.groupBy(children, keyOf)) wanted.set(key, elements.map(standalone));
  const storages = children.filter(isBookmarks);
  const { rooms, others } = parseStorage(storages);
  if (storages.length > 0) wanted.set(storageKey, [others]);
  await checkPrivate(account, wanted);
  if (storages.length > 0) await writeRooms(account, rooms);
  await writePrivate(account, wanted);
}

function keyOf(element: Element): string {
  return privateKey(element.getName(), element.getNS());
}

function isBookmarks(element: Element): boolean {
  return element.is('storage', storageNs);
}
