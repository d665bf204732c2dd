/**
 * XEP-0398 §4: the hash of the avatar in the presence of the account's sessions. A client that sends an empty `<photo/>` shows no avatar
 * (XEP-0153 §4.1), and that is respected; whatever else it says is replaced by what the account has.
 *
 * The entry of a session has what is to be stamped since its first presence, so later presence costs no read. Whoever changes the avatar
 * writes its row, and then the entries of all sessions; a session that comes writes its entry, and then reads the row again.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { Amendment, Drop } from '../core/feature.ts';
import { sessionPart } from '../core/session-part.ts';
import { broadcast } from '../presence/presence-broadcast.ts';
import { isVisible } from '../presence/shown-presence.ts';
import { findContact } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { type Avatar, avatars } from './avatar.ts';

const updateNs = 'vcard-temp:x:update';

/** False: the account never had an avatar, and presence stays as it is. */
type Stamp = Pick<Avatar, 'hash' | 'access'> | false;

const stamps = sessionPart<Stamp>('avatar');

/** The session's client shows no avatar. */
const showsNone = sessionPart<true>('showsNoPhoto');

const isUpdate: Drop = ({ name, ns }) => name === 'x' && ns === updateNs;

/** Does the presence have an empty `<photo/>`? */
function hidesPhoto(presence: Stanza): boolean {
  return presence.children.some((child) => isUpdate(child) && photosIn(presence.elementOf(child)).some((text) => text === ''));
}

function photosIn(update: Element): string[] {
  return update.getChildren('photo', updateNs).map((photo) => photo.getText().trim());
}

async function readStamp(account: Account): Promise<Stamp> {
  const avatar = await account.get(avatars);
  return avatar ? { hash: avatar.hash, access: avatar.access } : false;
}

/** Before the first presence of a session. */
export async function beginStamping(account: Account): Promise<(entry: SessionEntry) => SessionEntry> {
  const stamp = await readStamp(account);
  return (entry) => stamps.with(entry, stamp);
}

/** Notes in the entry whether its client shows an avatar. */
export function noteChoice(entry: SessionEntry, presence: Stanza): SessionEntry {
  return showsNone.with(entry, hidesPhoto(presence) || undefined);
}

/** Stamps presence that is broadcast. */
export function stampBroadcast(presence: Stanza, entry: SessionEntry, amendment: Amendment): void {
  const stamp = stamps.of(entry);
  if (stamp && !hidesPhoto(presence)) replace(amendment, stamp);
}

/** Stamps directed presence, if whoever gets it may see the avatar. */
export async function stampDirected(
  presence: Stanza,
  account: Account,
  entry: SessionEntry,
  amendment: Amendment,
): Promise<void> {
  const stamp = stamps.of(entry) ?? (await readStamp(account));
  if (!stamp || stamp.access === 'few' || hidesPhoto(presence)) return;
  if (stamp.access === 'open' || hasFrom(await findContact(account, presence.to!))) replace(amendment, stamp);
}

function replace(amendment: Amendment, stamp: Exclude<Stamp, false>): void {
  amendment.strip(isUpdate);
  amendment.append(update(stamp));
}

function update(stamp: Exclude<Stamp, false>): Element {
  return xml('x', { xmlns: updateNs }, xml('photo', {}, hashFor(stamp)));
}

/** Those who see the account's presence are told of an avatar only if all of them may see it. */
function hashFor({ hash, access }: Exclude<Stamp, false>): string {
  return access === 'few' ? '' : hash;
}

/** Looks again after the first presence was kept. */
export async function confirmStamp(account: Account, before: SessionEntry, entry: SessionEntry): Promise<void> {
  if (before.available) return;
  const stamp = await readStamp(account);
  if (stamp && stamped(entry, stamp) !== entry) await stampAgain(account);
}

/** Changes the stamp of all sessions, and shows the presence that has changed (XEP-0153 §3.1). Directed presence is not sent again. */
export async function stampAgain(account: Account): Promise<void> {
  const stamp = await readStamp(account);
  if (!stamp) return;
  let changed: SessionEntry[] = [];
  const own = await account.updateSessions((sessions) => {
    const next = sessions.map((entry) => stamped(entry, stamp));
    changed = next.filter(({ presence }, index) => presence !== sessions[index]!.presence);
    return next.every((entry, index) => entry === sessions[index]) ? sessions : next;
  });
  for (const { resource, presence } of changed) {
    const from = account.jid.withResource(resource);
    await broadcast(account, { from, bytes: Buffer.from(presence!), id: account.turn.dependencies.ids.mint(), own });
  }
}

/** @returns the same entry if it has this stamp, and its presence too */
function stamped(entry: SessionEntry, stamp: Exclude<Stamp, false>): SessionEntry {
  const known = stamps.of(entry);
  const isKnown = known && known.hash === stamp.hash && known.access === stamp.access;
  const next = isKnown ? entry : stamps.with(entry, stamp);
  if (!isVisible(entry) || showsNone.of(entry)) return next;
  const presence = Stanza.parse(entry.presence!);
  const there = presence.children.filter(isUpdate);
  const [hash, ...others] = there.flatMap((child) => photosIn(presence.elementOf(child)));
  if (there.length === 1 && hash === hashFor(stamp) && others.length === 0) return next;
  const bytes = presence.render(presence.attributes, { drop: isUpdate, append: update(stamp).toString() });
  return { ...next, presence: bytes.toString() };
}
