/**
 * What is worth waking somebody for: what a person says, encrypted or not, and a call. Chat states, receipts, markers, reactions and
 * the like are not.
 */
import { messageType } from './message-type.ts';
import type { Stanza } from './stanza.ts';

const NS_CLIENT = 'jabber:client';
const NS_OPENPGP = 'urn:xmpp:openpgp:0';
const NS_ENCRYPTED = 'jabber:x:encrypted';
const omemo: ReadonlySet<string> = new Set(['urn:xmpp:omemo:2', 'urn:xmpp:omemo:1', 'eu.siacs.conversations.axolotl']);

/** Stanzas whose body, if there is one, is for clients that do not know what else they are (XEP-0428). */
const silent: readonly (readonly [name: string, ns: string])[] = [
  ['retract', 'urn:xmpp:message-retract:1'],
  ['reactions', 'urn:xmpp:reactions:0'],
  ['displayed', 'urn:xmpp:chat-markers:0'],
  ['received', 'urn:xmpp:receipts'],
];

/** @param stanza a message */
export function rings(stanza: Stanza): boolean {
  const type = messageType(stanza);
  if (type === 'error' || type === 'headline') return false;
  if (silent.some(([name, ns]) => stanza.hasChild(name, ns))) return false;
  return hasText(stanza) || isEncrypted(stanza) || isCall(stanza);
}

function hasText(stanza: Stanza): boolean {
  return stanza.hasChild('body', NS_CLIENT) && stanza.body !== '';
}

/** A message of XEP-0384 without a payload only exchanges keys. */
export function isEncrypted(stanza: Stanza): boolean {
  return stanza.children.some((child) => {
    if (child.name === 'openpgp' && child.ns === NS_OPENPGP) return true;
    if (child.name === 'x' && child.ns === NS_ENCRYPTED) return true;
    return child.name === 'encrypted' && omemo.has(child.ns) && stanza.elementOf(child).getChild('payload') !== undefined;
  });
}

/** XEP-0353, and XEP-0482 for calls of several. */
function isCall(stanza: Stanza): boolean {
  return stanza.hasChild('propose', 'urn:xmpp:jingle-message:0') || stanza.hasChild('invite', 'urn:xmpp:call-invites:0');
}
