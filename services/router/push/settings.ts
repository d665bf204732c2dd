/**
 * XEP-0492 (Chat notification settings): what the owner of an account wants to be told of a chat. The setting is in `<extensions/>` of the
 * bookmark with the address of the chat (XEP-0402), be it a room or a contact. Who is woken by push counts as `client/phone`.
 */
import { type Element, parseElement } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { readItems } from '../pep/items.ts';
import { findNode } from '../pep/nodes.ts';

const NS_BOOKMARKS = 'urn:xmpp:bookmarks:1';
const NS = 'urn:xmpp:notification-settings:1';
const NS_BEFORE = 'urn:xmpp:notification-settings:0';
const [ownCategory, ownType] = ['client', 'phone'];

export type NotificationSetting = 'always' | 'on-mention' | 'never';

const settings: ReadonlySet<string> = new Set<NotificationSetting>(['always', 'on-mention', 'never']);

/** @returns undefined if there is none for this chat */
export async function settingOf(account: Account, chat: Jid): Promise<NotificationSetting | undefined> {
  const node = await findNode(account, NS_BOOKMARKS);
  const [item] = node === undefined ? [] : await readItems(account, node, [chat.toString()]);
  return item && settingIn(parseElement(item.payload));
}

/** How specific the attributes of a setting are, if they mean a phone: 0 is the most; undefined: they mean something else. */
type Rank = (attributes: Readonly<Record<string, string | undefined>>) => number | undefined;

/** §2.2. */
const rank: Rank = ({ 'identity-category': category, 'identity-type': type }) => {
  if (category !== undefined && category !== ownCategory) return undefined;
  if (type !== undefined) return category !== undefined && type === ownType ? 0 : undefined;
  return category === undefined ? 2 : 1;
};

/** COMPAT: slixmpp 1.17 writes version 0.1.0, which names types of clients alone. It may go when slixmpp writes 0.2.0. */
const rankBefore: Rank = ({ 'client-type': type }) => (type === undefined ? 2 : type === ownType ? 0 : undefined);

function settingIn(bookmark: Element): NotificationSetting | undefined {
  const extensions = bookmark.getChild('extensions', NS_BOOKMARKS);
  return (
    mostSpecific(extensions?.getChild('notify', NS), rank) ?? mostSpecific(extensions?.getChild('notify', NS_BEFORE), rankBefore)
  );
}

/** §3: the most specific element counts. */
function mostSpecific(notify: Element | undefined, rankOf: Rank): NotificationSetting | undefined {
  const found: (NotificationSetting | undefined)[] = [undefined, undefined, undefined];
  for (const child of (notify?.getChildElements() ?? []) as Element[]) {
    const name = child.getName();
    const at = rankOf(child.attrs as Record<string, string | undefined>);
    if (settings.has(name) && child.getNS() === notify!.getNS() && at !== undefined) found[at] ??= name as NotificationSetting;
  }
  return found.find((setting) => setting !== undefined);
}
