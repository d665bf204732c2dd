/**
 * XEP-0490: Message Displayed Synchronization, with server assist (§4.5): of a `<displayed/>` within a message that a client sends the
 * server makes an item of the account's own node, and takes it out before the message is kept, copied or forwarded. The item's id is the
 * message's `to` as the client wrote it: a contact, a room (`groupchat` to its bare JID) or an occupant.
 *
 * Ids and stanza-ids are opaque (§5.2): the server does not look whose they are, nor whether a client goes back. All that a client can
 * spoil is its own account's node, where other clients expect any (§5.1).
 *
 * Hostile: a contact sends a `<displayed/>`, which is nobody's business here; or has a client send it back within an error, so errors are
 * no publications. Whoever fills the node, or addresses somebody whose JID is longer than an id can be, loses the item, not the message.
 */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature, Amendment, Drop } from '../core/feature.ts';
import type { Pending } from '../core/stages.ts';
import { privateConfig } from '../pep/node-config.ts';
import { publish, standalone } from '../pep/publish.ts';

const NS = 'urn:xmpp:mds:displayed:0';

export const displayedSync: AccountFeature = {
  spec: 'XEP-0490',
  version: '1.0.1',
  title: 'Message Displayed Synchronization, with server assist',
  disco: { account: ['urn:xmpp:mds:server-assist:0'] },
  nodes: [{ name: NS, config: privateConfig }],
  outbound: { amend: assist },
};

const isDisplayed: Drop = ({ name, ns }) => name === 'displayed' && ns === NS;

function assist(stanza: Stanza, account: Account, amendment: Amendment): Pending {
  const child = stanza.children.find(isDisplayed);
  if (!child) return;
  amendment.strip(isDisplayed);
  if (stanza.type === 'error') return;
  return publishDisplayed(account, stanza.attributes.to ?? account.jid.toString(), standalone(stanza.elementOf(child)));
}

/** Of a message that is refused nothing is published: it is the turn's to discard. */
async function publishDisplayed(account: Account, id: string, payload: string): Promise<void> {
  try {
    await publish(account, NS, { id, payload }, new Map());
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error; // the message is to go on, whatever the node has no room for
  }
}
