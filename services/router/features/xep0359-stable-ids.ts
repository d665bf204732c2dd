/**
 * XEP-0359: Unique and Stable Stanza IDs.
 *
 * The id is the one minted at ingress, which is the archive's id too (XEP-0313 §4.1.1). `stanza-id` elements that claim to come
 * from us are stripped, from whomever (§6).
 */
import { xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../account.ts';
import { storageOf } from '../archive.ts';
import type { AccountFeature, Amendment, Drop } from '../feature.ts';

const NS = 'urn:xmpp:sid:0';

export const stableIds: AccountFeature = {
  spec: 'XEP-0359',
  version: '0.7',
  title: 'Unique and Stable Stanza IDs',
  disco: { account: [NS] },
  outbound: { amend: (stanza, account, amendment) => amendment.strip(claims(stanza, account)) },
  inbound: { amend: stamp },
};

function stamp(stanza: Stanza, account: Account, amendment: Amendment, id: string): void {
  amendment.strip(claims(stanza, account));
  if (storageOf(stanza).archive) amendment.append(xml('stanza-id', { xmlns: NS, by: account.jid.toString(), id }));
}

/** `by` is compared as text with our prepared addresses; what does not prepare to them is not ours to clients either. */
function claims(stanza: Stanza, account: Account): Drop {
  const ours = new Set([account.jid.toString(), account.domain]);
  return (child) =>
    child.name === 'stanza-id' && child.ns === NS && ours.has(`${stanza.elementOf(child).attrs.by}`.toLowerCase());
}
