/**
 * XEP-0402: PEP Native Bookmarks, and what older clients see of them (§5.3): the `storage:bookmarks` of XEP-0048, in private storage
 * (XEP-0049, `#compat`) and as a node of PEP (`#compat-pep`).
 *
 * The items of XEP-0402 are the truth, one per room, and the two older forms are made of them whenever somebody reads: a list that were
 * kept beside them would be behind them after two resources have changed them at once, and every change of one room would write all. What
 * is written in an older form becomes items, those that differ, with their notifications. What only XEP-0402 has of a room
 * (`<extensions/>`) stays with it, and what only the older form has of it (a client's own children and attributes) is kept there, too.
 * Items that are no bookmarks are neither shown nor touched. Bookmarks of web pages are a row of private storage, and stay when the nodes
 * are deleted.
 *
 * The node `storage:bookmarks` is a view (pep/specified-node.ts): it is there as long as the other, with a configuration of its own, and
 * its item `current` always. All of it is the account's alone unless a client makes the XEP-0402 node otherwise (XEP-0223).
 *
 * Private storage is opaque (XEP-0049 §1): a `<conference/>` whose address is missing, malformed or too long for an item's id cannot be an
 * item, and is kept and given back as it is, beside the bookmarks of web pages.
 *
 * Hostile: a list with too large a room, or more rooms than the node keeps, is refused as a whole; of a room that is listed twice, in
 * whatever spelling, the last counts; a node that others may read does not open the view.
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

/** `<conference/>` of XEP-0048 by bare JID. */
type Rooms = ReadonlyMap<string, Element>;

/** `<storage/>` as older clients know it: the rooms, oldest first, then whatever else was written there. */
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

/** What only the older form has of a room: it is kept in `<extensions/>`, in an element of its own namespace. */
function extrasIn(conference: Element | undefined): Element | undefined {
  return conference?.getChild('extensions', NS)?.getChild('conference', storageNs) as Element | undefined;
}

const ownAttributes = new Set(['jid', 'name', 'autojoin']);

/** What a client has written there of its own; undefined: nothing. */
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

/** @returns what XEP-0402 has of a room beyond the older form, with what that has beyond it */
function extensionsOf(old: Element | undefined, extras: Element | undefined): Element | undefined {
  const extensions = (old?.getChild('extensions', NS) as Element | undefined) ?? xml('extensions');
  extensions.children = extensions.children.filter(
    (child) => typeof child === 'string' || !(child as Element).is('conference', storageNs),
  );
  if (extras) extensions.cnode(extras);
  return extensions.children.length === 0 ? undefined : extensions;
}

/** @param others the rest, as it is kept in private storage */
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

/** The id of its item in XEP-0402; undefined when it cannot be one, because it is no room or has no address. */
function roomOf(child: Element): string | undefined {
  if (!child.is('conference', storageNs)) return undefined;
  const id = Jid.tryParse((child.attrs.jid as string | undefined) ?? '')?.bare.toString();
  return id === undefined || Buffer.byteLength(id) > routerLimits.pepItemIdBytesMax ? undefined : id;
}

/** From now on these are the bookmarks, and who wants news of the view gets it. @throws {StanzaError} */
export async function writeRooms(account: Account, rooms: Rooms): Promise<void> {
  await changeRooms(account, rooms);
  showViews(account, NS);
}

async function changeRooms(account: Account, rooms: Rooms): Promise<void> {
  const node = await findNode(account, NS);
  const { itemsMax } = node?.config ?? privateConfig;
  if (rooms.size > itemsMax) throw new StanzaError('not-acceptable', `at most ${itemsMax} rooms are kept`);
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

/** Of several of one room the newest. */
function byJid(found: readonly Bookmark[]): ReadonlyMap<string, Bookmark> {
  return new Map(found.map((bookmark) => [bookmark.jid, bookmark]));
}

/** A bookmark that says the same as the one before stays as it is, to the letter. */
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
