/**
 * What somebody at another server may send. What is for a full address counts for nothing here: whoever knows one was shown it, and what
 * rooms there send to their occupants is a lot.
 */
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { isContact } from '../core/remote-shares.ts';
import { rosterItems, rosterKey } from '../roster/roster.ts';
import { isListed } from './block-lists.ts';

type Refusal = StanzaError | undefined;

/** At once where nothing has to be read. @returns why it is refused; undefined when it may arrive. @throws {Unavailable} */
export function refusalOf(dependencies: Dependencies, tenant: Tenant, stanza: Stanza): Promise<Refusal> | Refusal {
  const { from, to } = stanza;
  if (isRosterPush(stanza)) return new StanzaError('service-unavailable');
  if (!from || !to || to.resource !== '' || stanza.type === 'error' || stanza.type === 'result') return undefined;
  const { remote } = dependencies.shares;
  if (!remote.maySend(from)) return new StanzaError('resource-constraint', 'you send too much at once');
  if (!isContact(stanza) || to.domain !== tenant.domain || to.local === '' || remote.haveMet(to, from)) return undefined;
  return refusalOfStranger(dependencies, tenant, from, to);
}

async function refusalOfStranger(dependencies: Dependencies, tenant: Tenant, from: Jid, to: Jid): Promise<Refusal> {
  const { remote } = dependencies.shares;
  const roster = Rows.ofAccount(dependencies.store, tenant.domain, to.local);
  const isKnown = (await roster.get(rosterItems, rosterKey(from))) !== undefined;
  if (!isKnown && !remote.mayMeet(from))
    return new StanzaError('resource-constraint', 'too many people hear of you for the first time');
  if (!isKnown && (await isListed(dependencies, tenant, from)))
    return new StanzaError('policy-violation', 'your address is on a block list', { type: 'cancel' });
  remote.noteMet(to, from);
  return undefined;
}

/** RFC 6121 §2.1.6: clients ignore it unless it is their own server's; not all do. */
function isRosterPush({ name, type, children }: Stanza): boolean {
  return (
    name === 'iq' && type === 'set' && children.some(({ ns, name: child }) => ns === 'jabber:iq:roster' && child === 'query')
  );
}
