/**
 * XEP-0402: PEP Native Bookmarks, and the older forms of them (§5.3): the `storage:bookmarks` of XEP-0048, in private storage
 * (XEP-0049, `#compat`) and as a node of PEP (`#compat-pep`).
 *
 * Bookmarks are stored only as items of XEP-0402, one per room. The two older forms are made from the items whenever somebody
 * reads them. A second list would become outdated when two resources change bookmarks at the same time, and every change of one
 * room would write all of it. When a client writes an older form, the rooms that differ become items, with notifications. What
 * only XEP-0402 can express (`<extensions/>`) stays with the room. What only the older form has, such as a client's own children
 * and attributes, is kept in `<extensions/>` too. Items that are not bookmarks are neither shown nor changed. Bookmarks of web
 * pages are a row of private storage, and stay when the nodes are deleted.
 *
 * The node `storage:bookmarks` is a view (pep/specified-node.ts). It exists as long as the other node, has a configuration of its
 * own, and always has the item `current`. Only the account itself can read bookmarks, unless a client configures the XEP-0402
 * node otherwise (XEP-0223).
 *
 * Private storage is opaque (XEP-0049 §1). A `<conference/>` whose address is missing, malformed or too long for the id of an
 * item cannot become an item. It is kept beside the bookmarks of web pages and returned as it was.
 *
 * Hostile: a list with a room that is too large, or with too many rooms, is refused as a whole. If a room is listed twice, in
 * whatever spelling, the last entry counts. Making the XEP-0402 node public does not make the view public.
 */
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { checkPrivate, privateKey, readPrivate, writePrivate } from '../accounts/private-xml.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';
import { listIds, readItems } from '../pep/items.ts';
import { privateConfig } from '../pep/node-config.ts';
import { findNode, type PepNode } from '../pep/nodes.ts';
import { showViews } from '../pep/notify.ts';
import { change, standalone } from '../pep/publish.ts';
import { pubsubError } from '../pep/pubsub-error.ts';

const NS = 'urn:xmpp:bookmarks:1';
export const storageNs = 'storage:bookmarks';
export const storageKey = privateKey('storage', storageNs);

export const bookmarks: AccountFeature = {
  spec: 'XEP-0402',
  version: '1.2.0',
  title: 'PEP Native Bookmarks, kept as one with XEP-0048 in PEP and in private storage',
  // XEP-0411, the older name of the conversion between private storage and PEP: Conversations and Gajim look for it.
  disco: { account: [`${NS}#compat`, `${NS}#compat-pep`, 'urn:xmpp:bookmarks-conversion:0'] },
  nodes: [
    { name: NS, config: privateConfig },
    {
      name: storageNs,
      config: { ...privateConfig, itemsMax: 1, sendLast: 'on_sub_and_presence' },
      view: { of: NS, itemId: 'current', read: readStorage, write: writeStorage },
    },
  ],
};

interface Bookmark {
  readonly id: string;
  /** The id as a prepared address. */
  readonly jid: string;
  readonly payload: string;
}

/** The `<conference/>` elements of XEP-0048, by bare JID. */
type Rooms = ReadonlyMap<string, Element>;

/** Makes the `<storage/>` of older clients: first the rooms, oldest first, and then everything else that was written there. */
export async function readStorage(account: Account): Promise<Element> {
  const node = await findNode(account, NS);
  const found = node ? await readBookmarks(account, node) : [];
  const others = (await readPrivate(account, storageKey)).flatMap(
    (storage) => parseElement(storage).getChildElements() as Element[],
  );
  return xml('storage', { xmlns: storageNs }, [...byJid(found).values()].map(conferenceOf), others);
}

function conferenceOf({ id, payload }: Bookmark): Element {
  const conference = parseElement(payload);
  const { name, autojoin } = conference.attrs as { name?: string; autojoin?: string };
  const children = ['nick', 'password'].map((child) => {
    const text = conference.getChildText(child, NS);
    return text ? xml(child, {}, text) : undefined;
  });
  const extras = extrasIn(conference);
  const attributes = Object.entries(extras?.attrs ?? {}).filter(([attribute]) => attribute !== 'xmlns');
  const added = (extras?.getChildElements() ?? []) as Element[];
  return xml('conference', { ...Object.fromEntries(attributes), jid: id, name, autojoin }, children, added.map(apart));
}

/** Finds what only the older form has of a room. It is kept in `<extensions/>`, in an element of the older namespace. */
function extrasIn(conference: Element | undefined): Element | undefined {
  return conference?.getChild('extensions', NS)?.getChild('conference', storageNs) as Element | undefined;
}

const ownAttributes = new Set(['jid', 'name', 'autojoin']);

/** A client's own children and attributes of a `<conference/>`. @returns undefined if there are none */
function extrasOf(conference: Element): Element | undefined {
  const attributes = Object.entries(conference.attrs).filter(([name]) => !ownAttributes.has(name) && !/^xmlns|:/.test(name));
  const children = (conference.getChildElements() as Element[]).filter(
    (child) => !child.is('nick', storageNs) && !child.is('password', storageNs),
  );
  if (attributes.length + children.length === 0) return undefined;
  return xml('conference', { xmlns: storageNs, ...Object.fromEntries(attributes) }, children.map(apart));
}

