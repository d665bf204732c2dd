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
const [ownCategory, ownType] = ['client', 'phone'];

export type NotificationSetting = 'always' | 'on-mention' | 'never';

const settings: ReadonlySet<string> = new Set<NotificationSetting>(['always', 'on-mention', 'never']);

/** @returns undefined if there is none for this chat */
export async function settingOf(account: Account, chat: Jid): Promise<NotificationSetting | undefined> {
  const node = await findNode(account, NS_BOOKMARKS);
  const [item] = node === undefined ? [] : await readItems(account, node, [chat.toString()]);
  return item && settingIn(parseElement(item.payload));
}

/** §3: the most specific element counts. */
function settingIn(bookmark: Element): NotificationSetting | undefined {
  const notify = bookmark.getChild('extensions', NS_BOOKMARKS)?.getChild('notify', NS);
  const found: (NotificationSetting | undefined)[] = [undefined, undefined, undefined];
  for (const child of (notify?.getChildElements() ?? []) as Element[]) {
    const name = child.getName();
    const { 'identity-category': category, 'identity-type': type } = child.attrs as Record<string, string | undefined>;
    if (!settings.has(name) || child.getNS() !== NS || (category !== undefined && category !== ownCategory)) continue;
    if (type !== undefined && (category === undefined || type !== ownType)) continue;
    const rank = type !== undefined ? 0 : category !== undefined ? 1 : 2;
    found[rank] ??= name as NotificationSetting;
  }
  return found.find((setting) => setting !== undefined);
}
