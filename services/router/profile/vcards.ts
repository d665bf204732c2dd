/**
 * The two vCards of an account: vcard-temp (XEP-0054) in a row, and vCard4 (XEP-0292) as an item of a node. Both show the same name, and the
 * avatar as their photo.
 *
 * Everybody may read a vcard-temp, but the node may be configured to be read by few. So the name of a vcard-temp is written into the vCard4,
 * while that of a vCard4 is put into a vcard-temp when somebody reads it who may read the node. The photo is always put in when a vCard is
 * read; a vCard that would not fit into a stanza with it goes without.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { update } from '../../../lib/runtime/update.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import type { Account } from '../core/account.ts';
import { mayRead } from '../pep/access.ts';
import { listIds, readItems } from '../pep/items.ts';
import { findNode } from '../pep/nodes.ts';
import { findContact } from '../roster/roster.ts';
import { publishOpen, readAvatar } from './avatar.ts';
import { type Image, readImage } from './image.ts';
import { tempFrom, tempNs, vcard4From, vcard4Ns, withChildren, withNameOfTemp, withNameOfVcard4 } from './vcard-fields.ts';

export const vcard4Node = 'urn:xmpp:vcard4';

/** Without a photo that is the avatar. */
export const vcards = collection<{ readonly xml: string }>('vcard', 'account');

/** Reads the vcard-temp for somebody. @returns undefined if there is nothing to be shown */
export async function readTemp(account: Account, asker: Jid): Promise<Element | undefined> {
  const [row, vcard4, image] = await Promise.all([
    account.get(vcards),
    readVcard4Item(account, asker),
    readAvatar(account, asker),
  ]);
  const temp = row && parseElement(row.xml);
  const named = vcard4 ? (temp ? withNameOfVcard4(temp, vcard4.card) : tempFrom(vcard4.card)) : temp;
  if (!image) return named;
  const photo = xml('PHOTO', { xmlns: tempNs }, xml('TYPE', {}, image.type), xml('BINVAL', {}, image.base64));
  return withPhoto(named ?? xml('vCard', { xmlns: tempNs }), isTempPhoto, photo);
}

/** Reads the vCard4 for somebody. @returns undefined if there is nothing to be shown */
export async function readVcard4(account: Account, asker: Jid): Promise<Element | undefined> {
  const [item, row, image] = await Promise.all([readVcard4Item(account, asker), account.get(vcards), readAvatar(account, asker)]);
  const card = item?.card ?? (row && vcard4From(parseElement(row.xml)));
  if (!image) return card;
  return withPhoto(card ?? xml('vcard', { xmlns: vcard4Ns }), isVcard4Photo, photoElement(image));
}

function withPhoto(card: Element, isPhoto: (child: Element) => boolean, photo: Element): Element {
  const whole = withChildren(card, (child) => !isPhoto(child), [photo]);
  return Buffer.byteLength(whole.toString()) < xmppLimits.stanzaBytesMax ? whole : card;
}

/** RFC 2397. */
function photoElement({ type, base64 }: Image): Element {
  return xml('photo', { xmlns: vcard4Ns }, xml('uri', {}, `data:${type};base64,${base64}`));
}

function isTempPhoto(child: Element): boolean {
  return child.is('PHOTO', tempNs);
}

function isVcard4Photo(child: Element): boolean {
  return child.is('photo', vcard4Ns);
}

/** The image that a vcard-temp contains. */
export function imageInTemp(card: Element): Image | undefined {
  const photo = card.getChild('PHOTO', tempNs);
  return photo && readImage(photo.getChildText('BINVAL', tempNs) ?? '', photo.getChildText('TYPE', tempNs) ?? undefined);
}

/** The vcard-temp as it is kept. A photo that is not an image, such as a link, stays as it is. */
export function keptTemp(card: Element, image: Image | undefined): Element {
  return withChildren(card, (child) => !isTempPhoto(child) || (image === undefined && hasContent(child)), []);
}

/** An empty `<BINVAL/>` says that there is no photo (XEP-0153 §4.3). */
function hasContent(photo: Element): boolean {
  return ['BINVAL', 'EXTVAL'].some((name) => photo.getChildText(name, tempNs)?.trim());
}

/** The image that a vCard4 contains: a link to elsewhere is not one. */
export function imageInVcard4(card: Element): Image | undefined {
  const uri = card.getChild('photo', vcard4Ns)?.getChildText('uri', vcard4Ns)?.trim() ?? '';
  const [, type, base64] = /^data:([^;,]*);base64,(.*)$/is.exec(uri) ?? [];
  return base64 === undefined ? undefined : readImage(base64, type);
}

interface Vcard4Item {
  readonly id: string;
  readonly card: Element;
}

async function readVcard4Item(account: Account, asker: Jid): Promise<Vcard4Item | undefined> {
  const node = await findNode(account, vcard4Node);
  if (!node) return undefined;
  const isOpen = asker.bare.equals(account.jid) || node.config.access === 'open';
  if (!isOpen && !mayRead(account, asker, await findContact(account, asker), node)) return undefined;
  const [id] = await listIds(account, node);
  const [item] = id === undefined ? [] : await readItems(account, node, [id]);
  const card = item && parseElement(item.payload);
  return card?.is('vcard', vcard4Ns) ? { id: item!.id, card } : undefined;
}

/** Gives the vCard4 the name that the vcard-temp has now. If there is no vCard4, it is made from the other. @throws {StanzaError} */
export async function nameVcard4(account: Account, temp: Element): Promise<void> {
  const item = await readVcard4Item(account, account.jid);
  const next = item ? withNameOfTemp(item.card, temp) : vcard4From(temp);
  if (!item && next.children.length === 0) return;
  if (next.toString() !== item?.card.toString()) await publishOpen(account, vcard4Node, item?.id ?? 'current', next);
}

/** After the avatar has changed: no vCard shows the one before. Changes what is kept, and queues nothing but a notification. */
export async function renewPhotos(account: Account): Promise<void> {
  const image = await readAvatar(account, account.jid);
  if (image) {
    await update(account.rows, vcards, '', (row) => {
      const card = row && parseElement(row.xml);
      return card && imageInTemp(card) ? { ...row, xml: keptTemp(card, image).toString() } : row;
    });
  }
  const item = await readVcard4Item(account, account.jid);
  const shown = item && imageInVcard4(item.card);
  if (!shown || shown.hash === image?.hash) return;
  const bare = withChildren(item.card, (child) => !isVcard4Photo(child), []);
  await publishOpen(account, vcard4Node, item.id, image ? withPhoto(bare, isVcard4Photo, photoElement(image)) : bare);
}
