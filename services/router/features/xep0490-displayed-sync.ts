/**
 * XEP-0490: Message Displayed Synchronization, with server assist (§4.5). When a client sends a message with `<displayed/>`, the
 * server makes it an item of the account's own node, and removes it before the message is archived, copied or forwarded. The
 * item's id is the `to` of the message as the client wrote it: a contact, a room (`groupchat` to its bare JID) or an occupant.
 *
 * Ids and stanza-ids are opaque (§5.2). The server does not check whose they are, or whether a client goes back to an older one.
 * A client can damage only its own account's node, and other clients have to expect any content there (§5.1).
 *
 * Hostile: a contact sends `<displayed/>`, which is ignored, or makes a client send it back in an error, so nothing in an error
 * is published. If the node is full, or the recipient's JID is too long for an id, the item is lost, but the message is not.
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

/** Publishes the item. If the message is refused, its turn is discarded, and with it the publication. */
async function publishDisplayed(account: Account, id: string, payload: string): Promise<void> {
  try {
    await publish(account, NS, { id, payload }, new Map());
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error; // if the item is refused, the message still goes on
  }
}
