/**
 * XEP-0175 and RFC 4505: guests, who sign in without an account where the tenant's policy has that way. They talk with whoever is in the
 * tenant's domain: its accounts, its rooms, its components; with others if the policy says so.
 *
 * They have no contacts, no archive and no queue, no files, and nothing that lasts, such as a place in the list of a room's members. Of
 * their own account and of the domain they may ask what `forGuests` is said of.
 *
 * Hostile: a request that would leave a row with somebody else, such as a subscription to a node; a stanza to a server that hears of each
 * guest; a subscription request to or from one.
 */
import { isOperating } from '../../../lib/runtime/faults.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isGuest } from '../core/guests.ts';
import type { Pending } from '../core/stages.ts';
import { endGuest, sweepGuests } from '../removal/guests.ts';

const registerNs = 'jabber:iq:register';
const subscribing: ReadonlySet<string> = new Set(['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']);

export const anonymous: AccountFeature = {
  spec: 'XEP-0175',
  version: '1.0',
  title: 'Best Practices for Use of SASL ANONYMOUS',
  note: 'What a client says of itself (the trace of RFC 4505) is not kept. Affiliations that somebody gives a guest stay in the room.',
  outbound: { guard: checkSent },
  inbound: { guard: checkArrived },
  ended: endWithSession,
  sweep: sweepGuests,
};

function checkSent(stanza: Stanza, account: Account): Pending {
  if (!isGuest(account)) return;
  const { to, type = '' } = stanza;
  if (stanza.name === 'presence' && subscribing.has(type)) throw refused('guests have no contacts');
  if (stanza.name === 'iq' && type === 'set' && to !== undefined) checkRequest(stanza, to, account);
  return to && checkReach(account, to, () => refused(`guests reach ${account.tenant.domain} alone`));
}

/** What others would have to keep for somebody who is gone. @throws {StanzaError} */
function checkRequest(iq: Stanza, to: Jid, { tenant }: Account): void {
  const isAccount = to.domain === tenant.domain && to.local !== '' && to.resource === '';
  if (isAccount || iq.children[0]?.ns === registerNs) throw refused('guests cannot ask for this');
}

function checkArrived(stanza: Stanza, account: Account): Pending {
  if (!isGuest(account)) return;
  const { from, type = '' } = stanza;
  if (stanza.name === 'presence' && subscribing.has(type)) throw new StanzaError('service-unavailable');
  return from && checkReach(account, from, () => new StanzaError('service-unavailable'));
}

function refused(text: string): StanzaError {
  return new StanzaError('not-allowed', text);
}

/** Is the other one of the tenant's own domain, or of a service of it? @throws {StanzaError} */
function checkReach({ tenant, turn }: Account, { domain }: Jid, refusal: () => StanzaError): Pending {
  if (domain === tenant.domain || tenant.policy.guestReach === 'everywhere') return;
  const check = (owner: Tenant | undefined) => {
    if (owner?.domain !== tenant.domain) throw refusal();
  };
  const finding = turn.dependencies.tenants.place(domain);
  if (finding instanceof Promise) return finding.then((place) => check(place?.tenant));
  check(finding?.tenant);
}

function endWithSession(account: Account): void {
  if (!isGuest(account)) return;
  const { turn, tenant, local } = account;
  turn.afterCommit(async () => {
    try {
      await endGuest(turn.dependencies, tenant, local);
    } catch (error) {
      if (!isOperating(error)) throw error;
      turn.dependencies.log.info({ err: error, domain: tenant.domain }, 'a guest is not erased yet; a later look does it');
    }
  });
}
