/**
 * XEP-0379: Pre-Authenticated Roster Subscription, by the server: a request for a subscription with the token of an invite is approved, and the
 * same is asked of the contact. A token that is not good counts as none (§4.1).
 */
import { linkId } from '../../../lib/runtime/invite-wire.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { useForContact } from '../invites/invites.ts';
import { NS_PREAUTH } from './xep0445-preauth.ts';

export const preauthenticatedSubscription: AccountFeature = {
  spec: 'XEP-0379',
  version: '0.3.3',
  title: 'Pre-Authenticated Roster Subscription',
  note: 'the server approves, for tokens that it has made itself (XEP-0401)',
  approves: invited,
};

async function invited(account: Account, request: Stanza): Promise<(() => Promise<void>) | undefined> {
  const token = request.child('preauth', NS_PREAUTH)?.attrs.token as string | undefined;
  const contact = request.from?.bare;
  const { turn, tenant, local } = account;
  const { dependencies } = turn;
  if (!token || contact === undefined || !dependencies.shares.mayLookAtInvite(tenant.domain, `${contact}`)) return undefined;
  return useForContact(dependencies, tenant, linkId('invite', token), { local, contact: `${contact}` });
}
