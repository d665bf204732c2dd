/**
 * XEP-0402: PEP Native Bookmarks. The items are plain PEP; here is what older clients see of them: the `storage:bookmarks` of private
 * storage (XEP-0049, XEP-0048 §3) is made of the items, and what is written there becomes items, with their notifications (§6,
 * `#compat`). Bookmarks of web pages stay in private storage.
 *
 * Left out: the same for XEP-0048 in PEP (`#compat-pep`), which no client of today writes.
 */
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../account.ts';
import type { AccountFeature } from '../feature.ts';
import { checkItems, listIds, type PepItem, readItems } from '../pep/items.ts';
import { findNode } from '../pep/nodes.ts';
import { publish, retract } from '../pep/publish.ts';

const NS = 'urn:xmpp:bookmarks:1';
export const storageNs = 'storage:bookmarks';

export const bookmarks: AccountFeature = {
  spec: 'XEP-0402',
  version: '1.2.0',
  title: 'PEP Native Bookmarks',
  note: 'Synchronized with private storage (#compat); not with XEP-0048 in PEP (#compat-pep).',
  disco: { account: [`${NS}#compat`] },
};

/** §3.1, §6: only the account itself sees them. */
const options = new Map(
  Object.entries({ access_model: 'whitelist', persist_items: 'true', max_items: 'max', send_last_published_item: 'never' }).map(
    ([name, value]) => [`pubsub#${name}`, [value]] as const,
  ),
);

/** `<conference jid='…' …/>` of XEP-0048 for each bookmark, oldest first; undefined when the account has no such node. */
export async function readConferences(account: Account): Promise<readonly Element[] | undefined> {
  const found = await readBookmarks(account);
  return found?.toReversed().map(({ id, payload }) => {
    const { name, autojoin } = parseElement(payload).attrs as { name?: string; autojoin?: string };
    const kept = parseElement(payload).getChildElements() as Element[];
    const children = kept.filter((child) => ['nick', 'password'].includes(child.getName()) && child.getNS() === NS);
    return xml(
      'conference',
      { jid: id, name, autojoin },
      children.map((child) => xml(child.getName(), {}, child.getText())),
    );
  });
}

export interface Bookmark {
  readonly jid: string;
  readonly element: Element;
}

/** @throws {StanzaError} when one has no address, or one that is none */
export function parseConferences(storage: Element): Bookmark[] {
  return storage.getChildren('conference', storageNs).map((element) => {
    const { jid } = element.attrs as { jid?: string };
    if (!jid) throw new StanzaError('bad-request', 'a conference needs a jid');
    return { jid: Jid.parse(jid).bare.toString(), element: element as Element };
  });
}

/** From now on these are the bookmarks. What only XEP-0402 has of one (§3.2 `extensions`) stays with it. */
export async function writeConferences(account: Account, conferences: readonly Bookmark[]): Promise<void> {
  const node = await findNode(account, NS);
  const before = new Map(((await readBookmarks(account)) ?? []).map(({ id, payload }) => [id, payload]));
  const after = new Map(conferences.map(({ jid, element }) => [jid, convert(element, before.get(jid))]));
  const changed = [...after].filter(([id, payload]) => before.get(id) !== payload).map(([id, payload]) => ({ id, payload }));
  const gone = [...before.keys()].filter((id) => !after.has(id));
  checkItems(changed);
  if (node && gone.length > 0) await retract(account, node, gone, true);
  if (changed.length > 0) await publish(account, NS, changed, node ? new Map() : options);
}

async function readBookmarks(account: Account): Promise<readonly PepItem[] | undefined> {
  const node = await findNode(account, NS);
  return node && (await readItems(account, node, await listIds(account, node)));
}

/** A bookmark that says the same as the one before stays as it is, to the letter. */
function convert(conference: Element, before: string | undefined): string {
  const old = before === undefined ? undefined : parseElement(before);
  const { name, autojoin } = conference.attrs as { name?: string; autojoin?: string };
  const isJoined = autojoin === 'true' || autojoin === '1';
  const nick = conference.getChildText('nick', storageNs) || undefined;
  const password = conference.getChildText('password', storageNs) || undefined;
  if (old && isTrue(old) === isJoined && old.attrs.name === name) {
    const isSame =
      (old.getChildText('nick', NS) || undefined) === nick && (old.getChildText('password', NS) || undefined) === password;
    if (isSame) return before!;
  }
  return xml(
    'conference',
    { xmlns: NS, name, autojoin: isJoined ? 'true' : undefined },
    nick === undefined ? undefined : xml('nick', {}, nick),
    password === undefined ? undefined : xml('password', {}, password),
    old?.getChild('extensions', NS) as Element | undefined,
  ).toString();
}

function isTrue({ attrs }: Element): boolean {
  return attrs.autojoin === 'true' || attrs.autojoin === '1';
}
