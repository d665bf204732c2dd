/**
 * XEP-0280: Message Carbons, with all rules of §6.1 (`urn:xmpp:carbons:rules:0`).
 *
 * The entry of a session says whether it wants copies. Copies are made after the delivery, from the bytes that were delivered.
 * They do not arrive like other messages, because forged copies are stripped there (§11; core/amend.ts).
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

const wantsCopies = sessionPart<boolean>('carbons');

export const carbons: AccountFeature = {
  spec: 'XEP-0280',
  version: '1.0.1',
  title: 'Message Carbons',
  disco: { host: [NS, 'urn:xmpp:carbons:rules:0'], account: [NS, 'urn:xmpp:carbons:rules:0'] },
  iq: [
    { type: 'set', ns: NS, name: 'enable', to: 'self', forGuests: true, handle: (_request, account) => turn(account, true) },
    { type: 'set', ns: NS, name: 'disable', to: 'self', forGuests: true, handle: (_request, account) => turn(account, false) },
  ],
  inBind: { ns: NS, name: 'enable', begin: (entry) => wantsCopies.with(entry, true) },
  outbound: { follow: copySent },
  inbound: { follow: copyReceived },
};

type Kind = 'sent' | 'received';

/** The id of the last request that turned copies on or off; absent after the first one. */
const lastRequest = sessionPart<string>('carbonsBy');

/** Turns copies on or off. A late retry of an older request must not undo a newer one. @throws {Superseded} */
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

/** Is the message copied (§6.1, §9)? */
function isEligible(stanza: Stanza, kind: Kind, account: Account): boolean {
  const type = messageType(stanza);
  if (stanza.hasChild('private', NS)) return false;
  if (type !== 'error' && stanza.hasChild('no-copy', hintsNs)) return false; // XEP-0334 §5: hints in errors are what was sent
  if (type === 'groupchat') return false;
  if (isInvitation(stanza)) return true;
  const other = kind === 'received' ? stanza.from : stanza.to;
  const isRoom = other?.domain === roomsDomain(account.domain);
  // An error of the room itself is about a groupchat message.
  if (type === 'error') return kind === 'received' && !(isRoom && other?.isBare === true);
  // The room sends a private message to each client of the occupant itself.
  if (kind === 'received' && (isRoom || stanza.hasChild('x', mucUserNs))) return false;
  if (type === 'chat') return true;
  return (
    (type === 'normal' && stanza.hasChild('body', 'jabber:client')) || stanza.children.some(({ ns }) => conversationNs.has(ns))
  );
}

/** Is this an invitation: a direct one (XEP-0249), or one that a room passes on (XEP-0045 §7.8.2)? */
function isInvitation(stanza: Stanza): boolean {
  if (stanza.hasChild('x', 'jabber:x:conference')) return true;
  return stanza.child('x', mucUserNs)?.getChild('invite', mucUserNs) !== undefined;
}

/** Payloads that belong to a conversation, also in a message of type `normal`. §6.1 names the first three. */
const conversationNs = new Set([
  'urn:xmpp:receipts',
  'http://jabber.org/protocol/chatstates',
  'urn:xmpp:chat-markers:0',
  'urn:xmpp:reactions:0',
  'urn:xmpp:jingle-message:0',
  'eu.siacs.conversations.axolotl',
  'urn:xmpp:omemo:2',
]);

/** Copies a sent message (§8). A message to oneself also arrives, and is copied then. */
function copySent(stanza: Stanza, account: Account, { sessions, delivered }: Outcome, id: string): Pending {
  const others = sessions.filter((entry) => wantsCopies.of(entry) && !delivered.includes(entry));
  if (others.length === 0 || stanza.to!.bare.equals(account.jid) || !isEligible(stanza, 'sent', account)) return;
  return copySentTo(others, stanza, account, id);
}

async function copySentTo(others: readonly SessionEntry[], stanza: Stanza, account: Account, id: string): Promise<void> {
  // XEP-0313 §3.4: our own clients should see our id, and the recipient must not.
  const ownId =
    (await isArchived(account, stanza, 'out')) && xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: account.jid.toString(), id });
  copy('sent', stanza, account, others, ownId ? ownId.toString() : undefined);
}

/** Copies a received message (§7). */
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
