/**
 * XEP-0060: Publish-Subscribe, of accounts (XEP-0163), where the bare JID is the service, and of the pubsub service of each tenant,
 * `pubsub.example.org`. Both have the same requests (pep/dispatch.ts) on the same rows.
 *
 * Hostile: strangers read, or write to another person's node (pep/access.ts decides; blocked people never get this far), subscribe somebody
 * else, or by the thousand (pep/subscriptions.ts), make nodes without end, or store too much (pep/items.ts, pubsub/known-nodes.ts).
 */
import { NS_COMMANDS } from '../../../lib/xmpp/ad-hoc.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { Dropped } from '../core/dropped.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isGuest } from '../core/guests.ts';
import type { HostContext } from '../core/host.ts';
import type { IqAnswer } from '../core/replies.ts';
import { Turn } from '../core/turn.ts';
import { AccountPlace } from '../pep/account-place.ts';
import { forgetAffiliations } from '../pep/affiliations.ts';
import { isApproval, takeApproval } from '../pep/approvals.ts';
import { dispatch, featuresOf } from '../pep/dispatch.ts';
import { nodeRows } from '../pep/nodes.ts';
import { ownerNs, pubsubNs } from '../pep/pubsub-error.ts';
import { forgetSubscribers, pendingRows, subscriberRows } from '../pep/subscriptions.ts';
import { fanOutCount, fanOutsOf } from '../pubsub/fan-outs.ts';
import { forgetAtNodes } from '../pubsub/forget.ts';
import { knownRows } from '../pubsub/known-nodes.ts';
import { runCommand } from '../pubsub/pending-command.ts';
import { takeRefusal } from '../pubsub/refusals.ts';
import { describe, infoNs, itemsNs, list } from '../pubsub/service-disco.ts';
import { ServicePlace } from '../pubsub/service-place.ts';
import { pubsubNotifications } from '../pubsub/tell-page.ts';

export const pubsub: AccountFeature = {
  spec: 'XEP-0060',
  version: '1.30.0',
  title: 'Publish-Subscribe, of accounts and of pubsub services',
  note: 'One subscription of each address; no digests, message bodies or deliveries by presence in its options; no collections; `pubsub#type` is not compared with payloads; a redirect is told when a node is deleted, and not kept.',
  forgets: {
    collections: [nodeRows, subscriberRows, pendingRows],
    async forget(holder, gone) {
      await forgetSubscribers(holder, gone);
      await forgetAffiliations(holder, gone);
    },
  },
  figures: [pubsubNotifications, fanOutCount],
  tenantForgets: { collections: [knownRows], forget: forgetAtNodes },
  disco: {
    account: featuresOf('auto-subscribe', 'filtered-notifications', 'last-published', 'presence-notifications'),
    pubsub: [infoNs, itemsNs, NS_COMMANDS, ...featuresOf('get-pending')],
  },
  iq: (['self', 'account'] as const).flatMap((to) =>
    (['get', 'set'] as const).flatMap((type) =>
      [pubsubNs, ownerNs].map((ns) => ({ type, ns, name: 'pubsub', to, handle: askAccount })),
    ),
  ),
  pubsubIq: [
    { type: 'get', ns: infoNs, name: 'query', forGuests: true, handle: describe },
    { type: 'get', ns: itemsNs, name: 'query', forGuests: true, handle: list },
    { type: 'set', ns: NS_COMMANDS, name: 'command', handle: runCommand },
    ...(['get', 'set'] as const).flatMap((type) =>
      [pubsubNs, ownerNs].map((ns) => ({ type, ns, name: 'pubsub', forGuests: true as const, handle: askService })),
    ),
  ],
  pubsubMessage: takeMessage,
  inbound: { keep: (message, account) => (isApproval(message) ? takeAnswer(message, account) : undefined) },
  sweep: (dependencies, turn) => fanOutsOf(dependencies).sweep(turn),
};

function askAccount(request: Element, account: Account, iq: Stanza): Promise<IqAnswer> {
  return dispatch(new AccountPlace(account, iq.from ?? account.fullJid), iq.type as 'get' | 'set', request);
}

/** §6.1.3.6: guests may read. */
async function askService(request: Element, host: HostContext, iq: Stanza): Promise<IqAnswer> {
  if (iq.type === 'set' && host.account && isGuest(host.account)) throw new StanzaError('forbidden', 'guests may only read');
  return dispatch(new ServicePlace(host, iq.from!), iq.type as 'get' | 'set', request);
}

/** §8.6 at an account: what an owner says is for its nodes, and not for its sessions. @throws {StanzaError | Dropped} */
async function takeAnswer(message: Stanza, { turn, tenant, local }: Account): Promise<void> {
  const own = new Turn(turn.dependencies);
  await takeApproval(new AccountPlace(new Account(own, tenant, local), message.from!), message);
  await own.finish();
  throw new Dropped();
}

async function takeMessage(message: Stanza, host: HostContext): Promise<boolean> {
  if (message.type === 'error') await takeRefusal(host, message);
  else if (isApproval(message)) await takeApproval(new ServicePlace(host, message.from!), message);
  else return false;
  return true;
}
