/** What a person has written in a message, for searches. */
import { messageType } from './message-type.ts';
import type { Stanza } from './stanza.ts';

const NS_CLIENT = 'jabber:client';
/** Elements of encryption, whose body says only that the message is encrypted: XEP-0027, XEP-0373, XEP-0380, XEP-0384. */
const encryption: ReadonlySet<string> = new Set([
  'jabber:x:encrypted',
  'urn:xmpp:openpgp:0',
  'urn:xmpp:eme:0',
  'urn:xmpp:omemo:2',
  'urn:xmpp:omemo:1',
  'eu.siacs.conversations.axolotl',
]);

/**
 * @returns the bodies of a message in all its languages; '' when it has none, or is encrypted. OTR (XEP-0364) is a body that begins so.
 */
export function textOf(stanza: Stanza): string {
  if (messageType(stanza) === 'error' || stanza.children.some(({ ns }) => encryption.has(ns))) return '';
  let text = '';
  for (const child of stanza.children) {
    if (child.name !== 'body' || child.ns !== NS_CLIENT) continue;
    const body = stanza.elementOf(child).getText();
    if (body.startsWith('?OTR')) return '';
    text = text === '' ? body : `${text}\n${body}`;
  }
  return text;
}
