/**
 * The avatar of an account: what its nodes of XEP-0084 show. The image is kept once, as an item of the data node; vCards are given it when
 * they are read, and its hash is stamped into presence (XEP-0398). A row says which image it is, so that presence costs one read:
 *
 *     {"hash":"…","item":"…","type":"image/png","access":"open"}   an empty hash: there is none any more
 *
 * Only who may read both nodes gets the image in a vCard (XEP-0398 §7). The hash of an image that only contacts may see does not go to
 * rooms and strangers, who would know the person by it.
 */
import { Conflict, Unavailable } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { emptySubmission } from '../../../lib/xmpp/data-form.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { mayRead } from '../pep/access.ts';
import { listIds, readItems } from '../pep/items.ts';
import { configOfNew, createNode, listNodes, type PepNode } from '../pep/nodes.ts';
import { publish } from '../pep/publish.ts';
import { findContact } from '../roster/roster.ts';
import { type Image, readImage } from './image.ts';

export const dataNs = 'urn:xmpp:avatar:data';
export const metadataNs = 'urn:xmpp:avatar:metadata';

export interface Avatar {
  /** SHA-1 of the image in hexadecimal digits; '' if the account has none any more. */
  readonly hash: string;
  /** The id of the item with the image. */
  readonly item: string;
  readonly type: string;
  /** Who may see it: everybody, those who see the account's presence, or fewer. */
  readonly access: 'open' | 'contacts' | 'few';
}

export const avatars = collection<Avatar>('avatar', 'account');

const noAvatar: Avatar = { hash: '', item: '', type: '', access: 'open' };

/**
 * Writes the row from what the nodes show now. Call it after the commit.
 * @returns whether the row has changed
 */
export async function noteAvatar(account: Account): Promise<boolean> {
  for (let tries = 0; tries < runtimeLimits.updateTriesMax; tries++) {
    const found = await account.rows.get(avatars, ''); // before the nodes are read: whoever changes them later changes the row later
    const avatar = await shownByNodes(account);
    if (isSame(found?.value ?? noAvatar, avatar)) return false;
    try {
      await account.rows.put(avatars, '', avatar, found ? { version: found.version } : 'absent');
      return true;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new Unavailable('the avatar changed each time that it was read');
}

function isSame(one: Avatar, other: Avatar): boolean {
  return one.hash === other.hash && one.item === other.item && one.type === other.type && one.access === other.access;
}

interface AvatarNodes {
  readonly metadata: PepNode;
  readonly data: PepNode;
}

async function nodesOf(account: Account): Promise<AvatarNodes | undefined> {
  const nodes = await listNodes(account);
  const metadata = nodes.find(({ name }) => name === metadataNs);
  const data = nodes.find(({ name }) => name === dataNs);
  return metadata && data && { metadata, data };
}

/** XEP-0398 §3.1. An item of metadata whose image is not there, or is another one, shows nothing. */
async function shownByNodes(account: Account): Promise<Avatar> {
  const nodes = await nodesOf(account);
  const [newest] = nodes ? await listIds(account, nodes.metadata) : [];
  if (!nodes || newest === undefined) return noAvatar;
  const [shown] = await readItems(account, nodes.metadata, [newest]);
  const named = shown && parseElement(shown.payload).getChildren('info', metadataNs);
  const info = named?.find(({ attrs }) => attrs.id !== undefined && attrs.url === undefined)?.attrs as Info | undefined;
  const image = info && (await readData(account, nodes.data, info.id, info.type));
  if (!image || image.hash !== info.id.toLowerCase()) return noAvatar;
  const { hash, type } = image;
  return { hash, item: info.id, type, access: accessOf(nodes) };
}

interface Info {
  readonly id: string;
  readonly type?: string;
}

/** An image of an unknown kind counts as PNG, which XEP-0084 §4.1 asks for. */
async function readData(account: Account, data: PepNode, id: string, type: string | undefined): Promise<Image | undefined> {
  const [item] = await readItems(account, data, [id]);
  const element = item && parseElement(item.payload);
  if (!element?.is('data', dataNs)) return undefined;
  return readImage(element.getText(), type) ?? readImage(element.getText(), 'image/png');
}

function accessOf({ metadata, data }: AvatarNodes): Avatar['access'] {
  const models = [metadata.config.access, data.config.access];
  if (models.every((model) => model === 'open')) return 'open';
  return models.every((model) => model === 'open' || model === 'presence') ? 'contacts' : 'few';
}

/** Reads the image for somebody. @returns undefined if there is none, or none that the asker may see */
export async function readAvatar(account: Account, asker: Jid): Promise<Image | undefined> {
  const avatar = await account.get(avatars);
  const nodes = avatar?.hash ? await nodesOf(account) : undefined;
  if (!avatar || !nodes) return undefined;
  if (!asker.bare.equals(account.jid) && accessOf(nodes) !== 'open') {
    const item = await findContact(account, asker);
    if (![nodes.metadata, nodes.data].every((node) => mayRead(account, asker, item, node))) return undefined;
  }
  return readData(account, nodes.data, avatar.item, avatar.type);
}

/**
 * Publishes an image that a vCard shows (XEP-0398 §3.2), for everybody, as vCards are, unless the nodes are configured otherwise. Nothing
 * happens if the avatar is this image already.
 * @throws {StanzaError}
 */
export async function publishAvatar(account: Account, { hash, type, bytes, base64 }: Image): Promise<void> {
  const avatar = await account.get(avatars);
  if (avatar?.hash === hash) return;
  const data = xml('data', { xmlns: dataNs }, base64);
  const metadata = xml('metadata', { xmlns: metadataNs }, xml('info', { bytes, id: hash, type }));
  for (const [node, payload] of [
    [dataNs, data],
    [metadataNs, metadata],
  ] as const) {
    await publishOpen(account, node, hash, payload);
  }
}

/** Publishes an item in a node that everybody may read if it has to be made. @throws {StanzaError} */
export async function publishOpen(account: Account, node: string, id: string, payload: Element): Promise<void> {
  const isThere = (await listNodes(account)).some(({ name }) => name === node);
  if (!isThere) await createNode(account, node, { ...configOfNew(account, node), access: 'open' });
  await publish(account, node, { id, payload: payload.toString() }, emptySubmission);
}

/** Publishes that there is no avatar (XEP-0084 §3.5), unless that is known. @throws {StanzaError} */
export async function withdrawAvatar(account: Account): Promise<void> {
  const avatar = await account.get(avatars);
  if (!avatar?.hash) return;
  const payload = xml('metadata', { xmlns: metadataNs }).toString();
  await publish(account, metadataNs, { id: account.turn.dependencies.ids.mint(), payload }, emptySubmission);
}
