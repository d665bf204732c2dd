/**
 * Takes in a piece of an account, as XEP-0227 has it: a `<user/>` with some of its children. Accounts come in pieces because they may have
 * gigabytes. What is there stays, and what is missing is added; so any piece may come again, and an import that was interrupted is repeated
 * from its beginning.
 */
import { type Element, parseElement } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { privateNs } from '../accounts/private-xml.ts';
import { pubsubNs } from '../pep/pubsub-error.ts';
import { noteAvatar } from '../profile/avatar.ts';
import { tempNs } from '../profile/vcard-fields.ts';
import { rosterNs } from '../roster/roster.ts';
import type { Arrival } from './arrival.ts';
import { blockingNs, privacyNs, takeBlocklist, takeContact, takePrivacy, takeRequest } from './contacts.ts';
import { scramNs, takeKeys, takePassword } from './credentials.ts';
import { portableLimits } from './limits.ts';
import { takeArchive, takeUndelivered } from './messages.ts';
import { ownerNs, takeConfiguration, takeItems } from './nodes.ts';
import { takePrivate, takeVcard } from './profile.ts';

export const pieNs = 'urn:xmpp:pie:0';
export const pieMamNs = `${pieNs}#mam`;

type Taker = (arrival: Arrival, element: Element) => Promise<void>;

const children = (element: Element) => element.getChildElements() as Element[];
const one =
  (kind: string, take: (arrival: Arrival, element: Element) => Promise<boolean>): Taker =>
  (arrival, element) =>
    arrival.take(kind, `<${element.getName()}/>`, () => take(arrival, element));
const each =
  (kind: string, name: (child: Element) => string, take: (arrival: Arrival, child: Element) => Promise<boolean>): Taker =>
  async (arrival, element) => {
    for (const child of children(element)) await arrival.take(kind, name(child), () => take(arrival, child));
  };

function takeOneRequest(arrival: Arrival, element: Element): Promise<void> {
  return arrival.take('requests', `request of ${element.attrs.from}`, () => takeRequest(arrival, element));
}

/** By the name of the child of `<user/>`. */
const takers: Readonly<Record<string, Taker>> = {
  [`{${scramNs}}scram-credentials`]: one('keys', takeKeys),
  [`{${rosterNs}}query`]: each('contacts', ({ attrs }) => `contact ${attrs.jid}`, takeContact),
  '{jabber:client}presence': takeOneRequest,
  // COMPAT: prosody-migrator 0.12 leaves the namespace out. Remove this when no release that does is in use.
  [`{${pieNs}}presence`]: takeOneRequest,
  [`{${privacyNs}}query`]: takePrivacy,
  [`{${blockingNs}}blocklist`]: takeBlocklist,
  [`{${tempNs}}vCard`]: one('vCards', takeVcard),
  [`{${privateNs}}query`]: each('private', (child) => `private <${child.getName()}/>`, takePrivate),
  [`{${ownerNs}}pubsub`]: each('nodes', ({ attrs }) => `node ${attrs.node}`, takeConfiguration),
  [`{${pubsubNs}}pubsub`]: async (arrival, element) => {
    for (const items of element.getChildren('items', pubsubNs) as Element[])
      await takeItems(arrival, String(items.attrs.node ?? ''), children(items));
  },
  [`{${pieNs}}offline-messages`]: (arrival, element) => takeUndelivered(arrival, children(element)),
  [`{${pieMamNs}}archive`]: (arrival, element) => takeArchive(arrival, children(element)),
};

/** What may change the avatar. */
const shown = [`{${tempNs}}vCard`, `{${pubsubNs}}pubsub`, `{${ownerNs}}pubsub`];

/** @returns undefined when it is not a `<user/>` */
export function readPiece(text: string): Element | undefined {
  const bounds = {
    stanzaBytesMax: portableLimits.pieceBytesMax,
    depthMax: portableLimits.pieceDepthMax,
    attributesMax: portableLimits.pieceAttributesMax,
    elementsMax: portableLimits.pieceElementsMax,
    nameBytesMax: portableLimits.pieceNameBytesMax,
  };
  try {
    const user = parseElement(Stanza.parse(text, { defaultNs: '', bounds }).bytes);
    return user.is('user', pieNs) ? user : undefined;
  } catch (error) {
    if (error instanceof StreamError) return undefined;
    throw error;
  }
}

/** @throws {Unavailable} when it has to come again */
export async function takePiece(arrival: Arrival, user: Element): Promise<void> {
  const { turn } = arrival.account;
  if (user.attrs.password !== undefined) await takePassword(arrival, String(user.attrs.password));
  const names = new Set<string>();
  for (const child of children(user)) {
    const name = `{${child.getNS()}}${child.getName()}`;
    names.add(name);
    const take = takers[name];
    if (take) await take(arrival, child);
    else arrival.leaveOut(`<${child.getName()} xmlns='${child.getNS()}'/>`, 'it is not known here');
  }
  await turn.finish();
  if (shown.some((name) => names.has(name))) await noteAvatar(arrival.account);
}
