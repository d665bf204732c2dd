/** Who may read a node (XEP-0060 §4.5). Blocked users do not get here (XEP-0191). Only the account itself may write. */
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../account.ts';
import { mayProbe } from '../roster.ts';
import type { PepNode } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

/** @throws {StanzaError} as XEP-0060 §6.5.9 has it */
export async function checkReader(account: Account, asker: Jid, { config }: PepNode): Promise<void> {
  if (asker.bare.equals(account.jid) || config.access === 'open') return;
  if (config.access === 'whitelist') throw pubsubError('not-allowed', 'closed-node');
  if (!(await mayProbe(account, asker))) throw pubsubError('not-authorized', 'presence-subscription-required');
}

/** Those of the nodes that the asker may read. */
export async function readableNodes(account: Account, asker: Jid, nodes: readonly PepNode[]): Promise<readonly PepNode[]> {
  if (asker.bare.equals(account.jid)) return nodes;
  const isSubscriber = await mayProbe(account, asker);
  return nodes.filter(({ config }) => config.access === 'open' || (config.access === 'presence' && isSubscriber));
}
