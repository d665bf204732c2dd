/**
 * XEP-0163 §4.3.2 for contacts on other servers: which nodes each of their clients wants is learned from the capabilities in the presence
 * that they send to the account, as for its own clients. A row for each contact says it of those of their resources that are available.
 *
 * What a contact may read is decided by the account's roster when something is published, and not here. An answer that does not fit its hash
 * counts only for the resource that gave it (XEP-0115 §5.4). Hostile: a contact comes with ever new resources (there is a bound), a stranger
 * sends presence (nothing is noted of it), or somebody answers what was not asked (there is no row).
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { findContact } from '../roster/roster.ts';
import { hasFrom, hasTo } from '../roster/subscription-state.ts';
import { type Caps, infoNs, isSameCaps, readCaps } from './caps.ts';
import { askingId, isAskingId, learnHash, nodesOfHash } from './known-hashes.ts';

interface DistantResource {
  readonly resource: string;
  readonly caps: Caps;
  /** Absent: it was asked, and has not answered. */
  readonly wanted?: readonly string[];
}

interface DistantContact {
  /** In the order in which they came. */
  readonly resources: readonly DistantResource[];
}

/** By the contact's bare JID. */
const distantContacts = collection<DistantContact>('pepDistant', 'account', 'live');

/** Presence of an occupant (XEP-0045 §7.2), not of a contact. */
const occupantNs = 'http://jabber.org/protocol/muc#user';

/** Sends last items of these nodes to somebody. */
export type SendItems = (account: Account, to: Jid, nodes: readonly string[]) => Promise<void>;

/** Is this an account of a tenant of this deployment? */
export async function isOfDeployment(account: Account, { domain, local }: Jid): Promise<boolean> {
  return local !== '' && (await account.hosted(domain)) === 'accounts';
}

/** Looks at presence that has arrived. @param sendItems is called for what the client has begun to want */
export async function noteDistant(account: Account, presence: Stanza, sendItems: SendItems): Promise<void> {
  const from = presence.from!;
  const { type } = presence;
  if (from.domain === account.domain || from.local === '' || (type !== undefined && type !== 'unavailable')) return;
  if (presence.hasChild('x', occupantNs) || (await account.hosted(from.domain)) !== undefined) return;
  const caps = type === undefined && from.resource !== '' ? readCaps(presence) : undefined;
  const before = await resourcesOf(account, from);
  const same = before.find(({ resource }) => resource === from.resource);
  if (caps === undefined) {
    const isLeft = from.resource === '' ? before.length > 0 : same !== undefined;
    if (isLeft) await change(account, from, () => []);
    return;
  }
  if (same?.wanted !== undefined && isSameCaps(same.caps, caps)) return;
  const [item, wanted] = await Promise.all([findContact(account, from), nodesOfHash(account, caps)]);
  if (!hasTo(item) && !hasFrom(item)) return;
  await change(account, from, () => [{ resource: from.resource, caps, wanted }]);
  if (wanted === undefined) return ask(account, from, caps);
  await sendItems(
    account,
    from,
    wanted.filter((node) => !same?.wanted?.includes(node)),
  );
}

/** Handles an answer. One that nobody asked for has no effect. */
export async function learnDistant(account: Account, iq: Stanza, query: Element, sendItems: SendItems): Promise<void> {
  const from = iq.from!;
  if (!isAskingId(iq.id)) return;
  const there = (await resourcesOf(account, from)).find(({ resource }) => resource === from.resource);
  if (there === undefined || there.wanted !== undefined) return;
  const { node } = query.attrs as { node?: string };
  if (node !== undefined && node !== nodeOf(there.caps)) return; // it answers for older presence
  const wanted = await learnHash(account, there.caps, query);
  await change(account, from, (now) => (isSameCaps(now?.caps, there.caps) ? [{ ...there, wanted }] : now ? [now] : []));
  await sendItems(account, from, wanted);
}

/** Who of these people on other servers wants the node, by full JID. */
export async function distantReaders(account: Account, people: readonly Jid[], node: string): Promise<Jid[]> {
  const found: Jid[] = [];
  for (let at = 0; at < people.length; at += routerLimits.pepDistantPerRound) {
    const page = people.slice(at, at + routerLimits.pepDistantPerRound);
    const keys = page.map(({ bare }) => bare.toString());
    for (const { key, value } of await account.rows.getMany(distantContacts, keys)) {
      const bare = page[keys.indexOf(key)]!.bare;
      for (const { resource, wanted } of value.resources) if (wanted?.includes(node)) found.push(bare.withResource(resource));
    }
  }
  return found;
}

/** The nodes that each resource of a contact wants. */
export async function wantedByDistant(account: Account, contact: Jid): Promise<readonly (readonly [Jid, readonly string[]])[]> {
  const resources = await resourcesOf(account, contact);
  return resources.flatMap(({ resource, wanted }) => (wanted?.length ? [[contact.bare.withResource(resource), wanted]] : []));
}

async function resourcesOf(account: Account, contact: Jid): Promise<readonly DistantResource[]> {
  return (await account.get(distantContacts, contact.bare.toString()))?.resources ?? [];
}

/** @param next of the resource; for a bare JID, of all that are there */
async function change(
  account: Account,
  { bare, resource }: Jid,
  next: (now: DistantResource | undefined) => readonly DistantResource[],
): Promise<void> {
  await account.update(distantContacts, bare.toString(), (value) => {
    const before = value?.resources ?? [];
    const others = resource === '' ? [] : before.filter((one) => one.resource !== resource);
    const now = before.find((one) => one.resource === resource);
    const resources = [...others, ...next(now)].slice(-routerLimits.pepDistantResourcesMax);
    return resources.length === 0 ? undefined : { resources };
  });
}

function nodeOf({ node, ver }: Caps): string {
  return `${node}#${ver}`;
}

/** XEP-0115 §6.2. */
function ask(account: Account, whom: Jid, caps: Caps): void {
  const query = xml('query', { xmlns: infoNs, node: nodeOf(caps) });
  const id = askingId(account);
  const iq = xml('iq', { from: account.jid.toString(), to: whom.toString(), type: 'get', id }, query);
  account.post(Buffer.from(iq.toString()), account.turn.dependencies.ids.mint());
}
