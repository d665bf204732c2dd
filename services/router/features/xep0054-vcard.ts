/**
 * XEP-0054: vcard-temp. One row per account holds the vCard as the client wrote it, apart from the photo, which is published as the avatar
 * (XEP-0398 §3.2). Everybody may read it (§3.3), also from another tenant.
 *
 * Somebody who tries to set another person's vCard gets `service-unavailable`, whether the account exists or not. (§3.2 suggests
 * `forbidden`, which would reveal that the account exists.)
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';
import { publishAvatar, readAvatar, withdrawAvatar } from '../profile/avatar.ts';
import { tempNs } from '../profile/vcard-fields.ts';
import { imageInTemp, keptTemp, nameVcard4, readTemp, vcards } from '../profile/vcards.ts';

export const vcard: AccountFeature = {
  spec: 'XEP-0054',
  version: '1.3.0',
  title: 'vcard-temp',
  disco: { host: [tempNs], account: [tempNs] },
  iq: [
    { type: 'get', ns: tempNs, name: 'vCard', to: 'self', handle: readOwn },
    { type: 'set', ns: tempNs, name: 'vCard', to: 'self', handle: write },
    { type: 'get', ns: tempNs, name: 'vCard', to: 'account', handle: readOther },
  ],
};

async function readOwn(_request: Element, account: Account): Promise<Element> {
  return (await readTemp(account, account.jid)) ?? xml('vCard', { xmlns: tempNs });
}

async function readOther(_request: Element, account: Account, iq: Stanza): Promise<Element> {
  const card = await readTemp(account, iq.from!);
  if (!card) throw new StanzaError('service-unavailable'); // §3.3: the same answer as for an account that does not exist
  return card;
}

async function write(request: Element, account: Account): Promise<undefined> {
  const image = imageInTemp(request);
  const kept = keptTemp(request, image);
  const text = kept.toString();
  const bytes = Buffer.byteLength(text);
  const max = routerLimits.vcardBytesMax;
  if (bytes > max) throw new StanzaError('not-acceptable', `a vCard of ${bytes} bytes without its photo; at most ${max}`);
  if (image) await publishAvatar(account, image);
  else if (await isPhotoTaken(account)) await withdrawAvatar(account);
  await account.update(vcards, '', () => ({ xml: text }));
  await nameVcard4(account, kept);
}

/** A vCard without a photo takes the avatar away, if its author was shown one: a photo that did not fit was not there. */
async function isPhotoTaken(account: Account): Promise<boolean> {
  const image = await readAvatar(account, account.jid);
  const card = image && (await readTemp(account, account.jid));
  return card !== undefined && imageInTemp(card)?.hash === image?.hash;
}
