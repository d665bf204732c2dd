/**
 * Broadcast presence: a resource comes, changes or goes (RFC 6121 §4.2, §4.4, §4.5).
 *
 * One message per node carries the stanza with a list of sessions. Contacts of the same tenant cost a share of one read, and each
 * contact of another domain gets a stanza. The session's own entry is written before those of the contacts are read, so if two
 * come at the same time, at least one sees the other.
 */
import type { Target } from '../../../lib/runtime/deliverer.ts';
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { spliceTo } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import type { Contact } from '../roster/roster.ts';
import { hasFrom, hasTo } from '../roster/subscription-state.ts';
import { lookAgain } from './presence-again.ts';
import { isNear, type Listener, type Neighbour, readAudience, readListeners, readNeighbours } from './presence-audience.ts';
import { isVisible, unavailableFrom } from './shown-presence.ts';

export interface Broadcast {
  /** The resource that the presence is about. */
  readonly from: Jid;
  /** The stanza, with `from` and without `to`. */
  readonly bytes: Buffer;
  readonly id: string;
  /** The account's sessions as they are now. */
  readonly own: readonly SessionEntry[];
  /** The session that has just become unavailable: it gets its own presence, too (RFC 6121 §4.5.2). */
  readonly leaving?: SessionEntry | undefined;
}

/** Queues presence for subscribers and for the account's available resources. */
export async function broadcast(account: Account, news: Broadcast): Promise<void> {
  const subscribers = (await readAudience(account)).filter(({ item }) => hasFrom(item));
  account.turn.amongDeliveries(async () => {
    const near = await readListeners(
      account,
      news.from,
      subscribers.filter((contact) => isNear(account, contact)),
    );
    await tell(account, news, near, subscribers);
  });
}

/** Queues the first presence of a resource, and everything that the resource must learn when it comes (§4.2.2). */
export async function broadcastInitial(account: Account, news: Broadcast, entry: SessionEntry): Promise<void> {
  const contacts = await readAudience(account);
  const sharing = contacts.filter(({ item }) => hasFrom(item) || hasTo(item));
  account.turn.amongDeliveries(async () => {
    const near = await readNeighbours(
      account,
      news.from,
      sharing.filter((contact) => isNear(account, contact)),
    );
    await tell(account, news, near, sharing);
    const others = news.own.filter((other) => isVisible(other) && other.sid !== entry.sid);
    for (const other of others) show(account, entry, Buffer.from(other.presence!));
    for (const { item } of contacts) if (item.isPending && item.request) hand(account, entry, Buffer.from(item.request)); // §3.1.3
    await probe(account, news, near, contacts, entry);
  });
}

/** Queues the presence that a resource may have missed while it moved to another node, because presence is not archived. */
export async function refresh(account: Account, entry: SessionEntry, own: readonly SessionEntry[]): Promise<void> {
  const contacts = (await readAudience(account)).filter(({ item }) => hasTo(item));
  const from = account.jid.withResource(entry.resource);
  account.turn.amongDeliveries(async () => {
    const near = await readNeighbours(
      account,
      from,
      contacts.filter((contact) => isNear(account, contact)),
    );
    for (const other of own.filter(isVisible)) if (other.sid !== entry.sid) show(account, entry, Buffer.from(other.presence!));
    await probe(account, { from, bytes: Buffer.alloc(0), id: account.turn.dependencies.ids.mint(), own }, near, contacts, entry);
  });
}

/**
 * Queues a check after presence was broadcast again. The session may have sent newer presence meanwhile, which another router
 * broadcast first. Then the newer one is broadcast again.
 * @param told the session's entry with the presence that was broadcast
 */
export function tellLater(account: Account, told: SessionEntry): void {
  const { resource } = told;
  lookAgain(account.turn, [{ account, sessions: [told], resource }], async (turn, bytes) => {
    const again = new Account(turn, account.tenant, account.local);
    const [own] = await readSessions(turn.dependencies.store, [again]);
    await broadcast(again, { from: account.jid.withResource(resource), bytes, id: turn.dependencies.ids.mint(), own: own! });
  });
}

async function tell(account: Account, news: Broadcast, near: readonly Listener[], contacts: readonly Contact[]): Promise<void> {
  const { from, bytes, id, own, leaving } = news;
  const targets: Target[] = [];
  if (leaving !== undefined) targets.push({ node: leaving.node, sid: leaving.sid, to: from.bare.toString() });
  addAvailable(targets, own, from.bare);
  for (const { jid, item, sessions } of near) if (hasFrom(item)) addAvailable(targets, sessions, jid);
  account.turn.deliver(targets, bytes);
  for (const contact of contacts) {
    if (isNear(account, contact) || !hasFrom(contact.item)) continue;
    account.post(spliceTo(bytes, contact.jid.toString()), id);
  }
}

function addAvailable(targets: Target[], sessions: readonly SessionEntry[], jid: Jid): void {
  const to = jid.toString();
  // Rows are frozen, and over a frozen array `for … of` makes an object for each step.
  for (let at = 0; at < sessions.length; at++) {
    const { available, node, sid } = sessions[at]!;
    if (available) targets.push({ node, sid, to });
  }
}

/**
 * §4.3: the rows of contacts in the same tenant answer for them. Those who do not share their presence say so (§4.3.2 rule 1).
 */
async function probe(
  account: Account,
  { from, id, own }: Broadcast,
  near: readonly Neighbour[],
  contacts: readonly Contact[],
  entry: SessionEntry,
): Promise<void> {
  for (const { jid, item, sessions, isSharing } of near) {
    if (!hasTo(item)) continue;
    const visible = sessions.filter(isVisible);
    if (!isSharing) account.post(addressed(jid, account.jid, 'unsubscribed'), id);
    else if (visible.length === 0) show(account, entry, unavailableFrom(jid));
    else for (const session of visible) show(account, entry, Buffer.from(session.presence!));
  }
  const shown = near.filter(({ item, isSharing }) => hasTo(item) && isSharing);
  lookAgain(
    account.turn,
    [{ account, sessions: own }, ...shown.map(({ jid, sessions }) => ({ account: account.other(jid), sessions }))],
    async (turn, presence) => {
      const to = account.jid.withResource(entry.resource).toString();
      turn.deliver([{ node: entry.node, sid: entry.sid, to }], presence);
    },
  );
  const isFirst = !own.some((other) => other.available && other.sid !== entry.sid);
  for (const contact of contacts) {
    if (isNear(account, contact)) continue;
    const { jid, item } = contact;
    if (hasTo(item)) account.post(addressed(from, jid, 'probe'), id);
    else if (item.isAsked && isFirst) account.post(addressed(account.jid, jid, 'subscribe'), id); // §3.1.2
  }
}

function addressed(from: Jid, to: Jid, type: string): Buffer {
  return spliceTo(Buffer.from(`<presence from='${escapeAttribute(from.toString())}' type='${type}'/>`), to.toString());
}

/** Shows a stanza to one session, addressed to its full JID. */
function show(account: Account, entry: SessionEntry, bytes: Buffer): void {
  account.deliverTo([entry], bytes, true);
}

/** Delivers a stanza that has a `to` to one session, as it is. */
function hand(account: Account, entry: SessionEntry, bytes: Buffer): void {
  account.deliverTo([entry], bytes, false);
}
