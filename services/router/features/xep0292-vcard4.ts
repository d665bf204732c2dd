/**
 * XEP-0292: vCard4 Over XMPP, as an item of PEP (§3.1) and by IQ, as its versions before 0.12 had it. Its name and photo are those of the
 * vcard-temp (profile/vcards.ts).
 *
 * Everybody may read the node unless it is configured otherwise (XEP-0222), and a notification has no payload (§3.2.2).
 */
import { emptySubmission } from '../../../lib/xmpp/data-form.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { defaultConfig } from '../pep/node-config.ts';
import { publish, standalone } from '../pep/publish.ts';
import { publishAvatar } from '../profile/avatar.ts';
import { vcard4Ns } from '../profile/vcard-fields.ts';
import { imageInVcard4, readVcard4, vcard4Node } from '../profile/vcards.ts';

export const vcard4: AccountFeature = {
  spec: 'XEP-0292',
  version: '0.12.0',
  title: 'vCard4 Over XMPP',
  note: 'Contact vCards (§4) are items of PEP like any others.',
  disco: { account: [vcard4Ns] },
  nodes: [{ name: vcard4Node, config: { ...defaultConfig, access: 'open', deliverPayloads: false }, changed: takePhoto }],
  iq: [
    { type: 'get', ns: vcard4Ns, name: 'vcard', to: 'self', handle: readOwn },
    { type: 'set', ns: vcard4Ns, name: 'vcard', to: 'self', handle: write },
    { type: 'get', ns: vcard4Ns, name: 'vcard', to: 'account', handle: readOther },
  ],
};

async function readOwn(_request: Element, account: Account): Promise<Element> {
  return (await readVcard4(account, account.jid)) ?? xml('vcard', { xmlns: vcard4Ns });
}

async function readOther(_request: Element, account: Account, iq: Stanza): Promise<Element> {
  const card = await readVcard4(account, iq.from!);
  if (!card) throw new StanzaError('service-unavailable'); // as for an account that does not exist
  return card;
}

async function write(request: Element, account: Account): Promise<undefined> {
  await publish(account, vcard4Node, { id: 'current', payload: standalone(request) }, emptySubmission);
}

/** Publishes the image of a vCard4 as the avatar. A vCard4 without one says nothing of it: most clients show the avatar apart. */
async function takePhoto(account: Account, published: readonly { readonly payload: string }[]): Promise<void> {
  for (const { payload } of published) {
    const card = parseElement(payload);
    const image = card.is('vcard', vcard4Ns) ? imageInVcard4(card) : undefined;
    if (image) await publishAvatar(account, image);
  }
}
