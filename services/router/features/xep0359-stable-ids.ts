/**
 * XEP-0359: Unique and Stable Stanza IDs.
 *
 * The id is the one that was minted at ingress, and it is also the id in the archive (XEP-0313 §3.4). A `stanza-id` that claims
 * to come from us is always stripped (§3 rule 2; core/amend.ts). Other ones stay (rule 3).
 */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { isArchived } from '../archive/archive.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature, Amendment } from '../core/feature.ts';
import type { Pending } from '../core/stages.ts';

const NS = 'urn:xmpp:sid:0';

export const stableIds: AccountFeature = {
  spec: 'XEP-0359',
  version: '0.7.0',
  title: 'Unique and Stable Stanza IDs',
  disco: { account: [NS] },
  inbound: { amend: stamp },
};

/** Adds the id only to archived messages, because clients use it as a position in the archive (XEP-0313 §3.4). */
function stamp(stanza: Stanza, account: Account, amendment: Amendment, id: string): Pending {
  const isIn = isArchived(account, stanza, 'in');
  if (typeof isIn !== 'boolean') return isIn.then((answer) => void (answer && append(account, amendment, id)));
  if (isIn === true) append(account, amendment, id);
}

function append(account: Account, amendment: Amendment, id: string): void {
  // Each message has one, and a tree for it would cost ten times what its text does.
  const text = `<stanza-id xmlns='${NS}' by='${escapeAttribute(account.jid.toString())}' id='${escapeAttribute(id)}'/>`;
  amendment.appendText({ name: 'stanza-id', ns: NS, text });
}
