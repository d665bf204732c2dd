/** XEP-0227 §4.6, §4.7: the vCard and private XML. */
import { type Element, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { checkPrivate, privateElements, privateKey, readPrivate, writePrivate } from '../accounts/private-xml.ts';
import type { Account } from '../core/account.ts';
import { readStorage, storageKey, storageNs } from '../features/xep0402-bookmarks.ts';
import { routerLimits } from '../limits.ts';
import { configOfNew, findNode } from '../pep/nodes.ts';
import { standalone } from '../pep/publish.ts';
import { dataNs, metadataNs } from '../profile/avatar.ts';
import type { Image } from '../profile/image.ts';
import { tempNs } from '../profile/vcard-fields.ts';
import { imageInTemp, keptTemp, readTemp, vcards } from '../profile/vcards.ts';
import type { Arrival } from './arrival.ts';
import { publishQuietly, takeBookmarks } from './nodes.ts';

/** An account that has a vCard keeps it. Its photo becomes the avatar where there is none (XEP-0398). */
export async function takeVcard(arrival: Arrival, card: Element): Promise<boolean> {
  const { account } = arrival;
  if (await account.get(vcards)) return true;
  const image = imageInTemp(card);
  const text = standalone(keptTemp(card, image));
  const bytes = Buffer.byteLength(text);
  const max = routerLimits.vcardBytesMax;
  if (bytes > max) throw new StanzaError('not-acceptable', `a vCard of ${bytes} bytes without its photo; at most ${max}`);
  if (image && !(await findNode(account, metadataNs))) await showImage(arrival, image);
  await account.update(vcards, '', (there) => there ?? { xml: text });
  return true;
}

/** For everybody, as vCards are. */
async function showImage(arrival: Arrival, { hash, type, bytes, base64 }: Image): Promise<void> {
  const { account } = arrival;
  const info = xml('info', { bytes, id: hash, type });
  for (const [node, payload] of [
    [dataNs, xml('data', { xmlns: dataNs }, base64)],
    [metadataNs, xml('metadata', { xmlns: metadataNs }, info)],
  ] as const) {
    const config = { ...configOfNew(account, node), access: 'open' as const };
    await publishQuietly(arrival, node, [{ id: hash, payload: payload.toString() }], config);
  }
}

/** What the account has under a name already stays. */
export async function takePrivate(arrival: Arrival, element: Element): Promise<boolean> {
  const { account } = arrival;
  if (element.is('storage', storageNs)) return takeBookmarks(arrival, element);
  const key = privateKey(element.getName(), element.getNS());
  if ((await readPrivate(account, key)).length > 0) return true;
  const wanted = new Map([[key, [standalone(element)]]]);
  await checkPrivate(account, wanted);
  await writePrivate(account, wanted);
  return true;
}

/** With the photo, for servers that have no avatars in PEP. */
export async function vcardElement(account: Account): Promise<Element | undefined> {
  const card = await readTemp(account, account.jid);
  return card && withNs(card, tempNs);
}

function withNs(card: Element, ns: string): Element {
  card.attrs.xmlns ??= ns;
  return card;
}

/** With the bookmarks in their older form, for servers that know no other. */
export async function privateXmlElements(account: Account): Promise<Element[]> {
  const storage = await readStorage(account);
  const others = (await privateElements(account)).filter(({ key }) => key !== storageKey).flatMap(({ elements }) => elements);
  return [...(storage.getChildElements().length > 0 ? [storage] : []), ...others.map(verbatim)];
}