function apart(element: Element): Element {
  return parseElement(standalone(element));
}

/** Makes the `<extensions/>` of an item from the old one and from what only the older form has. */
function extensionsOf(old: Element | undefined, extras: Element | undefined): Element | undefined {
  const extensions = (old?.getChild('extensions', NS) as Element | undefined) ?? xml('extensions');
  extensions.children = extensions.children.filter(
    (child) => typeof child === 'string' || !(child as Element).is('conference', storageNs),
  );
  if (extras) extensions.cnode(extras);
  return extensions.children.length === 0 ? undefined : extensions;
}

/** Splits `<storage/>` elements. @returns `others` is everything but the rooms, as it is kept in private storage */
export function parseStorage(storages: readonly Element[]): { rooms: Rooms; others: string } {
  const rooms = new Map<string, Element>();
  const others: Element[] = [];
  for (const child of storages.flatMap((storage) => storage.getChildElements() as Element[])) {
    const room = roomOf(child);
    if (room === undefined) others.push(apart(child));
    else rooms.set(room, child);
  }
  return { rooms, others: xml('storage', { xmlns: storageNs }, others).toString() };
}

/**
 * The id of the item for a room.
 * @returns undefined if the element cannot become an item, because it is not a room or has no valid address
 */
function roomOf(child: Element): string | undefined {
  if (!child.is('conference', storageNs)) return undefined;
  const id = Jid.tryParse((child.attrs.jid as string | undefined) ?? '')?.bare.toString();
  return id === undefined || Buffer.byteLength(id) > routerLimits.pepItemIdBytesMax ? undefined : id;
}

/** Replaces all bookmarks, and notifies those who want the view. @throws {StanzaError} */
export async function writeRooms(account: Account, rooms: Rooms): Promise<void> {
  await changeRooms(account, rooms);
  showViews(account, NS);
}

async function changeRooms(account: Account, rooms: Rooms): Promise<void> {
  const node = await findNode(account, NS);
  const { itemsMax } = node?.config ?? privateConfig;
  if (rooms.size > itemsMax) throw new StanzaError('not-acceptable', `at most ${itemsMax} rooms can be bookmarked`);
  const before = node ? await readBookmarks(account, node) : [];
  const known = byJid(before);
  const changed = [...rooms].flatMap(([jid, element]) => {
    const old = known.get(jid);
    const payload = convert(element, old?.payload);
    return payload === old?.payload ? [] : [{ id: old?.id ?? jid, payload }];
  });
  const gone = before.filter(({ jid }) => !rooms.has(jid)).map(({ id }) => id);
  if (changed.length + gone.length > 0) await change(account, NS, gone, changed);
}

async function writeStorage(account: Account, payload: Element | undefined): Promise<void> {
  if (payload && !payload.is('storage', storageNs)) {
    throw pubsubError('bad-request', 'invalid-payload', { text: `${storageNs} has one item, which is a <storage/>` });
  }
  const { rooms, others } = parseStorage(payload ? [payload] : []);
  const wanted = new Map([[storageKey, [others]]]);
  await checkPrivate(account, wanted);
  await changeRooms(account, rooms);
  await writePrivate(account, wanted);
}

/** Oldest first. */
async function readBookmarks(account: Account, node: PepNode): Promise<readonly Bookmark[]> {
  const items = await readItems(account, node, await listIds(account, node));
  return items.toReversed().flatMap(({ id, payload }) => {
    const jid = parseElement(payload).is('conference', NS) ? Jid.tryParse(id) : undefined;
    return jid?.isBare ? [{ id, jid: jid.toString(), payload }] : [];
  });
}

/** The bookmarks by room. If a room has several, the newest counts. */
function byJid(found: readonly Bookmark[]): ReadonlyMap<string, Bookmark> {
  return new Map(found.map((bookmark) => [bookmark.jid, bookmark]));
}

/** Makes the item of a room. If the new bookmark says the same as the old one, the old text is returned unchanged. */
function convert(conference: Element, before: string | undefined): string {
  const old = before === undefined ? undefined : parseElement(before);
  const { name } = conference.attrs as { name?: string };
  const isJoined = isTrue(conference);
  const nick = conference.getChildText('nick', storageNs) || undefined;
  const password = conference.getChildText('password', storageNs) || undefined;
  const extras = extrasOf(conference);
  if (old && isTrue(old) === isJoined && old.attrs.name === name && `${extrasIn(old) ?? ''}` === `${extras ?? ''}`) {
    const isSame =
      (old.getChildText('nick', NS) || undefined) === nick && (old.getChildText('password', NS) || undefined) === password;
    if (isSame) return before!;
  }
  return xml(
    'conference',
    { xmlns: NS, name, autojoin: isJoined ? 'true' : undefined },
    nick === undefined ? undefined : xml('nick', {}, nick),
    password === undefined ? undefined : xml('password', {}, password),
    extensionsOf(old, extras),
  ).toString();
}

function isTrue({ attrs }: Element): boolean {
  return attrs.autojoin === 'true' || attrs.autojoin === '1';
}
