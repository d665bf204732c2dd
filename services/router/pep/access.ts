/**
 * Who may read a node (XEP-0060 §4.5). Requests of blocked users do not get this far (XEP-0191). Only the account itself may
 * write.
 */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { findContact, type RosterItem } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import type { PepNode } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

/** @throws {StanzaError} an error of XEP-0060 §6.5.9 if the asker may not read the node */
export async function checkReader(account: Account, asker: Jid, { config }: PepNode): Promise<void> {
  if (asker.bare.equals(account.jid) || config.access === 'open') return;
  if (config.access === 'whitelist') throw pubsubError('not-allowed', 'closed-node');
  if (mayRead(await findContact(account, asker), { config })) return;
  throw pubsubError('not-authorized', config.access === 'roster' ? 'not-in-roster-group' : 'presence-subscription-required');
}

/** May a person other than the account itself read the node? @param item what the account's roster says about the person */
export function mayRead(item: RosterItem, { config }: Pick<PepNode, 'config'>): boolean {
  switch (config.access) {
    case 'open':
      return true;
    case 'presence':
      return hasFrom(item);
    case 'roster':
      return hasFrom(item) && item.groups?.some((group) => config.groups.includes(group)) === true;
    case 'whitelist':
      return false;
  }
}

/** Picks the nodes that the asker may read. */
export async function readableNodes(account: Account, asker: Jid, nodes: readonly PepNode[]): Promise<readonly PepNode[]> {
  if (asker.bare.equals(account.jid)) return nodes;
  const item = await findContact(account, asker);
  return nodes.filter((node) => mayRead(item, node));
}
