/**
 * XEP-0280: Message Carbons.
 *
 * Whether a session wants copies stands in its session entry. Copies are made after delivery, from the bytes that were delivered.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../account.ts';
import type { AccountFeature, Drop, Outcome } from '../feature.ts';
import { messageType } from '../message.ts';

const NS = 'urn:xmpp:carbons:2';
const hintsNs = 'urn:xmpp:hints';
const mucUserNs = 'http://jabber.org/protocol/muc#user';

export const carbons: AccountFeature = {
  spec: 'XEP-0280',
  version: '1.0',
  title: 'Message Carbons',
  disco: { host: [NS, 'urn:xmpp:carbons:rules:0'], account: [NS, 'urn:xmpp:carbons:rules:0'] },
  iq: [
    { type: 'set', ns: NS, name: 'enable', to: 'self', handle: (_request, account) => turn(account, true) },
    { type: 'set', ns: NS, name: 'disable', to: 'self', handle: (_request, account) => turn(account, false) },
  ],
  outbound: { follow: copySent },
  inbound: {
    // §11: a copy that somebody else claims to be one never reaches a client as such
    amend: (_stanza, _account, amendment) => amendment.strip(isCarbon),
    follow: copyReceived,
  },
};

async function turn(account: Account, isOn: boolean): Promise<undefined> {
  await account.updateSession((entry) => ({ ...entry, carbons: isOn }));
}

const isCarbon: Drop = ({ name, ns }) => ns === NS && (name === 'sent' || name === 'received');

/** §6.1. */
function isEligible(stanza: Stanza): boolean {
  if (stanza.hasChild('private', NS) || stanza.hasChild('no-copy', hintsNs)) return false;
  const type = messageType(stanza);
  if (type === 'chat') return !stanza.hasChild('x', mucUserNs);
  if (type === 'error') return true;
  return type === 'normal' && isInstantMessage(stanza);
}

/** A `normal` message that is part of a conversation. */
function isInstantMessage(stanza: Stanza): boolean {
  return stanza.hasChild('body', 'jabber:client') || stanza.children.some(({ ns }) => conversationNs.has(ns));
}

const conversationNs = new Set([
  'urn:xmpp:receipts',
  'urn:xmpp:chat-markers:0',
  'http://jabber.org/protocol/chatstates',
  'urn:xmpp:reactions:0',
  'urn:xmpp:jingle-message:0',
  'eu.siacs.conversations.axolotl',
  'urn:xmpp:omemo:2',
]);

function copySent(stanza: Stanza, account: Account, { sessions, delivered }: Outcome): void {
  if (stanza.to!.bare.equals(account.jid)) return; // it arrives at each resource anyway
  copy('sent', stanza, account, sessions, delivered);
}

function copyReceived(stanza: Stanza, account: Account, { sessions, delivered }: Outcome): void {
  if (stanza.from?.bare.equals(account.jid) && stanza.to!.resource === '') return;
  copy('received', stanza, account, sessions, delivered);
}

function copy(
  kind: 'sent' | 'received',
  stanza: Stanza,
  account: Account,
  sessions: readonly SessionEntry[],
  delivered: readonly SessionEntry[],
): void {
  if (!isEligible(stanza)) return;
  const others = sessions.filter((entry) => entry.carbons && !delivered.includes(entry));
  if (others.length === 0) return;
  const inner = stanza.render(stanza.attributes, { xmlns: 'jabber:client' });
  const bytes = Buffer.concat([
    Buffer.from(
      `<message from='${escapeAttribute(account.jid.toString())}' type='${messageType(stanza)}'><${kind} xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'>`,
    ),
    inner,
    Buffer.from(`</forwarded></${kind}></message>`),
  ]);
  account.deliverTo(others, bytes, true);
}
