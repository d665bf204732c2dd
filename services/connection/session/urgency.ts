/**
 * What a client that is not being used needs at once, and what can wait for it (XEP-0352).
 *
 * Four kinds can wait: presence of others; chat states that come alone (XEP-0085), also as a carbon; news of PEP nodes; and what is
 * said in a room and is not for the user. Everything else is urgent. So is what cannot be told apart, such as an encrypted message of
 * a room, or any message of a room where the nick of the client is not known.
 */
import type { Element } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { mentions } from '../../../lib/xmpp/mentions.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';

/** The client that is sent something. */
export interface Reader {
  /** The bare JID. */
  readonly account: string;
  /** Its nick in a room; undefined when that is not known. */
  readonly nickIn: (room: string) => string | undefined;
}

/**
 * A stanza with a name takes the place of the one before it that has this name in this group. One without a name stays, and nothing
 * that comes later takes the place of what its group has had before.
 */
export interface Waits {
  readonly group?: string;
  readonly name?: string;
}

const NS_STATES = 'http://jabber.org/protocol/chatstates';
const NS_EVENT = 'http://jabber.org/protocol/pubsub#event';
const NS_USER = 'http://jabber.org/protocol/muc#user';
const NS_CARBONS = 'urn:xmpp:carbons:2';
const NS_FORWARD = 'urn:xmpp:forward:0';
const NS_CLIENT = 'jabber:client';

/** What says nothing by itself. */
const marksNs = new Set([
  'urn:xmpp:hints',
  'urn:xmpp:sid:0',
  'urn:xmpp:delay',
  'urn:xmpp:occupant-id:0',
  'http://jabber.org/protocol/address',
  'http://jabber.org/protocol/nick',
]);

/** What a message of a room may consist of to be understood here. XEP-0384 and calls are not among it. */
const plainNs = new Set([
  ...marksNs,
  NS_CLIENT,
  NS_STATES,
  NS_USER,
  'urn:xmpp:receipts',
  'urn:xmpp:chat-markers:0',
  'urn:xmpp:reply:0',
  'urn:xmpp:reference:0',
  'urn:xmpp:fallback:0',
  'urn:xmpp:reactions:0',
  'urn:xmpp:message-correct:0',
  'urn:xmpp:message-retract:1',
  'urn:xmpp:styling:0',
  'jabber:x:oob',
  'http://jabber.org/protocol/xhtml-im',
]);

/** @returns undefined when the stanza is urgent */
export function waits(bytes: Buffer, reader: Reader): Waits | undefined {
  if (bytes[1] === 0x69) return undefined; // an iq: somebody waits for it
  const stanza = Stanza.parse(bytes);
  const { from } = stanza.attributes;
  if (from === undefined) return undefined;
  if (stanza.name === 'presence') return presenceWaits(stanza, from);
  if (stanza.name !== 'message') return undefined;
  const type = messageType(stanza);
  if (type === 'error') return undefined;
  if (isChatState(stanza)) return { group: `state ${from}`, name: '' };
  if (type === 'groupchat') return roomMessageWaits(stanza, from, reader);
  if (isStateCopy(stanza, reader)) return {};
  return newsWaits(stanza, from);
}

/** Presence that changes what the client sees of others. A request needs an answer, and what a room says of the client itself, too. */
function presenceWaits(stanza: Stanza, from: string): Waits | undefined {
  const { type } = stanza;
  if (type !== undefined && type !== 'unavailable') return undefined;
  const user = stanza.child('x', NS_USER);
  if (user?.getChildren('status').some(({ attrs }) => attrs.code === '110')) return undefined;
  return { group: presenceOf(from), name: '' };
}

function presenceOf(from: string): string {
  return `presence ${from}`;
}

function isChatState({ children }: Stanza): boolean {
  return isStateAlone(children.map(({ name, ns }) => ({ name, ns })));
}

function isStateAlone(children: readonly { readonly name: string; readonly ns: string }[]): boolean {
  let hasState = false;
  for (const { name, ns } of children) {
    if (ns === NS_STATES) hasState = true;
    else if (!marksNs.has(ns) && !(ns === NS_CLIENT && name === 'thread') && ns !== NS_USER) return false;
  }
  return hasState;
}

/** A carbon (XEP-0280) of a chat state. */
function isStateCopy(stanza: Stanza, { account }: Reader): boolean {
  if (stanza.attributes.from !== account) return false;
  const copy = stanza.child('received', NS_CARBONS) ?? stanza.child('sent', NS_CARBONS);
  const copied = copy?.getChild('forwarded', NS_FORWARD)?.getChildElements()[0] as Element | undefined;
  if (copied === undefined || copied.attrs.type === 'error') return false;
  const children = copied.getChildElements().map((child) => ({ name: child.getName(), ns: child.getNS() ?? NS_CLIENT }));
  return isStateAlone(children);
}

/** A message of an occupant stands behind the presence that came before it, and before the one that comes later. */
function roomMessageWaits(stanza: Stanza, from: string, { account, nickIn }: Reader): Waits | undefined {
  const occupant = Jid.tryParse(from);
  const room = occupant?.bare.toString();
  const nick = room === undefined ? undefined : nickIn(room);
  if (nick === undefined || occupant!.resource === nick) return undefined;
  if (!stanza.children.every(({ ns }) => plainNs.has(ns))) return undefined;
  if (mentions(stanza, { nick, addresses: [account, `${room}/${nick}`] })) return undefined;
  return { group: presenceOf(from) };
}

/** News of a node of an account (XEP-0163): the last of each item counts. What changes all items at once comes in its turn. */
function newsWaits(stanza: Stanza, from: string): Waits | undefined {
  const publisher = Jid.tryParse(from);
  if (publisher === undefined || publisher.local === '' || publisher.resource !== '') return undefined;
  if (!stanza.children.every(({ ns }) => ns === NS_EVENT || marksNs.has(ns))) return undefined;
  const changes = (stanza.child('event', NS_EVENT)?.getChildElements() ?? []) as Element[];
  const [change] = changes;
  if (change === undefined) return undefined;
  const group = `news ${from} ${change.attrs.node ?? ''}`;
  const items = change.getChildElements() as Element[];
  if (changes.length > 1 || !change.is('items') || items.length !== 1) return { group };
  return { group, name: items[0]!.attrs.id ?? '' };
}
