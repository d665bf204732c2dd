/**
 * XEP-0280: Message Carbons, with all rules of §6.1 (`urn:xmpp:carbons:rules:0`).
 *
 * Whether a session wants copies stands in its entry. Copies are made after delivery, from the bytes that were delivered;
 * they never pass `arrive`, where everything that claims to be one is stripped (§11; core/amend.ts).
 */
import { isMintedBefore } from '../../../lib/runtime/ids.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { roomsDomain } from '../../../lib/runtime/tenants.ts';
import { escapeAttribute, xml } from '../../../lib/xmpp/element.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { isArchived } from '../archive/archive.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature, Outcome } from '../core/feature.ts';
import { sessionPart } from '../core/session-part.ts';
import type { Pending } from '../core/stages.ts';
import { Superseded } from '../core/writers.ts';

const NS = 'urn:xmpp:carbons:2';
const hintsNs = 'urn:xmpp:hints';
const mucUserNs = 'http://jabber.org/protocol/muc#user';

export const carbons: AccountFeature = {
  spec: 'XEP-0280',
  version: '1.0.1',
  title: 'Message Carbons',
  disco: { host: [NS, 'urn:xmpp:carbons:rules:0'], account: [NS, 'urn:xmpp:carbons:rules:0'] },
  iq: [
    { type: 'set', ns: NS, name: 'enable', to: 'self', handle: (_request, account) => turn(account, true) },
    { type: 'set', ns: NS, name: 'disable', to: 'self', handle: (_request, account) => turn(account, false) },
  ],
  outbound: { follow: copySent },
  inbound: { follow: copyReceived },
};

type Kind = 'sent' | 'received';

const wantsCopies = sessionPart<boolean>('carbons');
/** The request that has turned them on or off last, except for the first one. */
const lastRequest = sessionPart<string>('carbonsBy');

/** The first request has none before it that could come again. @throws {Superseded} */
async function turn(account: Account, isOn: boolean): Promise<undefined> {
  const id = account.turn.by?.id;
  await account.updateSession((entry) => {
    const last = lastRequest.of(entry);
    if (id !== undefined && last !== undefined && isMintedBefore(id, last)) throw new Superseded();
    const wasOn = wantsCopies.of(entry);
    if (wasOn === isOn) return entry;
    const turned = wantsCopies.with(entry, isOn);
    return wasOn === undefined ? turned : lastRequest.with(turned, id);
  });
}

/** §6.1, §9. */
function isEligible(stanza: Stanza, kind: Kind, account: Account): boolean {
  if (stanza.hasChild('private', NS) || stanza.hasChild('no-copy', hintsNs)) return false;
  const type = messageType(stanza);
  if (type === 'groupchat') return false;
  if (isInvitation(stanza)) return true;
  const other = kind === 'received' ? stanza.from : stanza.to;
  const isRoom = other?.domain === roomsDomain(account.domain);
  // what a room says itself of a message is about a groupchat message
  if (type === 'error') return kind === 'received' && !(isRoom && other?.isBare === true);
  // the room has sent a private message to each client that is there
  if (kind === 'received' && (isRoom || stanza.hasChild('x', mucUserNs))) return false;
  if (type === 'chat') return true;
  return (
    (type === 'normal' && stanza.hasChild('body', 'jabber:client')) || stanza.children.some(({ ns }) => conversationNs.has(ns))
  );
}

/** XEP-0249, or mediated as in XEP-0045 §7.8.2. */
function isInvitation(stanza: Stanza): boolean {
  if (stanza.hasChild('x', 'jabber:x:conference')) return true;
  return stanza.child('x', mucUserNs)?.getChild('invite', mucUserNs) !== undefined;
}

/** §6.1 names the first three; messages of type `normal` with the others belong to a conversation as well. */
const conversationNs = new Set([
  'urn:xmpp:receipts',
  'http://jabber.org/protocol/chatstates',
  'urn:xmpp:chat-markers:0',
  'urn:xmpp:reactions:0',
  'urn:xmpp:jingle-message:0',
  'eu.siacs.conversations.axolotl',
  'urn:xmpp:omemo:2',
]);

/** §8. To oneself it arrives, and is copied as received. */
function copySent(stanza: Stanza, account: Account, { sessions, delivered }: Outcome, id: string): Pending {
  const others = sessions.filter((entry) => wantsCopies.of(entry) && !delivered.includes(entry));
  if (others.length === 0 || stanza.to!.bare.equals(account.jid) || !isEligible(stanza, 'sent', account)) return;
  return copySentTo(others, stanza, account, id);
}

async function copySentTo(others: readonly SessionEntry[], stanza: Stanza, account: Account, id: string): Promise<void> {
  // XEP-0313 §3.4: the recipient must not see our id, our own clients should
  const ownId =
    (await isArchived(account, stanza, 'out')) && xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: account.jid.toString(), id });
  copy('sent', stanza, account, others, ownId ? ownId.toString() : undefined);
}

/** §7. */
function copyReceived(stanza: Stanza, account: Account, { sessions, delivered }: Outcome): void {
  const sender = stanza.from?.bare.equals(account.jid) ? stanza.from.resource : undefined;
  const others = sessions.filter((entry) => wantsCopies.of(entry) && !delivered.includes(entry) && entry.resource !== sender);
  if (others.length > 0 && isEligible(stanza, 'received', account)) copy('received', stanza, account, others);
}

function copy(kind: Kind, stanza: Stanza, account: Account, others: readonly SessionEntry[], append?: string): void {
  const from = escapeAttribute(account.jid.toString());
  const bytes = Buffer.concat([
    Buffer.from(
      `<message from='${from}' type='${messageType(stanza)}'><${kind} xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'>`,
    ),
    stanza.render(stanza.attributes, { xmlns: 'jabber:client', append }),
    Buffer.from(`</forwarded></${kind}></message>`),
  ]);
  account.deliverTo(others, bytes, true);
}
