/**
 * Who may read a node (XEP-0060 §4.5), and who may publish there (§4.1, §7.1.3.1). Requests of blocked users do not get this far (XEP-0191).
 *
 * The access models `presence` and `roster` look at the roster of the account whose node it is, or at those of the owners that are accounts of
 * the tenant.
 */

import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { findContact, findContacts, type RosterItem } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { type Affiliation, affiliationOf, ownersOf } from './affiliations.ts';
import { pubsubLimits } from './limits.ts';
import type { PepNode } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';
import { subscriptionsOf } from './subscriptions.ts';

/** May somebody of this affiliation read whatever the access model says? undefined: the access model decides. */
function mayReadAs(affiliation: Affiliation): boolean | undefined {
  if (affiliation === 'none') return undefined;
  return affiliation !== 'outcast' && affiliation !== 'publish-only';
}

/** @throws {StanzaError} an error of XEP-0060 §6.5.9 if the asker may not read the node */
export async function checkReader(holder: RowHolder, asker: Jid, node: PepNode): Promise<void> {
  await checkAccess(holder, asker, node);
  if (node.config.access !== 'authorize' || mayReadAs(affiliationOf(holder, node, asker))) return;
  if ((await subscriptionsOf(holder, node, asker)).length === 0) throw pubsubError('not-authorized', 'not-subscribed');
}

/**
 * What is the same for readers and for those who subscribe. With the access model `authorize` nobody is refused here.
 * @throws {StanzaError}
 */
export async function checkAccess(holder: RowHolder, asker: Jid, node: PepNode): Promise<void> {
  const { access, groups } = node.config;
  const asAffiliated = mayReadAs(affiliationOf(holder, node, asker));
  if (asAffiliated === false) throw new StanzaError('forbidden', 'you may not read this node'); // §6.1.3.8, §6.5.9.10
  if (asAffiliated || access === 'open' || access === 'authorize') return;
  if (access === 'whitelist') throw pubsubError('not-allowed', 'closed-node');
  for (const owner of rostersOf(holder, node)) if (isContact(await findContact(owner, asker), { access, groups })) return;
  throw pubsubError('not-authorized', access === 'roster' ? 'not-in-roster-group' : 'presence-subscription-required');
}

/** Those whose rosters say who may read. */
function rostersOf(holder: RowHolder, node: PepNode): readonly Account[] {
  if (holder instanceof Account) return [holder];
  return ownersOf(holder, node)
    .map((jid) => Jid.parse(jid))
    .filter(({ domain, local }) => domain === holder.domain && local !== '')
    .slice(0, pubsubLimits.ownersAskedMax)
    .map((jid) => new Account(holder.turn, holder.tenant, jid.local, undefined, jid));
}

function isContact(item: RosterItem, { access, groups }: Pick<PepNode['config'], 'access' | 'groups'>): boolean {
  return hasFrom(item) && (access === 'presence' || item.groups?.some((group) => groups.includes(group)) === true);
}

/**
 * May a person other than the account itself read a node of the account? With the access model `authorize` subscribers may, too.
 * @param item what the account's roster says about the person
 */
export function mayRead(owner: Account, person: Jid, item: RosterItem, node: PepNode): boolean {
  const { access } = node.config;
  const asAffiliated = mayReadAs(affiliationOf(owner, node, person));
  if (asAffiliated !== undefined) return asAffiliated;
  if (access === 'presence' || access === 'roster') return isContact(item, node.config);
  return access === 'open';
}

/** May a subscriber of this node be told, where no roster is looked at? */
export function mayBeTold(holder: RowHolder, node: PepNode, person: Jid): boolean {
  const { access } = node.config;
  return mayReadAs(affiliationOf(holder, node, person)) ?? (access === 'open' || access === 'authorize');
}

/** Picks the nodes of an account that the asker may read. */
export async function readableNodes(account: Account, asker: Jid, nodes: readonly PepNode[]): Promise<readonly PepNode[]> {
  if (asker.bare.equals(account.jid)) return nodes;
  const item = await findContact(account, asker);
  const found: PepNode[] = [];
  for (const node of nodes) {
    const isSubscriber = async () => (await subscriptionsOf(account, node, asker)).length > 0;
    if (mayRead(account, asker, item, node) || (node.config.access === 'authorize' && (await isSubscriber()))) found.push(node);
  }
  return found;
}

/** Picks those of the subscribers of a node at the service who may read it now. They are looked up together. */
export async function readersAmong(holder: RowHolder, node: PepNode, people: readonly Jid[]): Promise<ReadonlySet<string>> {
  const { access, groups } = node.config;
  const readers = new Set<string>();
  const unsure: Jid[] = [];
  for (const person of people) {
    if (mayBeTold(holder, node, person)) readers.add(person.bare.toString());
    else if (affiliationOf(holder, node, person) === 'none') unsure.push(person);
  }
  if (unsure.length === 0 || (access !== 'presence' && access !== 'roster')) return readers;
  for (const owner of rostersOf(holder, node)) {
    for (const { jid, item } of await findContacts(owner, unsure))
      if (isContact(item, { access, groups })) readers.add(jid.bare.toString());
  }
  return readers;
}

/** §7.1.3.1. @throws {StanzaError} forbidden */
export async function checkPublisher(holder: RowHolder, asker: Jid, node: PepNode): Promise<void> {
  const affiliation = affiliationOf(holder, node, asker);
  if (affiliation === 'owner' || affiliation === 'publisher' || affiliation === 'publish-only') return;
  const { publishModel } = node.config;
  if (affiliation !== 'outcast') {
    if (publishModel === 'open') return;
    if (publishModel === 'subscribers' && (await subscriptionsOf(holder, node, asker)).length > 0) return;
  }
  throw new StanzaError('forbidden', 'you may not publish here');
}
